// What a session starts from, `base.json` beside its data.

import Foundation
import TensorFile

package struct SessionHeader: Codable, Sendable {
    /// Version of the session's files.
    var version: UInt32 = SidecarFormat.version
    /// The number that the session's commit will have; its data file has the same.
    var commit: Int
    /// The commit it changes; nil when it begins with the file without additions, whose bytes it holds itself.
    var base: Int?
    /// Nanoseconds since 1970.
    var startedAt: Int64
    var host: String
    var process: Int32
    /// What it was made for; when it was committed is not known yet.
    var info: CommitInfo
    /// The store brings a committed state into another layout: the session has no bytes that are not there as well.
    var carriesOver: Bool
    /// Bytes at the beginning of its data that nobody wrote: those of the file without additions.
    var skeletonBytes: Int64
    /// Records at the beginning of its journal that tell of these.
    var skeletonRecords: Int64

    package static func read(
        _ path: String, _ calls: any StorageCalls = SystemCalls()
    ) throws(SidecarError) -> SessionHeader? {
        guard let file = try StorageFile.ifThere(path, calls) else { return nil }
        let bytes = try file.bytes(in: 0..<file.size())
        struct Version: Codable { var version: UInt32 }
        let version = try JSONText.decode(Version.self, bytes, path).version
        guard version == SidecarFormat.version else { throw SidecarFormat.unknown(version, path) }
        return try JSONText.decode(SessionHeader.self, bytes, path)
    }
    /// As above; nil also when it is damaged or of a newer evh5. What the disk does not give is an error all the same.
    static func readable(_ path: String, _ calls: any StorageCalls) throws(SidecarError) -> SessionHeader? {
        do throws(SidecarError) { return try read(path, calls) } catch {
            guard error.code == .damaged || error.code == .unknownVersion else { throw error }
            return nil
        }
    }
}
