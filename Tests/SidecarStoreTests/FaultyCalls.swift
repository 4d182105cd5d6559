// System calls that fail as disks, quotas and crashes do.

import Files
import Foundation
import SidecarStore
import Synchronization

/// The system's calls, of which the n-th goes wrong.
final class FaultyCalls: StorageCalls {
    enum Fault: Sendable {
        /// It fails with this error and does nothing.
        case fails(Int32)
        /// It fails with this error although it was done.
        case lies(Int32)
        /// When it is a write, half of the bytes are written.
        case shortWrite
        /// From there on all fail: the process is as good as dead.
        case crash
    }

    private let system = SystemCalls()
    private let fault: Fault?
    private let at: Int
    private let state = Mutex((calls: 0, log: [String]()))

    /// - Parameter at: the call that goes wrong, from 1 on; 0 for none.
    init(_ fault: Fault? = nil, at: Int = 0) {
        self.fault = fault
        self.at = at
    }

    var count: Int { state.withLock { $0.calls } }
    var log: [String] { state.withLock { $0.log } }

    private func call<R>(_ what: String, _ body: () throws(FileError) -> R) throws(FileError) -> R {
        let number = state.withLock { state in
            state.calls += 1
            state.log.append(what)
            return state.calls
        }
        switch fault {
        case .fails(let number_) where number == at: throw FileError(errno: number_, message: "\(what): fault")
        case .lies(let number_) where number == at:
            _ = try body()
            throw FileError(errno: number_, message: "\(what): fault")
        case .crash where number >= at: throw FileError(errno: EIO, message: "\(what): crash")
        default: return try body()
        }
    }

    func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32 {
        // A descriptor that nobody learns of would be lost: these fail before they do anything.
        if case .lies = fault { return try system.open(path, flags, permissions: permissions) }
        if flags & (O_WRONLY | O_RDWR | O_CREAT | O_DIRECTORY) == 0 {
            return try look("open \(path)") { () throws(FileError) in
                try system.open(path, flags, permissions: permissions)
            }
        }
        return try call("open \(path)") { () throws(FileError) in
            try system.open(path, flags, permissions: permissions)
        }
    }

    func close(_ descriptor: Int32) { system.close(descriptor) }

    func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int {
        try call("write \(bytes.count) at \(offset) of \(path)") { () throws(FileError) in
            var bytes = bytes
            if case .shortWrite = fault, at == 0 || count == at, bytes.count > 1 {
                bytes = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)])
            }
            return try system.write(bytes, to: descriptor, at: offset, path: path)
        }
    }

    private static let isThorough = ProcessInfo.processInfo.environment["EVH5_FAULTS"] == "all"

    /// A call that changes nothing: it can fail, and nothing else. Only `.fails(EIO)` counts these, as the other faults
    /// are about what is written: those that list folders, and with EVH5_FAULTS=all every one.
    private func look<R>(
        _ what: String, lists: Bool = false, _ body: () throws(FileError) -> R
    ) throws(FileError) -> R {
        if case .fails(EIO) = fault, lists || FaultyCalls.isThorough { return try call(what, body) }
        if case .crash = fault, count >= at { throw FileError(errno: EIO, message: "\(what): crash") }
        return try body()
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int {
        try look("read \(buffer.count) at \(offset) of \(path)") { () throws(FileError) in
            try system.read(into: buffer, from: descriptor, at: offset, path: path)
        }
    }

    func status(of descriptor: Int32, path: String) throws(FileError) -> FileStatus {
        try look("fstat \(path)") { () throws(FileError) in try system.status(of: descriptor, path: path) }
    }

    func status(_ path: String) throws(FileError) -> FileStatus {
        try look("lstat \(path)") { () throws(FileError) in try system.status(path) }
    }

    func access(_ path: String, _ mode: Int32) throws(FileError) {
        try look("access \(path)") { () throws(FileError) in try system.access(path, mode) }
    }

    func openFolder(_ path: String) throws(FileError) -> FolderReader {
        try look("opendir \(path)", lists: true) { () throws(FileError) in try system.openFolder(path) }
    }

    /// Each name is a call of its own: listings fail at their beginning, in their middle and at their end.
    func next(_ folder: FolderReader) throws(FileError) -> FolderReader.Item? {
        try look("readdir \(folder.path)", lists: true) { () throws(FileError) in try system.next(folder) }
    }

    func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError) {
        try call("truncate \(path)") { () throws(FileError) in try system.truncate(descriptor, to: size, path: path) }
    }

    func sync(_ descriptor: Int32, path: String) throws(FileError) {
        try call("sync \(path)") { () throws(FileError) in try system.sync(descriptor, path: path) }
    }

    func lock(_ descriptor: Int32, path: String) throws(FileError) -> Bool {
        if case .lies = fault { return try system.lock(descriptor, path: path) }
        return try call("lock \(path)") { () throws(FileError) in try system.lock(descriptor, path: path) }
    }

    func rename(_ old: String, to new: String) throws(FileError) {
        try call("rename \(old) to \(new)") { () throws(FileError) in try system.rename(old, to: new) }
    }

    func link(_ old: String, to new: String) throws(FileError) {
        try call("link \(old) to \(new)") { () throws(FileError) in try system.link(old, to: new) }
    }

    func unlink(_ path: String) throws(FileError) {
        try call("unlink \(path)") { () throws(FileError) in try system.unlink(path) }
    }

    func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        try call("mkdir \(path)") { () throws(FileError) in try system.makeFolder(path, permissions: permissions) }
    }

    func removeFolder(_ path: String) throws(FileError) {
        try call("rmdir \(path)") { () throws(FileError) in try system.removeFolder(path) }
    }
}

/// A file system whose files have one name only.
struct CallsWithoutLinks: ForwardingCalls {
    let system = SystemCalls()

    func link(_ old: String, to new: String) throws(FileError) {
        throw FileError(errno: EPERM, message: "no links here")
    }
}
