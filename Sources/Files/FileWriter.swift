// A file written from front to back through a buffer.

import Foundation

/// A new file, written from front to back; an existing one is replaced. `finish` must be called for the bytes to be
/// complete.
public final class FileWriter {
    public let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private static let bufferSize = 1 << 20

    public init(path: String) throws(FileError) {
        descriptor = try FileCalls.open(path, O_WRONLY | O_CREAT | O_TRUNC)
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
        let failure = buffer.withUnsafeBytes { bytes -> FileError? in
            do throws(FileError) {
                try FileCalls.write(bytes, to: descriptor, path)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        buffer.removeAll(keepingCapacity: true)
    }
}
