// Every system call on the store's files goes through here, so that tests can let each one fail in turn.

import Files
import Foundation

/// The system calls that read and change files and folders. Errors are the system's; nothing is repeated but
/// interrupted calls.
public protocol StorageCalls: Sendable {
    /// open(2), close-on-exec.
    func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32
    /// close(2); what it reports is ignored, as only fsync tells of lost bytes.
    func close(_ descriptor: Int32)
    /// pread(2): may read fewer bytes than asked for; 0 at the file's end.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int
    /// pwrite(2): may write fewer bytes than asked for.
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String) throws(FileError)
        -> Int
    /// ftruncate(2).
    func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError)
    /// fsync(2).
    func sync(_ descriptor: Int32, path: String) throws(FileError)
    /// flock(2), LOCK_EX | LOCK_NB; false when somebody else has the lock.
    func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool
    /// fstat(2).
    func status(of descriptor: Int32, path: String) throws(FileError) -> FileStatus
    /// lstat(2).
    func status(_ path: String) throws(FileError) -> FileStatus
    /// faccessat(2) with the effective rights: throws when `mode` (R_OK, W_OK, X_OK) is not allowed.
    func access(_ path: String, _ mode: Int32) throws(FileError)
    /// opendir(3).
    func openFolder(_ path: String) throws(FileError) -> FolderReader
    /// readdir(3): the next name of a folder; nil after the last one.
    func next(_ folder: FolderReader) throws(FileError) -> FolderReader.Item?
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
        try FileCalls.open(path, flags, permissions: permissions)
    }

    public func close(_ descriptor: Int32) { _ = Foundation.close(descriptor) }

    public func read(
        into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int { try FileCalls.readSome(into: buffer, from: descriptor, at: offset, path) }

    public func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int { try FileCalls.writeSome(bytes, to: descriptor, at: offset, path) }

    public func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError) {
        try FileCalls.truncate(descriptor, to: size, path)
    }

    public func sync(_ descriptor: Int32, path: String) throws(FileError) { try FileCalls.sync(descriptor, path) }

    public func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool {
        try FileCalls.lock(descriptor, path)
    }

    public func status(of descriptor: Int32, path: String) throws(FileError) -> FileStatus {
        try FileCalls.status(of: descriptor, path)
    }

    public func status(_ path: String) throws(FileError) -> FileStatus {
        try FileStatus(path: path, followLink: false)
    }

    public func access(_ path: String, _ mode: Int32) throws(FileError) { try FileCalls.access(path, mode) }

    public func openFolder(_ path: String) throws(FileError) -> FolderReader { try FolderReader(path) }

    public func next(_ folder: FolderReader) throws(FileError) -> FolderReader.Item? { try folder.next() }

    public func rename(_ old: String, to new: String) throws(FileError) { try FileCalls.rename(old, to: new) }

    public func link(_ old: String, to new: String) throws(FileError) { try FileCalls.link(old, to: new) }

    public func unlink(_ path: String) throws(FileError) { try FileCalls.unlink(path) }

    public func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        try FileCalls.makeFolder(path, permissions: permissions)
    }

    public func removeFolder(_ path: String) throws(FileError) { try FileCalls.removeFolder(path) }
}
