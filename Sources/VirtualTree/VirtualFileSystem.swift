// The catalog as a filesystem: inode numbers, handles and writers, without FUSE.

import Foundation
import Logging
import Synchronization
import Tensors

/// The filesystem of a mount. What names are and what files hold is the catalog's; here is what system calls need
/// besides: numbers that stand for names, handles of open files and folders, and who writes which file.
///
/// All calls may come from many threads at once and may block on a scan or a computation.
public final class VirtualFileSystem: FileSystem {
    public typealias Options = VirtualCatalog.Options

    /// A file as one opening gave it.
    struct Held: Sendable {
        let file: OpenFile
        let inode: Inode
        /// Which content it is; nil for what is different each time.
        let version: ContentVersion?
    }

    /// An open file.
    enum OpenFile: Sendable {
        case reading(Snapshot)
        case writing(WritingSession, ReadAhead)
    }

    public let catalog: VirtualCatalog
    /// Who writes which file.
    let writers = Mutex<[Inode: WritingSession]>([:])
    /// Who is about to become a file's writer.
    let beginnings = Mutex<[Inode: DispatchGroup]>([:])
    /// Told when a file becomes another one.
    let observer = Mutex<(@Sendable (Inode) -> Void)?>(nil)
    let nodes = Mutex(NodeTable())
    let files = Mutex(HandleTable<Held>())
    let directories = Mutex(HandleTable<OpenFolder>())

    /// On top of `catalog`, which others may be on top of too.
    public init(_ catalog: VirtualCatalog) {
        self.catalog = catalog
        catalog.openings.withLock { $0 = { [weak self] in self?.openings ?? VirtualCatalog.Openings() } }
    }

    /// - Throws: `FileSystemError` when `path` is no readable directory.
    public convenience init(
        source path: String, options: Options, registry: PreprocessingRegistry = .standard, logger: Logger
    ) throws(FileSystemError) {
        self.init(try VirtualCatalog(source: path, options: options, registry: registry, logger: logger))
    }

    private var openings: VirtualCatalog.Openings {
        let open = writers.withLock { Array($0.keys) }
        let writing = nodes.withLock { nodes in open.compactMap { nodes[$0]?.key }.sorted() }
        return VirtualCatalog.Openings(files: files.withLock { $0.count }, writing: writing)
    }

    func node(_ inode: Inode) throws(FileSystemError) -> Node {
        guard let node = nodes.withLock({ $0[inode] }) else {
            throw FileSystemError(ESTALE, "inode \(inode) is not known any more")
        }
        return node
    }

    // MARK: Names and attributes

    public func lookup(_ parent: Inode, _ name: String) throws(FileSystemError) -> Entry {
        let parent = try node(parent)
        let place = try catalog.place(of: name, in: parent.location)
        let location = Location(key: join(parent.key, name), place: place)
        // Asked before the reference is counted: a lookup that fails counts none.
        let facts = try catalog.facts(location)
        catalog.noteUse(place)
        return counted(facts, location)
    }

    /// The entry under the number of its node, which gets one more reference.
    func counted(_ facts: NameFacts, _ location: Location) -> Entry {
        let inode = nodes.withLock { nodes in
            let inode = nodes.refer(to: location.key, location.place).inode
            if let version = facts.version { nodes.told(inode, version) }
            return inode
        }
        return entry(facts, inode)
    }

    public func forget(_ inode: Inode, _ count: UInt64) {
        nodes.withLock { $0.forget(inode, count) }
    }

    public func attributes(_ inode: Inode) throws(FileSystemError) -> Entry {
        let facts = try catalog.facts(node(inode).location)
        if let version = facts.version { nodes.withLock { $0.told(inode, version) } }
        return entry(facts, inode)
    }

    public func attributes(
        _ inode: Inode, of handle: Handle?, by process: () -> Int32
    ) throws(FileSystemError) -> Entry {
        var entry = try attributes(inode)
        var size: Int64?
        switch handle.flatMap({ handle in files.withLock { $0[handle]?.file } }) {
        case .writing(let writer, _): size = writer.sidecar.size
        case .reading(.recording(let file, _, let added)): size = added?.size ?? file.layout.size
        case .reading: break
        case nil:
            guard let writer = writers.withLock({ $0[inode] }), writer.process != 0, writer.process == process()
            else { break }
            size = writer.sidecar.size
        }
        if let size, size != entry.attributes.size {
            entry.attributes.size = size
            entry.validity = 0
        }
        return entry
    }

