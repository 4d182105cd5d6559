// Operations that change files: writing sessions, and taking back what was added.

import Files
import Foundation
import Synchronization

extension VirtualFileSystem {
    /// Opens the virtual file of `node` for writing, or joins the opening that the same process has.
    func openForWriting(_ node: Node, _ file: RecordingFile, by process: Int32) throws(FileSystemError)
        -> WritingSession
    {
        while true {
            while let writer = writers.withLock({ $0[node.inode] }) {
                if writer.join(process) { return writer }
                guard writer.waitForRelease() else {
                    let who = writer.process == 0 ? "" : " (process \(writer.process))"
                    throw FileSystemError(
                        EBUSY,
                        "'\(node.key)' is open for writing elsewhere\(who); one process at a time may write a file",
                        level: .notice)
                }
            }
            // Two threads of one process share a session: one takes the lock, the others see what becomes of it.
            let mine = DispatchGroup()
            mine.enter()
            let others = beginnings.withLock { beginnings -> DispatchGroup? in
                if let others = beginnings[node.inode] { return others }
                beginnings[node.inode] = mine
                return nil
            }
            if let others {
                mine.leave()
                others.wait()
                continue
            }
            defer {
                beginnings.withLock { $0[node.inode] = nil }
                mine.leave()
            }
            if writers.withLock({ $0[node.inode] != nil }) { continue }
            return try beginWriting(node, file, by: process)
        }
    }

    private func beginWriting(_ node: Node, _ file: RecordingFile, by process: Int32) throws(FileSystemError)
        -> WritingSession
    {
        let writer = WritingSession(
            name: node.key, file: file, sidecar: try catalog.sidecars.openForWriting(file), process: process)
        writers.withLock { $0[node.inode] = writer }
        // What the kernel holds about the file is shared by all who look at it; from now on it asks each time.
        notifyContentChanged(node.inode)
        return writer
    }

    private func writer(_ handle: Handle) throws(FileSystemError) -> (writer: WritingSession, inode: Inode) {
        guard let held = files.withLock({ $0[handle] }), case .writing(let writer, _) = held.file else {
            throw FileSystemError(EBADF, "handle \(handle) is not open for writing", level: .notice)
        }
        return (writer, held.inode)
    }

    public func write(_ handle: Handle, offset: Int64, _ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
        try writer(handle).writer.write(bytes, at: offset)
    }

    public func setSize(_ inode: Inode, of handle: Handle?, to size: Int64) throws(FileSystemError) -> Entry {
        guard let handle else {
            let node = try node(inode)
            throw refusal("truncating '\(node.key)' by its name")
        }
        try writer(handle).writer.setSize(size)
        return try attributes(inode, of: handle, by: { 0 })
    }

    public func reserve(_ handle: Handle, _ range: Range<Int64>) throws(FileSystemError) {
        let map = try writer(handle).writer.file.layout.map
        let isComputed = range.lowerBound < map.tailOffset && range.upperBound > map.dataOffset
        throw FileSystemError(
            isComputed ? EPERM : EOPNOTSUPP,
            isComputed
                ? "these bytes are computed: nothing can be reserved there" : "there is no reserving of space",
            level: .debug)
    }

    public func synchronize(_ handle: Handle) throws(FileSystemError) {
        guard case .writing(let writer, _) = files.withLock({ $0[handle]?.file }) else { return }
        if try writer.synchronize() { committed(handle) }
    }

    public func closing(_ handle: Handle, _ how: Closing, by process: Int32) throws(FileSystemError) {
        guard case .writing(let writer, _) = files.withLock({ $0[handle]?.file }) else { return }
        if try writer.closing(how, by: process) { committed(handle) }
    }

    /// The writer itself has seen what it committed: its opening is of the new content.
    private func committed(_ handle: Handle) {
        guard let inode = files.withLock({ $0[handle]?.inode }) else { return }
        notifyContentChanged(inode)
    }

    /// Ends one opening for writing.
    func release(_ writer: WritingSession, _ inode: Inode) {
        guard writer.release() else { return }
        writers.withLock { if $0[inode] === writer { $0[inode] = nil } }
        // Whether it was committed or rolled back: the size that the kernel saw growing may not be the file's.
        notifyContentChanged(inode)
    }

    public func remove(_ parent: Inode, _ name: String) throws(FileSystemError) {
        let parent = try node(parent)
        let place = try catalog.place(of: name, in: parent.location)
        let key = join(parent.key, name)
        guard case .recording(let folder, let file, let part) = place else {
            throw refusal("unlink '\(key)'")
        }
        let inode = nodes.withLock { $0.inode(of: key) }
        if let writer = writers.withLock({ $0[inode] }), !writer.waitForRelease() {
            throw FileSystemError(
                EBUSY, "'\(key)' is open for writing; close it before it is reset", level: .notice)
        }
        try catalog.sidecars.remove(
            catalog.library.open(key, folder.spec, path: join(folder.path, file), part: part))
        catalog.logger.notice("'\(key)' was reset: what was added to it can be restored by `evh5 sidecar restore`")
        notifyContentChanged(inode)
    }

    public func refusal(_ operation: String) -> FileSystemError {
        catalog.sidecars.refusal(operation)
    }

    /// The disk whose filling would hurt: a full one refuses what users add; where they cannot, a full one leaves
    /// frames to be computed each time.
    public func volume() -> Volume? {
        catalog.sidecars.volume() ?? catalog.options.cacheDirectory.flatMap { Volume(of: $0) }
    }

    public func observe(_ contentChanged: @escaping @Sendable (Inode) -> Void) {
        observer.withLock { $0 = contentChanged }
    }

    private func notifyContentChanged(_ inode: Inode) { observer.withLock { $0 }?(inode) }
}
