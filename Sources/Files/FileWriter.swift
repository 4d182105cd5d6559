// A file written from front to back through a buffer.

import Foundation

/// A new file, written from front to back; an existing one is replaced. `finish` must be called for the bytes to be complete.
public final class FileWriter {
    public let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private static let bufferSize = 1 << 20

    public init(path: String) throws(FileError) {
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw FileError.current("create", path) }
        descriptor = fd
        self.path = path
        buffer.reserveCapacity(Self.bufferSize + 4096)
    }

    deinit { close(descriptor) }

    public func append(_ bytes: some Sequence<UInt8>) throws(FileError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// Appends `value` in little endian.
    @inline(__always)
    public func append<T: FixedWidthInteger>(word value: T) throws(FileError) {
        withUnsafeBytes(of: value.littleEndian) { buffer.append(contentsOf: $0) }
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// Writes what is still buffered.
    public func finish() throws(FileError) { try flush() }

    private func flush() throws(FileError) {
        var done = 0
        while done < buffer.count {
            let n = buffer.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if n < 0 {
                if errno == EINTR { continue }
                throw FileError.current("write", path)
            }
            done += n
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
