// The beginning of a recording as a checksum: what recognises it wherever it was moved to.

import Files

/// XXH3-64 of a recording's first bytes. A recording that has grown since keeps it.
struct RecordingFingerprint: Codable, Hashable, Sendable {
    private static let mostBytes: Int64 = 64 << 10

    /// How many bytes: 64 KiB, or what there was.
    var bytes: Int64
    var hash: UInt64

    /// Of the recording at `path`, as it is now; nil when it cannot be read.
    static func read(_ path: String, bytes: Int64 = mostBytes) -> RecordingFingerprint? {
        guard let file = try? File(path: path), let first = try? file.bytes(in: 0..<min(bytes, mostBytes)) else {
            return nil
        }
        return RecordingFingerprint(bytes: Int64(first.count), hash: Checksum.of(first))
    }
}
