// The system calls on files, in one place: errors become FileError, interrupted calls are repeated.

import Foundation
import Synchronization

/// What `stat` says of a file, as far as anyone here needs it.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Sendable, Hashable { case regular, directory, symbolicLink, other }
    public let kind: Kind
    public let device: UInt64
    public let inode: UInt64
    /// Bytes.
    public let size: Int64
    /// Nanoseconds since 1970; a time before 1677 or after 2262 is the first or last that can be said so.
    public let modified: Int64
    /// Permission bits.
    public let permissions: UInt32

    public init(_ s: stat) {
        kind =
            switch s.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        device = UInt64(s.st_dev)
        inode = UInt64(s.st_ino)
        size = Int64(s.st_size)
        modified = s.st_mtim.nanoseconds
        permissions = UInt32(s.st_mode & 0o7777)
    }

    /// The status of what `path` names; of the link itself when `followLink` is false.
    public init(path: String, followLink: Bool = true) throws(FileError) {
        var s = stat()
        let result = followLink ? stat(path, &s) : lstat(path, &s)
        guard result == 0 else { throw FileError.current("stat", path) }
        self.init(s)
    }
}

/// A file opened for reading; closed when the last reference goes.
public final class File: Sendable {
    public let descriptor: Int32
    public let path: String
    /// All bytes of a small file, where they are held.
    private let held = Mutex<[UInt8]?>(nil)

    /// Opens a regular file for reading; never blocks on a FIFO or device.
    public init(path: String) throws(FileError) {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { throw FileError.current("open", path) }
        descriptor = fd
        self.path = path
    }

    /// Takes an open file, which is closed with this value; `path` is for messages.
    public init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    public func status() throws(FileError) -> FileStatus {
        var s = stat()
        guard fstat(descriptor, &s) == 0 else { throw FileError.current("stat", path) }
        return FileStatus(s)
    }

    /// Reads the first `count` bytes, all that the file had when it was opened, at once: until `letGo`, reading gives
    /// these. For who reads a small file piece by piece.
    public func hold(_ count: Int) throws(FileError) {
        let bytes = try bytes(in: 0..<Int64(count))
        held.withLock { $0 = bytes }
    }

    /// Ends that.
    public func letGo() { held.withLock { $0 = nil } }

    private func readHeld(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int? {
        held.withLock { held in
            guard let held else { return nil }
            guard offset >= 0, offset < Int64(held.count) else { return 0 }
            let count = min(buffer.count, held.count - Int(offset))
            held.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + count]))
            }
            return count
        }
    }

    /// Reads into `buffer` from byte `offset` until it is full or the file ends; returns the number of bytes read.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        if let count = readHeld(into: buffer, at: offset) { return count }
        var done = 0
        while done < buffer.count {
            let n = pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done,
                off_t(offset.saturating(adding: Int64(done))))
            if n < 0 {
                if errno == EINTR { continue }
                throw FileError.current("read", path)
            }
            if n == 0 { break }
            done += n
        }
        return done
    }

    /// The bytes in `range`, fewer when the file ends before.
    public func bytes(in range: Range<Int64>) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var failure: FileError?
        let count = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(FileError) { return try read(into: buffer, at: range.lowerBound) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}

extension timespec {
    /// Nanoseconds since 1970. Anybody can give a file any time: what lies beyond the 292 years that 64 bits hold
    /// becomes the nearest that they do.
    public var nanoseconds: Int64 {
        let whole = Int64(tv_sec).saturating(multipliedBy: 1_000_000_000)
        // A time before the first is not brought back by its fraction of a second.
        return whole == .min ? .min : whole.saturating(adding: Int64(tv_nsec))
    }
}
