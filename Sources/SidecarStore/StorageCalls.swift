// Every system call that changes the store goes through here, so that tests can let each one fail in turn.

import Files
import Foundation

/// The system calls that change files and folders. Errors are the system's; nothing is repeated but interrupted calls.
public protocol StorageCalls: Sendable {
    /// open(2), close-on-exec.
    func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32
    /// close(2); what it reports is ignored, as only fsync tells of lost bytes.
    func close(_ descriptor: Int32)
    /// pwrite(2): may write fewer bytes than asked for.
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String) throws(FileError)
        -> Int
    /// ftruncate(2).
    func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError)
    /// fsync(2).
    func sync(_ descriptor: Int32, path: String) throws(FileError)
    /// flock(2), LOCK_EX | LOCK_NB; false when somebody else has the lock.
    func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool
    func rename(_ old: String, to new: String) throws(FileError)
    func link(_ old: String, to new: String) throws(FileError)
    func unlink(_ path: String) throws(FileError)
    /// mkdir(2).
    func makeFolder(_ path: String, permissions: UInt32) throws(FileError)
    /// rmdir(2).
    func removeFolder(_ path: String) throws(FileError)
}

/// The system's own calls.
public struct SystemCalls: StorageCalls {
    public init() {}

    public func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32 {
        let descriptor = repeating { Foundation.open(path, flags | O_CLOEXEC, mode_t(permissions)) }
        guard descriptor >= 0 else { throw FileError.current(flags & O_CREAT == 0 ? "open" : "create", path) }
        return descriptor
    }

    public func close(_ descriptor: Int32) { _ = Foundation.close(descriptor) }

    public func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int {
        let count = repeating { pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) }
        guard count >= 0 else { throw FileError.current("write", path) }
        return count
    }

    public func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError) {
        guard repeating({ ftruncate(descriptor, off_t(size)) }) == 0 else { throw FileError.current("truncate", path) }
    }

    public func sync(_ descriptor: Int32, path: String) throws(FileError) {
        guard repeating({ fsync(descriptor) }) == 0 else { throw FileError.current("sync", path) }
    }

    public func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool {
        if repeating({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw FileError.current("lock", path) }
        return false
    }

    public func rename(_ old: String, to new: String) throws(FileError) {
        guard Foundation.rename(old, new) == 0 else { throw FileError.current("rename", old) }
    }

    public func link(_ old: String, to new: String) throws(FileError) {
        guard Foundation.link(old, new) == 0 else { throw FileError.current("link", old) }
    }

    public func unlink(_ path: String) throws(FileError) {
        guard Foundation.unlink(path) == 0 else { throw FileError.current("remove", path) }
    }

    public func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        guard mkdir(path, mode_t(permissions)) == 0 else { throw FileError.current("create folder", path) }
    }

    public func removeFolder(_ path: String) throws(FileError) {
        guard rmdir(path) == 0 else { throw FileError.current("remove folder", path) }
    }

    private func repeating<I: SignedInteger>(_ call: () -> I) -> I {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}
