// A file without a name, for code that wants a path.

import Foundation

/// Bytes as a file in memory, gone with the process.
final class MemoryFile {
    private let fd: Int32
    let path: String

    /// nil when the system does not give one.
    init?() {
        let folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
        var name = Array("\(folder)/evh5-fuzz-XXXXXX".utf8CString)
        fd = mkstemp(&name)
        guard fd >= 0 else { return nil }
        unlink(name)
        path = "/proc/self/fd/\(fd)"
    }

    deinit { close(fd) }

    /// Makes these the file's bytes; false when the system does not.
    func set(_ parts: [UnsafeRawBufferPointer]) -> Bool {
        guard ftruncate(fd, 0) == 0 else { return false }
        var end = 0
        for part in parts {
            guard append(part, at: end) else { return false }
            end += part.count
        }
        return true
    }

    func append(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        bytes.isEmpty || pwrite(fd, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count
    }
}