    public func readLink(_ inode: Inode) throws(FileSystemError) -> String {
        let node = try node(inode)
        guard case .link(let target) = node.place else {
            throw FileSystemError(EINVAL, "'\(node.key)' is not a symbolic link", level: .debug)
        }
        return target
    }

    private func entry(_ facts: NameFacts, _ inode: Inode) -> Entry {
        let options = catalog.options
        let permissions: UInt32 =
            switch facts.kind {
            case .directory: options.directoryMode
            case .symbolicLink: 0o777
            case .regular: facts.isWritable ? options.fileMode : options.fileMode & ~0o222
            }
        let attributes = Attributes(
            inode: inode, kind: facts.kind, size: facts.size, blocks: facts.held.saturating(adding: 511) / 512,
            modified: facts.modified, permissions: permissions, user: options.user, group: options.group,
            links: facts.kind == .directory ? 2 : 1)
        // Writers and readers of a file see different sizes, and the kernel keeps one for all.
        let isWritten = facts.isWritable && writers.withLock { $0[inode] != nil }
        return Entry(attributes: attributes, validity: isWritten ? 0 : facts.validity)
    }

    // MARK: Files

    public func open(_ inode: Inode, flags: Int32, by process: Int32) throws(FileSystemError) -> Opened {
        let node = try node(inode)
        let writes = flags & O_ACCMODE != O_RDONLY
        if writes || flags & O_TRUNC != 0 { try checkMayWrite(node, flags) }
        let file: OpenFile
        let current: ContentVersion?
        // Once something is added, a writer and readers of several commits may have a file open at the same time.
        var isOwnView = writes
        if writes, case .recording(let folder, let name, let part) = node.place {
            let recording = try catalog.recording(node.location, folder, name, part)
            let writer = try openForWriting(node, recording, by: process)
            current = ContentVersion(writer.file.recording.status, writer.file.list, writer.sidecar.base)
            file = .writing(writer, recording.readAhead(depth: catalog.cores))
        } else {
            let opened = try catalog.open(node.location)
            if case .recording(_, _, let added) = opened.content {
                isOwnView = added != nil || writers.withLock { $0[inode] != nil }
            }
            current = opened.version
            file = .reading(opened.content)
        }
        let held = Held(file: file, inode: inode, version: current)
        let handle = files.withLock { $0.insert(held) }
        catalog.noteUse(node.place)
        // The daemon's status is another one each time.
        let changed = current.map { version in nodes.withLock { $0.opened(inode, version) } } ?? true
        return Opened(handle: handle, contentChanged: changed, writes: writes, isOwnView: isOwnView)
    }

    private func checkMayWrite(_ node: Node, _ flags: Int32) throws(FileSystemError) {
        guard case .recording = node.place else { throw refusal("writing '\(node.key)'") }
        guard flags & O_TRUNC == 0 else {
            throw refusal("emptying '\(node.key)' (mode 'w'; use 'r+' to add, os.remove to reset)")
        }
    }

    public func isCurrent(_ handle: Handle, _ range: Range<Int64>) -> Bool {
        guard let held = files.withLock({ $0[handle] }), let version = held.version else { return true }
        let last = nodes.withLock { $0.lastOpened(held.inode) } ?? version
        let recording: RecordingFile
        switch held.file {
        case .reading(.recording(let opened, _, _)):
            if last == version { return true }
            recording = opened
        case .writing(let writer, _):
            // Its own view is for nobody else.
            if last == version && !writer.sidecar.hasUncommitted { return true }
            recording = writer.file
        case .reading: return last == version
        }
        let map = recording.layout.map
        return last.hasSameSource(as: version) && range.lowerBound >= map.dataOffset
            && range.upperBound <= map.tailOffset
    }

    public func read(_ handle: Handle, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult {
        guard let file = files.withLock({ $0[handle]?.file }) else {
            throw FileSystemError(EBADF, "no open file \(handle)")
        }
        switch file {
        case .reading(let content): return try catalog.read(content, offset: offset, size: size)
        case .writing(let writer, let readAhead):
            guard offset >= 0, size > 0, !offset.addingReportingOverflow(Int64(size)).overflow else {
                return ReadResult(pieces: [])
            }
            return try catalog.read(writer.file, offset..<offset + Int64(size), readAhead, writer.sidecar)
        }
    }

    public func release(_ handle: Handle) {
        // The file is freed here, outside the lock.
        let held = files.withLock { $0.remove(handle) }
        if let held, case .writing(let writer, _) = held.file { release(writer, held.inode) }
        _ = consume held
    }
}
