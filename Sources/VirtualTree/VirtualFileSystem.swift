// The tree of virtual files over a directory of recordings: the filesystem, without FUSE.

import Files
import Foundation
import FrameStore
import Logging
import Recordings
import Synchronization
import Tensors

/// Shows every recording of a source folder as an HDF5 file per preprocessing and window:
/// `/<preprocessing>[,key=value]/<window>[,key=value]/<path below the source>/<name>.h5`.
///
/// All calls may come from many threads at once and may block on a scan or a computation.
public final class VirtualFileSystem: FileSystem {
    struct UsedNames {
        var preprocessings: Set<String> = []
        var windows: [String: Set<String>] = [:]
    }

    /// A file as one opening gave it.
    struct Held: Sendable {
        let file: OpenFile
        let inode: Inode
        /// The source file's state that the content is of.
        let status: FileStatus?
    }

    /// An open file.
    enum OpenFile: Sendable {
        case tensor(OpenTensor, ReadAhead, path: String)
        case file(File)
        case bytes(HeldBytes)
    }

    static let controlName = ".evh5"
    static let statusName = "status.json"

    let source: SourceTree
    let options: Options
    let logger: Logger
    let registry: PreprocessingRegistry
    let catalog: RecordingCatalog
    let views: FolderViews
    let frames: FrameStore
    let library: TensorLibrary
    let labels = LabelSizes()
    let nodes = Mutex(NodeTable())
    let used = Mutex(UsedNames())
    let files = Mutex(HandleTable<Held>())
    let directories = Mutex(HandleTable<[Listed]>())
    let cores = ProcessInfo.processInfo.activeProcessorCount
    /// When the mount began; also the time stamp of folders that exist only here.
    let started: Int64

