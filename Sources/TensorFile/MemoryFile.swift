// An unnamed file in memory: sparse up to 2^63 - 1 bytes, where ext4 stops at 16 TB, and never on a disk.

import CHDF5
import Glibc

/// A file in memory; gone when this value is.
struct MemoryFile: ~Copyable {
    private let descriptor: Int32

    init() throws(TensorFileError) {
        descriptor = CHDF5_memoryFile("evh5")
        guard descriptor >= 0 else { throw MemoryFile.failure("make") }
    }

    deinit { close(descriptor) }

    /// A path that opens this file.
    var path: String { "/proc/self/fd/\(descriptor)" }

    func size() throws(TensorFileError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw MemoryFile.failure("stat") }
        return Int64(status.st_size)
    }

    func bytes(in range: Range<Int64>) throws(TensorFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress! + done, $0.count - done, off_t(range.lowerBound) + off_t(done))
            }
            if n < 0, errno == EINTR { continue }
            guard n > 0 else { throw MemoryFile.failure("read") }
            done += n
        }
        return bytes
    }

    private static func failure(_ operation: String) -> TensorFileError {
        TensorFileError(
            .systemFailed, "cannot \(operation) a file in memory (memfd): \(String(cString: strerror(errno)))")
    }
}
