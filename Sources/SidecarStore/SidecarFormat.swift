// A committed state as a file, `commits/<n>` and `current`.
//
//      0  magic, "evh5side"               40  bytes of the virtual file, i64
//      8  version, u32                    48  XXH3-64 of the extents
//     12  bytes of the JSON, u32          56  JSON in UTF-8: CommitInfo
//     16  number of the commit, u64           data files: number u64, bytes u64, XXH3-64 of them
//     24  data files, u32; 4 zero bytes       XXH3-64 of all bytes before
//     32  extents, u64                        extents: virtual offset u64, length u64, data file u64, its offset u64
//
// All numbers are little endian. Extents are sorted by virtual offset and do not overlap; what they leave out is zeros.
// The head (all before the extents) can be read and checked alone.

import Files
import Foundation
import TensorFile

/// The format of everything in a store.
enum SidecarFormat {
    /// To be raised whenever the layout of a commit file or a session's files, or the meaning of a field, changes in
    /// a way that this reader does not understand. Every older version must stay readable.
    static let version: UInt32 = 1
    static let magic = Array("evh5side".utf8)
    static let headBytes = 56
    /// A longer JSON is not believed: memory is taken for it.
    static let largestInfo = 1 << 20
    static let largestFiles = 1 << 16
    static let extentBytes = 32

    static func unknown(_ version: UInt32, _ path: String) -> SidecarError {
        SidecarError(
            .unknownVersion,
            "'\(path)' has the format version \(version), this evh5 knows versions up to \(SidecarFormat.version): "
                + "use the evh5 that wrote it or a newer one")
    }

    static func damaged(_ path: String, _ how: String) -> SidecarError {
        SidecarError(
            .damaged,
            "'\(path)' is damaged (\(how)): restore an earlier state with `evh5 sidecar restore --state`, or a backup of the store"
        )
    }
}

/// What a committed state says of itself and of what it was made for.
struct CommitInfo: Codable, Hashable, Sendable {
    var key: SidecarKey
    var recording: RecordingState
    var fingerprint: RecordingFingerprint?
    var layout: SidecarLayout
    /// XXH3-64 of head and tail of the file without additions.
    var skeletonDigest: UInt64
    var programVersion: String
    var tensorVersion: Int
    /// Nanoseconds since 1970.
    var committedAt: Int64
    /// What happened other than that somebody wrote.
    var note: String?
}

/// A data file that a committed state needs.
struct DataFileRecord: Hashable, Sendable {
    var number: Int64
    var length: Int64
    var hash: UInt64
}

/// The head of a committed state: all but the extents.
package struct CommitHead: Hashable, Sendable {
    var number: Int
    var size: Int64
    var info: CommitInfo
    var files: [DataFileRecord]
    var extentCount: Int
    var extentHash: UInt64
    /// Tells this state from every other one: the checksum of the head, which has the checksums of all else.
    var identity: UInt64

    /// Bytes of the commit file.
    package var fileBytes: Int64 { Int64(extentsOffset + extentCount * SidecarFormat.extentBytes) }
    /// Where the extents begin in the commit file.
    fileprivate(set) var extentsOffset: Int

    /// Whether the virtual file is the same, byte for byte, in both states.
    func hasSameBytes(as other: CommitHead) -> Bool {
        size == other.size && files == other.files && extentHash == other.extentHash && extentCount == other.extentCount
    }

    /// Bytes that data files and the commit file take.
    package var heldBytes: Int64 { files.reduce(fileBytes) { $0 + $1.length } }
}

