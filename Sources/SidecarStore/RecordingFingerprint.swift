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
        guard let file = try? File(path: path) else { return nil }
        return read(file, bytes: bytes)
    }

    /// Of `recording` at `path`; nil when another one is there by now, or it cannot be read.
    static func read(_ path: String, of recording: RecordingState) -> RecordingFingerprint? {
        guard let file = try? File(path: path), let status = try? file.status(), status.inode == recording.inode,
            status.device == recording.device
        else { return nil }
        return read(file, bytes: mostBytes)
    }

    static func read(_ file: File, bytes: Int64 = mostBytes) -> RecordingFingerprint? {
        guard let first = try? file.bytes(in: 0..<min(bytes, mostBytes)) else { return nil }
        return RecordingFingerprint(bytes: Int64(first.count), hash: Checksum.of(first))
    }
}