    /// - Throws: `FileSystemError` when `path` is no readable directory.
    public init(
        source path: String, options: Options, registry: PreprocessingRegistry = .standard, logger: Logger
    ) throws(FileSystemError) {
        do throws(FileError) {
            source = try SourceTree(
                path: path, mayLeave: options.linksMayLeaveSource, mountPoint: options.mountPoint)
        } catch {
            throw FileSystemError(error.errno, error.message, cause: error)
        }
        self.options = options
        self.logger = logger
        self.registry = registry
        catalog = RecordingCatalog(source: source, rules: options.geometryRules)
        views = FolderViews(source: source) { path, count in
            logger.warning("\(count) names in folder '\(path)' are not UTF-8 and are not shown; rename them")
        }
        frames = FrameStore(
            memoryTarget: options.memoryTarget, disk: VirtualFileSystem.diskCache(options, logger))
        let complaints = RareComplaints(logger)
        let indexes = IndexStore(directory: options.cacheDirectory) { complaints.say("cache: \($0)") }
        library = TensorLibrary(
            source: source, catalog: catalog, indexes: indexes, frames: frames, programVersion: options.programVersion)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        started = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    private static func diskCache(_ options: Options, _ logger: Logger) -> DiskCache? {
        guard let directory = options.cacheDirectory, options.maxCacheSize > 0 else { return nil }
        let disk = DiskCache.Options(directory: directory, limit: options.maxCacheSize)
        return DiskCache(disk) { logger.warning("\($0)") }
    }

    /// Gives frames that wait to be stored on disk a little time; to be called when nobody reads any more.
    public func finish(seconds: Double = 5) {
        if frames.disk?.flush(seconds: seconds) == false {
            logger.notice("not all frames could be stored in the cache within \(Int(seconds)) s")
        }
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
        let place = try place(of: name, in: parent)
        let key = join(parent.key, name)
        // Asked before the reference is counted: a lookup that fails counts none.
        let known = try known(Node(inode: nodes.withLock { $0.inode(of: key) }, key: key, place: place))
        noteUse(place)
        return counted(known, key, place)
    }

    /// An entry, and the state of the source file that it is of.
    typealias Known = (entry: Entry, status: FileStatus?)

    /// The entry under the number of its node, which gets one more reference.
    func counted(_ known: Known, _ key: String, _ place: Place) -> Entry {
        var entry = known.entry
        entry.attributes.inode = nodes.withLock { nodes in
            let inode = nodes.refer(to: key, place).inode
            if let status = known.status { nodes.told(inode, status) }
            return inode
        }
        return entry
    }

    public func forget(_ inode: Inode, _ count: UInt64) {
        nodes.withLock { $0.forget(inode, count) }
    }

    public func attributes(_ inode: Inode) throws(FileSystemError) -> Entry {
        let (entry, status) = try known(node(inode))
        if let status { nodes.withLock { $0.told(inode, status) } }
        return entry
    }

    public func readLink(_ inode: Inode) throws(FileSystemError) -> String {
        let node = try node(inode)
        guard case .link(let target) = node.place else {
            throw FileSystemError(EINVAL, "'\(node.key)' is not a symbolic link", level: .debug)
        }
        return target
    }

    /// The attributes of a node as its source is now.
    func known(_ node: Node) throws(FileSystemError) -> Known {
        // What depends on the name alone never changes; the rest follows the source.
        let forever = 86400.0
        switch node.place {
        case .root, .preprocessing, .control:
            return (Entry(attributes: directory(node, modified: started), validity: forever), nil)
        case .link(let target):
            let attributes = Attributes(
                inode: node.inode, kind: .symbolicLink, size: Int64(target.utf8.count), blocks: 0, modified: started,
                permissions: 0o777, user: options.user, group: options.group, links: 1)
            // A link between files depends on the recording, one between folders on its name alone.
            let validity = target.contains("/") ? options.validity : forever
            return (Entry(attributes: attributes, validity: validity), nil)
        case .folder(_, let path):
            let status = try source.status(path)
            guard status.kind == .directory else {
                throw FileSystemError(ENOENT, "'\(path)' is not a folder any more", level: .info)
            }
            return (Entry(attributes: directory(node, modified: status.modified), validity: options.validity), nil)
        case .tensor(let spec, let path, let part):
            return known(node, try library.facts(node.key, spec, path: path, part: part))
        case .companion(let path):
            let status = try source.status(path)
            return (file(node, size: status.size, held: status.size, modified: status.modified), status)
        case .labels(let path, let times):
            let (size, status) = try labels.size(node.key, path, times, source)
            return (file(node, size: size, held: 0, modified: status.modified), status)
        case .status:
            var entry = file(node, size: Int64(statusText().count), held: 0, modified: started)
            entry.validity = 0
            return (entry, nil)
        }
    }

    func known(_ node: Node, _ facts: TensorLibrary.Facts) -> Known {
        (file(node, size: facts.size, held: library.heldBytes(facts), modified: facts.status.modified), facts.status)
    }

    private func directory(_ node: Node, modified: Int64) -> Attributes {
        Attributes(
            inode: node.inode, kind: .directory, size: 0, blocks: 0, modified: modified,
            permissions: options.directoryMode, user: options.user, group: options.group, links: 2)
    }

    private func file(_ node: Node, size: Int64, held: Int64, modified: Int64) -> Entry {
        let attributes = Attributes(
            inode: node.inode, kind: .regular, size: size, blocks: (held + 511) / 512, modified: modified,
            permissions: options.fileMode, user: options.user, group: options.group, links: 1)
        return Entry(attributes: attributes, validity: options.validity)
    }

    // MARK: Files

    public func open(_ inode: Inode, flags: Int32) throws(FileSystemError) -> Opened {
        let node = try node(inode)
        guard flags & O_ACCMODE == O_RDONLY && flags & O_TRUNC == 0 else {
            throw FileSystemError(
                EROFS, "'\(node.key)' cannot be opened for writing: this mount is read-only", level: .warning)
        }
        let file: OpenFile
        var status: FileStatus?
        switch node.place {
        case .tensor(let spec, let path, let part):
            let tensor = try library.open(node.key, spec, path: path, part: part)
            let readAhead = ReadAhead(frameCount: tensor.plan.frameCount, depth: cores)
            file = .tensor(tensor, readAhead, path: path)
            status = tensor.recording.status
        case .companion(let path):
            let opened = try source.open(path)
            file = .file(opened)
            status = try? opened.status()
        case .labels(let path, let times):
            let cut = try labels.cut(path, times, source)
            file = .bytes(HeldBytes(cut.bytes))
            status = cut.status
        case .status: file = .bytes(HeldBytes(statusText()))
        default: throw FileSystemError(EISDIR, "'\(node.key)' is a folder", level: .debug)
        }
        let held = Held(file: file, inode: inode, status: status)
        let handle = files.withLock { $0.insert(held) }
        // The daemon's status is another one each time.
        let changed = status.map { status in nodes.withLock { $0.opened(inode, status) } } ?? true
        return Opened(handle: handle, contentChanged: changed)
    }

    public func isCurrent(_ handle: Handle) -> Bool {
        guard let held = files.withLock({ $0[handle] }), let status = held.status else { return true }
        return nodes.withLock { $0.isOpened(held.inode, status) }
    }

    public func read(_ handle: Handle, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult {
        guard let file = files.withLock({ $0[handle]?.file }) else {
            throw FileSystemError(EBADF, "no open file \(handle)")
        }
        guard offset >= 0, size > 0, !offset.addingReportingOverflow(Int64(size)).overflow else {
            return ReadResult(pieces: [])
        }
        switch file {
        case .tensor(let tensor, let readAhead, let path):
            do {
                return ReadResult(pieces: try tensor.read(offset..<offset + Int64(size), from: frames, readAhead))
            } catch {
                throw TensorLibrary.explain(error, path)
            }
        case .file(let file):
            do {
                let held = try HeldBytes(capacity: size) { try file.read(into: $0, at: offset) }
                return ReadResult(pieces: [held.piece(0..<size)])
            } catch { throw TensorLibrary.explain(error, file.path) }
        case .bytes(let bytes):
            let start = Int(min(offset, Int64(bytes.count)))
            return ReadResult(pieces: [bytes.piece(start..<start + size)])
        }
    }

    public func release(_ handle: Handle) {
        // The file is freed here, outside the lock.
        let file = files.withLock { $0.remove(handle) }
        _ = consume file
    }
}

/// What handles stand for.
struct HandleTable<Value> {
    private var values: [Handle: Value] = [:]
    private var next: Handle = 1

    var count: Int { values.count }

    mutating func insert(_ value: Value) -> Handle {
        defer { next += 1 }
        values[next] = value
        return next
    }

    subscript(_ handle: Handle) -> Value? { values[handle] }

    mutating func remove(_ handle: Handle) -> Value? { values.removeValue(forKey: handle) }
}
