// The system calls that make, change and list files and folders, for all layers: interrupted calls are repeated,
// partial writes go on, and what the system refuses becomes a FileError. Reading has its own place in File.swift.

import Foundation

public enum FileCalls {
    /// What `call` returns, repeated while signals interrupt it; negative with `errno` when it failed.
    @inline(__always)
    public static func repeating<I: SignedInteger>(_ call: () -> I) -> I {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    /// What `call` returns.
    ///
    /// - Throws: the system's error, as one of `operation` on `path`.
    @discardableResult
    @inline(__always)
    public static func value<I: SignedInteger>(
        _ operation: String, _ path: String, _ call: () -> I
    ) throws(FileError) -> I {
        let result = repeating(call)
        guard result >= 0 else { throw FileError.current(operation, path) }
        return result
    }

    // MARK: Files

    /// open(2), close-on-exec.
    public static func open(
        _ path: String, _ flags: Int32, permissions: UInt32 = 0o644
    ) throws(FileError) -> Int32 {
        try value(flags & O_CREAT == 0 ? "open" : "create", path) {
            Foundation.open(path, flags | O_CLOEXEC, mode_t(permissions))
        }
    }

    /// close(2). What it reports of bytes that a network filesystem could not store is thrown; the descriptor is gone
    /// in any case.
    public static func close(_ descriptor: Int32, _ path: String) throws(FileError) {
        guard Foundation.close(descriptor) != 0, errno != EINTR else { return }
        throw FileError.current("write", path)
    }

    /// pwrite(2): may write fewer bytes than asked for.
    public static func writeSome(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, _ path: String
    ) throws(FileError) -> Int {
        try value("write", path) { pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) }
    }

    /// Writes all of `bytes` from byte `offset` on; some of them may be written when it fails.
    public static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, _ path: String
    ) throws(FileError) {
        try whole(bytes, path) { rest, done throws(FileError) in
            try writeSome(rest, to: descriptor, at: offset + Int64(done), path)
        }
    }

    /// Writes all of `bytes` where the descriptor is; some of them may be written when it fails.
    public static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
    ) throws(FileError) {
        try whole(bytes, path) { rest, _ throws(FileError) in
            try value("write", path) { Foundation.write(descriptor, rest.baseAddress, rest.count) }
        }
    }

    /// Calls `write`, which may take a part, until all is written; it gets the rest and how much went before.
    public static func whole(
        _ bytes: UnsafeRawBufferPointer, _ path: String,
        _ write: (UnsafeRawBufferPointer, Int) throws(FileError) -> Int
    ) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = try write(UnsafeRawBufferPointer(rebasing: bytes[done...]), done)
            // A write of nothing would go on for ever.
            guard count > 0 else {
                throw FileError(errno: EIO, message: "cannot write '\(path)': the system wrote nothing")
            }
            done += count
        }
    }

    /// pread(2): may read fewer bytes than asked for; 0 at the file's end.
    public static func readSome(
        into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int64, _ path: String
    ) throws(FileError) -> Int {
        try value("read", path) { pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// ftruncate(2).
    public static func truncate(_ descriptor: Int32, to size: Int64, _ path: String) throws(FileError) {
        try value("truncate", path) { ftruncate(descriptor, off_t(size)) }
    }

    /// fsync(2).
    public static func sync(_ descriptor: Int32, _ path: String) throws(FileError) {
        try value("sync", path) { fsync(descriptor) }
    }

    /// flock(2), LOCK_EX | LOCK_NB; false when somebody else has the lock.
    public static func lock(_ descriptor: Int32, _ path: String) throws(FileError) -> Bool {
        if repeating({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw FileError.current("lock", path) }
        return false
    }

    /// fstat(2).
    public static func status(of descriptor: Int32, _ path: String) throws(FileError) -> FileStatus {
        var status = stat()
        try value("stat", path) { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    // MARK: Names

    public static func rename(_ old: String, to new: String) throws(FileError) {
        try value("rename", old) { Foundation.rename(old, new) }
    }

    public static func link(_ old: String, to new: String) throws(FileError) {
        try value("link", old) { Foundation.link(old, new) }
    }

    public static func unlink(_ path: String) throws(FileError) {
        try value("remove", path) { Foundation.unlink(path) }
    }

    public static func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        try value("create folder", path) { mkdir(path, mode_t(permissions)) }
    }

    public static func removeFolder(_ path: String) throws(FileError) {
        try value("remove folder", path) { rmdir(path) }
    }

    /// faccessat(2) with the rights that this process works with: throws when it may not do `mode` (R_OK, W_OK, X_OK)
    /// there.
    public static func access(_ path: String, _ mode: Int32) throws(FileError) {
        let operation =
            mode & W_OK != 0 ? "write to" : mode & X_OK != 0 ? "look into" : mode & R_OK != 0 ? "read" : "find"
        try value(operation, path) { faccessat(AT_FDCWD, path, mode, AT_EACCESS) }
    }

    /// Makes what was created, renamed or removed in the folder durable.
    public static func syncFolder(_ path: String) throws(FileError) {
        let descriptor = try open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY)
        defer { _ = Foundation.close(descriptor) }
        do throws(FileError) { try sync(descriptor, path) } catch {
            // Filesystems that cannot sync a folder have nothing to sync there.
            if error.errno != EINVAL && error.errno != ENOTSUP { throw error }
        }
    }

    /// Gives the finished file `temporary` the name `path`, and makes both durable: the bytes, then the name.
    public static func publish(_ descriptor: Int32, _ temporary: String, as path: String) throws(FileError) {
        try sync(descriptor, temporary)
        try rename(temporary, to: path)
        try syncFolder((path as NSString).deletingLastPathComponent)
    }
}
