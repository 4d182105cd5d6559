// A machine that stops: only what was synced is sure to be there afterwards, files by fsync of the file, names by fsync
// of the folder. What a call to commit reported as done must survive that.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import Synchronization
import Testing

/// The system's calls, with notes of what a disk is sure to hold.
final class PowerCutCalls: ForwardingCalls {
    struct Disk: Sendable {
        /// Bytes of files, by inode, when they were last synced.
        var files: [UInt64: [UInt8]] = [:]
        /// Names in folders, by the folder's inode, when it was last synced.
        var folders: [UInt64: [String: UInt64]] = [:]
        /// Which inodes are folders.
        var isFolder: Set<UInt64> = []
    }

    let system = SystemCalls()
    private let disk = Mutex(Disk())
    /// The disk after each call.
    private let history = Mutex<[Disk]>([])

    func moments(_ root: String) -> [Disk] { history.withLock { $0 } }

    /// Takes all that is in a folder as synced.
    func adopt(_ folder: String) throws {
        try note(folder: folder)
        for name in names(folder) {
            let path = folder + "/" + name
            let status = try FileStatus(path: path)
            if status.kind == .directory {
                try adopt(path)
            } else {
                let bytes = try contents(path)
                disk.withLock { $0.files[status.inode] = bytes }
            }
        }
    }

    private func note(folder: String) throws(FileError) {
        var entries: [String: UInt64] = [:]
        var folders: [UInt64] = [try FileStatus(path: folder).inode]
        for name in names(folder) {
            let status = try FileStatus(path: folder + "/" + name, followLink: false)
            entries[name] = status.inode
            if status.kind == .directory { folders.append(status.inode) }
        }
        disk.withLock { [entries, folders] disk in
            disk.folders[folders[0]] = entries
            disk.isFolder.formUnion(folders)
        }
    }

    private func after<R>(_ body: () throws(FileError) -> R) throws(FileError) -> R {
        let result = try body()
        let disk = disk.withLock { $0 }
        history.withLock { $0.append(disk) }
        return result
    }

    func sync(_ descriptor: Int32, path: String) throws(FileError) {
        try after { () throws(FileError) in
            try system.sync(descriptor, path: path)
            var status = stat()
            fstat(descriptor, &status)
            if status.st_mode & S_IFMT == S_IFDIR {
                try note(folder: path)
            } else {
                // Also when it is open for writing only.
                let bytes = (try? contents("/proc/self/fd/\(descriptor)")) ?? []
                disk.withLock { $0.files[UInt64(status.st_ino)] = bytes }
            }
        }
    }

    func open(_ path: String, _ flags: Int32, permissions: UInt32) throws(FileError) -> Int32 {
        try after { () throws(FileError) in try system.open(path, flags, permissions: permissions) }
    }
    func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String
    ) throws(FileError) -> Int {
        try after { () throws(FileError) in try system.write(bytes, to: descriptor, at: offset, path: path) }
    }
    func truncate(_ descriptor: Int32, to size: Int64, path: String) throws(FileError) {
        try after { () throws(FileError) in try system.truncate(descriptor, to: size, path: path) }
    }
    func rename(_ old: String, to new: String) throws(FileError) {
        try after { () throws(FileError) in try system.rename(old, to: new) }
    }
    func link(_ old: String, to new: String) throws(FileError) {
        try after { () throws(FileError) in try system.link(old, to: new) }
    }
    func unlink(_ path: String) throws(FileError) {
        try after { () throws(FileError) in try system.unlink(path) }
    }
    func makeFolder(_ path: String, permissions: UInt32) throws(FileError) {
        try after { () throws(FileError) in try system.makeFolder(path, permissions: permissions) }
    }
    func removeFolder(_ path: String) throws(FileError) {
        try after { () throws(FileError) in try system.removeFolder(path) }
    }
}

extension PowerCutCalls.Disk {
    /// Writes what the disk holds below the folder with inode `root` to `target`.
    func restore(_ root: UInt64, to target: String) throws {
        mkdir(target, 0o700)
        for (name, inode) in folders[root] ?? [:] {
            if isFolder.contains(inode) {
                try restore(inode, to: target + "/" + name)
            } else {
                try write(files[inode] ?? [], to: target + "/" + name)
            }
        }
    }
}

@Suite struct PowerCutTests {
    /// What happens, with the states it is to lead to; `done` says how many of them have been reported as committed.
    private func check(
        _ place: Place, _ calls: PowerCutCalls, states: [FileModel?], _ base: SidecarBase,
        _ run: (SidecarStore, (Int) -> Void) throws -> Void
    ) throws {
        var committedAfter: [(moment: Int, states: Int)] = [(0, 0)]
        try run(place.store(calls)) { count in committedAfter.append((calls.moments(place.path).count, count)) }
        let root = try FileStatus(path: place.path).inode
        let moments = calls.moments(place.path)
        #expect(moments.count > 10)
        for (number, disk) in moments.enumerated() {
            let folder = try TemporaryFolder()
            try disk.restore(root, to: folder.path + "/disk")
            let directory = folder.path + "/disk/store"
            let store = SidecarStore(directory: directory, readOnly: false, helper: place.helper) { _ in }
            let found = try store.model(base)
            let done = committedAfter.last { $0.moment <= number + 1 }?.states ?? 0
            let possible = states[done...]
            #expect(possible.contains(found), "stopped after call \(number + 1), \(done) states committed")
            let maintenance = SidecarMaintenance(directory: directory, helper: place.helper)
            for entry in try maintenance.list() {
                #expect(entry.problem == nil && maintenance.verify(entry).problems == [], "after call \(number + 1)")
            }
            // It goes on from there.
            var model = found ?? FileModel(base.layout)
            try store.session(base, model.change([.write(Int64(model.bytes.count), pattern(300, 5))]))
            #expect(try store.model(base) == model)
        }
    }

    @Test(arguments: [0...0, 1...1, 2...3, 7...8])
    func sessions(_ numbers: ClosedRange<Int>) throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        for number in 0..<numbers.lowerBound {
            try place.store().session(base, SessionSeries.edits(number, &model))
        }
        let calls = PowerCutCalls()
        try calls.adopt(place.path)
        var states: [FileModel?] = [numbers.lowerBound == 0 ? nil : model]
        let edits = numbers.map { number in
            let edits = SessionSeries.edits(number, &model)
            states.append(model)
            return edits
        }
        try check(place, calls, states: states, base) { store, done in
            for (index, edits) in edits.enumerated() {
                try store.session(base, edits)
                done(index + 1)
            }
        }
    }

    @Test func restoring() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        var states: [FileModel?] = []
        for number in 0..<3 {
            try place.store().session(base, SessionSeries.edits(number, &model))
            states.append(model)
        }
        let calls = PowerCutCalls()
        try calls.adopt(place.path)
        try check(place, calls, states: [states[2], states[0], nil, states[0]], base) { store, done in
            let maintenance = SidecarMaintenance(directory: place.directory, helper: place.helper, calls: calls)
            _ = try maintenance.restore(maintenance.list()[0], commit: 1)
            done(1)
            _ = try store.remove(base)
            done(2)
            _ = try maintenance.restore(maintenance.list()[0])
            done(3)
        }
    }
}
