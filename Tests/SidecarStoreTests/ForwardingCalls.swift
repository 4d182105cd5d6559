// System calls as the system has them, for tests that change some of them.

import Files
import SidecarStore

/// Calls that are the system's, but for those that a type has its own of.
protocol ForwardingCalls: StorageCalls {
    var system: SystemCalls { get }
}

extension ForwardingCalls {
    func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32 {
        try system.open(path, flags, permissions: permissions)
    }
    func close(_ descriptor: Int32) { system.close(descriptor) }
    func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int { try system.write(bytes, to: descriptor, at: offset, path: path) }
    func read(
        into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int { try system.read(into: buffer, from: descriptor, at: offset, path: path) }
    func status(of descriptor: Int32, path: String) throws(FileError) -> FileStatus {
        try system.status(of: descriptor, path: path)
    }
    func status(_ path: String) throws(FileError) -> FileStatus { try system.status(path) }
    func access(_ path: String, _ mode: Int32) throws(FileError) { try system.access(path, mode) }
    func openFolder(_ path: String) throws(FileError) -> FolderReader { try system.openFolder(path) }
    func next(_ folder: FolderReader) throws(FileError) -> FolderReader.Item? { try system.next(folder) }
    func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError) {
        try system.truncate(descriptor, to: size, path: path)
    }
    func sync(_ descriptor: Int32, path: String) throws(FileError) { try system.sync(descriptor, path: path) }
    func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool {
        try system.lock(descriptor, path: path)
    }
    func rename(_ old: String, to new: String) throws(FileError) { try system.rename(old, to: new) }
    func unlink(_ path: String) throws(FileError) { try system.unlink(path) }
    func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        try system.makeFolder(path, permissions: permissions)
    }
    func removeFolder(_ path: String) throws(FileError) { try system.removeFolder(path) }
    func link(_ old: String, to new: String) throws(FileError) { try system.link(old, to: new) }
}
