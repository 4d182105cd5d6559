// A file of the store that is open: whole reads and writes over the calls that may do a part only.

import Files
import Foundation

/// An open file; closed when the last reference goes.
final class StorageFile: Sendable {
    let descriptor: Int32
    let path: String
    private let calls: any StorageCalls

    init(_ path: String, _ flags: Int32, permissions: UInt32 = 0o600, _ calls: any StorageCalls) throws(SidecarError) {
        do throws(FileError) { descriptor = try calls.open(path, flags, permissions: permissions) } catch {
            throw SidecarError(error)
        }
        self.path = path
        self.calls = calls
    }

    deinit { calls.close(descriptor) }

    /// Opens a file for reading; nil when there is none. Never blocks on a FIFO or device.
    static func ifThere(_ path: String, _ calls: any StorageCalls) throws(SidecarError) -> StorageFile? {
        do throws(SidecarError) { return try StorageFile(path, O_RDONLY | O_NONBLOCK, calls) } catch {
            guard error.saysMissing else { throw error }
            return nil
        }
    }

    /// Writes all of `bytes`; some of them may be written when it fails.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        do throws(FileError) {
            try FileCalls.whole(bytes, path) { rest, done throws(FileError) in
                try calls.write(rest, to: descriptor, at: offset + Int64(done), path: path)
            }
        } catch { throw SidecarError(error) }
    }

    func write(_ bytes: [UInt8], at offset: Int64 = 0) throws(SidecarError) {
        try withBytes(bytes) { bytes throws(SidecarError) in try write(bytes, at: offset) }
    }

    /// Reads from byte `offset` on until `buffer` is full or the file ends; the number of bytes read.
    private func readSome(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(SidecarError) -> Int {
        var done = 0
        do throws(FileError) {
            while done < buffer.count {
                let count = try calls.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), from: descriptor,
                    at: offset + Int64(done), path: path)
                if count == 0 { break }
                done += count
            }
        } catch { throw SidecarError(error) }
        return done
    }

    /// Fills `buffer` from byte `offset` on.
    ///
    /// - Throws: `.damaged` when the file ends before.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        let count = try readSome(into: buffer, at: offset)
        guard count == buffer.count else {
            throw SidecarError(
                .damaged,
                "'\(path)' ends at byte \(offset + Int64(count)): it is shorter than it was when it was committed")
        }
    }

    /// The bytes in `range`, fewer when the file ends before.
    func bytes(in range: Range<Int64>) throws(SidecarError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, SidecarError> in
            do throws(SidecarError) { return .success(try readSome(into: buffer, at: range.lowerBound)) } catch {
                return .failure(error)
            }
        }
        bytes.removeLast(bytes.count - (try result.get()))
        return bytes
    }

    func status() throws(SidecarError) -> FileStatus {
        do throws(FileError) { return try calls.status(of: descriptor, path: path) } catch {
            throw SidecarError(error)
        }
    }

    func size() throws(SidecarError) -> Int64 { try status().size }

    func truncate(to size: Int64) throws(SidecarError) {
        do throws(FileError) { try calls.truncate(descriptor, to: size, path: path) } catch {
            throw SidecarError(error)
        }
    }

    func sync() throws(SidecarError) {
        do throws(FileError) { try calls.sync(descriptor, path: path) } catch { throw SidecarError.sync(error) }
    }

    func lock() throws(SidecarError) -> Bool {
        do throws(FileError) { return try calls.lock(descriptor, path: path) } catch { throw SidecarError(error) }
    }
}

/// The array's bytes, for a body that throws an error of its own type.
func withBytes<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(SidecarError) -> R
) throws(SidecarError) -> R {
    let result = bytes.withUnsafeBytes { bytes -> Result<R, SidecarError> in
        do throws(SidecarError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
}