/// A committed state, complete.
package final class CommittedState: Sendable {
    package let head: CommitHead
    package let extents: ExtentMap

    var number: Int { head.number }
    var info: CommitInfo { head.info }
    package var size: Int64 { head.size }

    init(head: CommitHead, extents: ExtentMap) {
        self.head = head
        self.extents = extents
    }

    /// A new state, and the bytes of its file.
    static func make(
        number: Int, size: Int64, info: CommitInfo, files: [DataFileRecord], extents: ExtentMap
    ) throws(SidecarError) -> (state: CommittedState, bytes: [UInt8]) {
        var table: [UInt8] = []
        table.reserveCapacity(extents.count * SidecarFormat.extentBytes)
        extents.visit { extent in
            table.append(number: extent.start)
            table.append(number: extent.length)
            table.append(number: extent.file)
            table.append(number: extent.offset)
        }
        let json = Array(try JSONText.encode(info, pretty: false).utf8)
        let extentHash = Checksum.of(table)
        var bytes = SidecarFormat.magic
        bytes.append(number: SidecarFormat.version)
        bytes.append(number: UInt32(json.count))
        bytes.append(number: UInt64(number))
        bytes.append(number: UInt32(files.count))
        bytes.append(number: UInt32(0))
        bytes.append(number: UInt64(extents.count))
        bytes.append(number: size)
        bytes.append(number: extentHash)
        bytes += json
        for file in files {
            bytes.append(number: file.number)
            bytes.append(number: file.length)
            bytes.append(number: file.hash)
        }
        let identity = Checksum.of(bytes)
        bytes.append(number: identity)
        let head = CommitHead(
            number: number, size: size, info: info, files: files, extentCount: extents.count, extentHash: extentHash,
            identity: identity, extentsOffset: bytes.count)
        return (CommittedState(head: head, extents: extents), bytes + table)
    }

    /// Reads a commit file; nil when there is none.
    package static func read(
        _ path: String, _ calls: any StorageCalls = SystemCalls()
    ) throws(SidecarError) -> CommittedState? {
        guard let file = try StorageFile.ifThere(path, calls) else { return nil }
        let (head, size) = try readHead(file)
        guard size == head.fileBytes else { throw SidecarFormat.damaged(path, "its length is wrong") }
        let table = try file.bytes(in: Int64(head.extentsOffset)..<head.fileBytes)
        guard Checksum.of(table) == head.extentHash else { throw SidecarFormat.damaged(path, "its checksum is wrong") }
        let extents = table.withUnsafeBytes { bytes in
            ExtentMap(
                sorted: (0..<head.extentCount).lazy.map { index in
                    func number(_ field: Int) -> Int64 {
                        Int64(
                            littleEndian: bytes.loadUnaligned(
                                fromByteOffset: index * SidecarFormat.extentBytes + field * 8, as: Int64.self))
                    }
                    return Extent(start: number(0), length: number(1), file: number(2), offset: number(3))
                })
        }
        guard let extents else { throw SidecarFormat.damaged(path, "its extents overlap") }
        let lengths = Dictionary(head.files.map { ($0.number, $0.length) }, uniquingKeysWith: max)
        var inside = extents.end <= head.size
        extents.visit { inside = inside && $0.offset + $0.length <= lengths[$0.file] ?? 0 }
        guard inside else { throw SidecarFormat.damaged(path, "its extents leave their files") }
        return CommittedState(head: head, extents: extents)
    }

    /// Reads and checks the head of a commit file alone; nil when there is none.
    static func readHead(_ path: String, _ calls: any StorageCalls) throws(SidecarError) -> CommitHead? {
        guard let file = try StorageFile.ifThere(path, calls) else { return nil }
        return try readHead(file).head
    }

    private static func readHead(_ file: StorageFile) throws(SidecarError) -> (head: CommitHead, size: Int64) {
        let status = try file.status()
        let start = try file.bytes(in: 0..<Int64(SidecarFormat.headBytes))
        guard start.starts(with: SidecarFormat.magic), start.count >= 12 else {
            throw SidecarFormat.damaged(file.path, "it does not begin as such a file does")
        }
        let fields = try withBytes(start) { bytes throws(SidecarError) in
            var reader = ByteReader(bytes)
            _ = reader.take(8)
            let version: UInt32 = reader.number() ?? 0
            guard version == SidecarFormat.version else { throw SidecarFormat.unknown(version, file.path) }
            guard let json: UInt32 = reader.number(), let number: UInt64 = reader.number(),
                let files: UInt32 = reader.number(), reader.number(UInt32.self) == 0,
                let extents: UInt64 = reader.number(), let size: Int64 = reader.number(),
                let hash: UInt64 = reader.number(), json <= SidecarFormat.largestInfo,
                files <= SidecarFormat.largestFiles, number > 0, number < UInt64(Int32.max), size >= 0,
                extents <= UInt64(status.size) / UInt64(SidecarFormat.extentBytes)
            else { throw SidecarFormat.damaged(file.path, "its first bytes make no sense") }
            return (
                json: Int(json), number: Int(number), files: Int(files), extents: Int(extents), size: size, hash: hash
            )
        }
        let rest = fields.json + fields.files * 24
        let all = start + (try file.bytes(in: 56..<Int64(56 + rest + 8)))
        guard all.count == 56 + rest + 8 else { throw SidecarFormat.damaged(file.path, "it is cut off") }
        let (identity, info, files) = try withBytes(all) { bytes throws(SidecarError) in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[56...]))
            let json = reader.take(fields.json).map { Array($0) } ?? []
            var files: [DataFileRecord] = []
            for _ in 0..<fields.files {
                files.append(
                    DataFileRecord(
                        number: reader.number() ?? 0, length: reader.number() ?? 0, hash: reader.number() ?? 0))
            }
            let identity: UInt64 = reader.number() ?? 0
            guard Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<(56 + rest)])) == identity else {
                throw SidecarFormat.damaged(file.path, "its checksum is wrong")
            }
            return (identity, try JSONText.decode(CommitInfo.self, json, file.path), files)
        }
        let head = CommitHead(
            number: fields.number, size: fields.size, info: info, files: files, extentCount: fields.extents,
            extentHash: fields.hash, identity: identity, extentsOffset: 56 + rest + 8)
        return (head, status.size)
    }
}

/// JSON in the store's files.
enum JSONText {
    static func encode(_ value: some Encodable, pretty: Bool) throws(SidecarError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys]
        do { return String(decoding: try encoder.encode(value), as: UTF8.self) } catch {
            throw SidecarError(.io, "cannot write JSON: \(error)", cause: error)
        }
    }

    static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8], _ path: String) throws(SidecarError) -> T {
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw SidecarFormat.damaged(path, "its JSON cannot be read: \(error)")
        }
    }
}
