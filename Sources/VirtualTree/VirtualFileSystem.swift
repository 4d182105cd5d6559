// The tree of virtual files over a directory of recordings: the filesystem, without FUSE.

import Files
import Foundation
import FrameStore
import Logging
import Recordings
import SidecarStore
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
        /// Which content it is; nil for what is different each time.
        let version: ContentVersion?
    }

    /// An open file.
    enum OpenFile: Sendable {
        /// A snapshot: what the file was when it was opened.
        case recording(RecordingFile, ReadAhead, SidecarSnapshot?)
        case writing(WritingSession, ReadAhead)
        case file(File)
        case bytes(HeldBytes)
    }

    static let controlName = ".evh5"
    static let statusName = "status.json"

    let source: SourceTree
    let options: Options
    let logger: Logger
    let registry: PreprocessingRegistry
    let indexes: IndexStore
    let catalog: RecordingCatalog
    let views: FolderViews
    let frames: FrameStore
    let library: FileLibrary
    let sidecars: Sidecars
    /// Who writes which file.
    let writers = Mutex<[Inode: WritingSession]>([:])
    /// Who is about to become a file's writer.
    let beginnings = Mutex<[Inode: DispatchGroup]>([:])
    /// Told when a file becomes another one.
    let observer = Mutex<(@Sendable (Inode) -> Void)?>(nil)
    let labels = LabelSizes()
    let rvtSequences: RVTSequences
    let notShown: NotShown
    let scanAhead: ScanAhead
    let slow: SlowWork
    let nodes = Mutex(NodeTable())
    let used = Mutex(UsedNames())
    let files = Mutex(HandleTable<Held>())
    let directories = Mutex(HandleTable<OpenFolder>())
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
        notShown = NotShown(logger)
        views = FolderViews(source: source) { path, count in
            let names = count == 1 ? "a name in folder '\(path)' is" : "\(count) names in folder '\(path)' are"
            logger.warning("\(names) not UTF-8 and not shown; rename \(count == 1 ? "it" : "them")")
        }
        sidecars = Sidecars(options, logger)
        rvtSequences = RVTSequences(source: source, logger: logger)
        slow = SlowWork(logger)
        frames = FrameStore(
            memoryTarget: options.memoryTarget, disk: VirtualFileSystem.diskCache(options, logger))
        let complaints = RareComplaints(logger)
        let notices = RecordingNotices(logger)
        indexes = IndexStore(
            directory: options.cacheDirectory, onProblem: { complaints.say("cache: \($0)") },
            onIndex: { notices.look(at: $0, $1) })
        catalog = RecordingCatalog(source: source, rules: options.recordingRules, indexes: indexes)
        scanAhead = ScanAhead(catalog, source)
        library = FileLibrary(
            source: source, catalog: catalog, indexes: indexes, frames: frames, programVersion: options.programVersion,
            logger: logger)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        started = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    private static func diskCache(_ options: Options, _ logger: Logger) -> DiskCache? {
        guard let directory = options.cacheDirectory, options.maxCacheSize > 0 else { return nil }
        var disk = DiskCache.Options(directory: directory, limit: options.maxCacheSize)
        // Frames that wait longer may be pushed out of memory by others.
        disk.mostWaiting = options.memoryTarget / 2
        // Packing one takes as much memory again, which nothing else accounts for.
        disk.largestFrame = min(disk.largestFrame, options.memoryTarget / 8)
        return DiskCache(disk) { logger.warning("\($0)") }
    }

    /// Gives frames that wait to be stored on disk a little time; to be called when nobody reads any more.
    public func finish(seconds: Double = 5) {
        indexes.summaries.flush()
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

    /// An entry, and the content that it is of.
    typealias Known = (entry: Entry, version: ContentVersion?)

    /// The entry under the number of its node, which gets one more reference.
    func counted(_ known: Known, _ key: String, _ place: Place) -> Entry {
        var entry = known.entry
        entry.attributes.inode = nodes.withLock { nodes in
            let inode = nodes.refer(to: key, place).inode
            if let version = known.version { nodes.told(inode, version) }
            return inode
        }
        return entry
    }

    public func forget(_ inode: Inode, _ count: UInt64) {
        nodes.withLock { $0.forget(inode, count) }
    }

    public func attributes(_ inode: Inode) throws(FileSystemError) -> Entry {
        let (entry, version) = try known(node(inode))
        if let version { nodes.withLock { $0.told(inode, version) } }
        return entry
    }

    public func attributes(
        _ inode: Inode, of handle: Handle?, by process: () -> Int32
    ) throws(FileSystemError) -> Entry {
        var entry = try attributes(inode)
        var size: Int64?
        switch handle.flatMap({ handle in files.withLock { $0[handle]?.file } }) {
        case .writing(let writer, _): size = writer.sidecar.size
        case .recording(let file, _, let added): size = added?.size ?? file.layout.size
        case .file, .bytes: break
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
        case .folder(let folder):
            let status = try source.status(folder.path)
            guard status.kind == .directory else {
                throw FileSystemError(ENOENT, "'\(folder.path)' is not a folder any more", level: .info)
            }
            return (Entry(attributes: directory(node, modified: status.modified), validity: options.validity), nil)
        case .recording(let folder, let file, let part):
            let path = join(folder.path, file)
            if catalog.knownSummary(path) == nil, let view = try? views.view(folder.path, for: file) {
                scanAhead.willScan(file, in: folder.path, view)
            }
            let facts = try slow.timing("stat", node.key) { () throws(FileSystemError) in
                try library.facts(node.key, folder.spec, path: path, part: part)
            }
            switch try peek(facts, folder.spec, path, part) {
            case .none: return known(node, facts, nil)
            case .fits(let added): return known(node, facts, added)
            case .needsWork:
                return known(
                    node, facts, try sidecars.snapshot(library.open(node.key, folder.spec, path: path, part: part)))
            }
        case .companion(let path):
            let status = try source.status(path)
            return (companion(node, size: status.size, held: status.size, modified: status.modified), version(status))
        case .labels(let path, let times):
            let (size, status) = try labels.size(node.key, path, times, source)
            return (companion(node, size: size, held: 0, modified: status.modified), version(status))
        case .rvt(let place): return try known(node, place)
        case .status:
            var entry = companion(node, size: Int64(statusText().count), held: 0, modified: started)
            entry.validity = 0
            return (entry, nil)
        }
    }

    private func known(_ node: Node, _ place: RVTPlace) throws(FileSystemError) -> Known {
        switch place {
        case .dataset(let folder):
            let status = try source.status(folder.path)
            return (Entry(attributes: directory(node, modified: status.modified), validity: options.validity), nil)
        case .split(let folder, let split):
            let status = try source.status(join(folder.path, split))
            return (Entry(attributes: directory(node, modified: status.modified), validity: options.validity), nil)
        case .sequence(let sequence), .labels(let sequence), .representations(let sequence),
            .representation(let sequence, _):
            let status = try rvtSequences.facts(sequence).status
            return (Entry(attributes: directory(node, modified: status.modified), validity: options.validity), nil)
        case .file(let sequence, let file):
            let facts = try rvtSequences.facts(sequence)
            let entry = companion(node, size: facts.sizes[file] ?? 0, held: 0, modified: facts.status.modified)
            return (entry, version(facts.status))
        }
    }

    /// What is known to have been added to a file, found without work.
    func peek(
        _ facts: FileLibrary.Facts, _ spec: FileSpec, _ path: String, _ part: Int?
    ) throws(FileSystemError) -> SidecarLookup {
        guard sidecars.mayHaveAny else { return .none }
        return sidecars.peek(try library.sidecarKey(spec, path: path, part: part), facts.sidecarState)
    }

    func known(_ node: Node, _ facts: FileLibrary.Facts, _ added: SidecarSnapshot?) -> Known {
        var entry = file(
            node, size: added?.size ?? facts.size,
            held: library.heldBytes(facts).saturating(adding: added?.heldBytes ?? 0),
            modified: max(facts.status.modified, facts.lists.modified ?? .min, added?.committedAt ?? .min))
        // Writers and readers of a file see different sizes, and the kernel keeps one for all.
        if writers.withLock({ $0[node.inode] != nil }) { entry.validity = 0 }
        return (entry, version(facts.status, facts.lists, added))
    }

    private func version(
        _ status: FileStatus, _ lists: FileLists? = nil, _ added: SidecarSnapshot? = nil
    ) -> ContentVersion {
        ContentVersion(
            source: status, list: lists?.digest, commit: added?.commit ?? 0, committedAt: added?.committedAt ?? 0)
    }

    private func directory(_ node: Node, modified: Int64) -> Attributes {
        Attributes(
            inode: node.inode, kind: .directory, size: 0, blocks: 0, modified: modified,
            permissions: options.directoryMode, user: options.user, group: options.group, links: 2)
    }

    /// A file that nobody may write.
    private func companion(_ node: Node, size: Int64, held: Int64, modified: Int64) -> Entry {
        var entry = file(node, size: size, held: held, modified: modified)
        entry.attributes.permissions &= ~0o222
        return entry
    }

    private func file(_ node: Node, size: Int64, held: Int64, modified: Int64) -> Entry {
        let attributes = Attributes(
            inode: node.inode, kind: .regular, size: size, blocks: held.saturating(adding: 511) / 512,
            modified: modified,
            permissions: options.fileMode, user: options.user, group: options.group, links: 1)
        return Entry(attributes: attributes, validity: options.validity)
    }

    // MARK: Files

    public func open(_ inode: Inode, flags: Int32, by process: Int32) throws(FileSystemError) -> Opened {
        let node = try node(inode)
        let writes = flags & O_ACCMODE != O_RDONLY
        if writes || flags & O_TRUNC != 0 { try checkMayWrite(node, flags) }
        let file: OpenFile
        var current: ContentVersion?
        // Once something is added, a writer and readers of several commits may have a file open at the same time.
        var isOwnView = writes
        switch node.place {
        case .recording(let folder, let name, let part):
            let recording = try slow.timing("open", node.key) { () throws(FileSystemError) in
                try library.open(node.key, folder.spec, path: join(folder.path, name), part: part)
            }
            try recording.checkFits(frames, memoryTarget: options.memoryTarget)
            let readAhead = recording.readAhead(depth: cores)
            if writes {
                let writer = try openForWriting(node, recording, by: process)
                current = version(writer.file.recording.status, writer.file.lists, writer.sidecar.base)
                file = .writing(writer, readAhead)
            } else {
                let added = try sidecars.opened(recording)
                current = version(recording.recording.status, recording.lists, added)
                isOwnView = added != nil || writers.withLock { $0[inode] != nil }
                file = .recording(recording, readAhead, added)
            }
        case .companion(let path):
            let opened = try source.open(path)
            file = .file(opened)
            current = (try? opened.status()).map { version($0) }
        case .labels(let path, let times):
            let cut = try labels.cut(path, times, source)
            file = .bytes(HeldBytes(cut.bytes))
            current = version(cut.status)
        case .rvt(.file(let sequence, let name)):
            let made = try rvtSequences.bytes(sequence, name)
            file = .bytes(HeldBytes(made.bytes))
            current = version(made.status)
        case .status: file = .bytes(HeldBytes(statusText()))
        default: throw FileSystemError(EISDIR, "'\(node.key)' is a folder", level: .debug)
        }
        let held = Held(file: file, inode: inode, version: current)
        let handle = files.withLock { $0.insert(held) }
        noteUse(node.place)
        // The daemon's status is another one each time.
        let changed = current.map { version in nodes.withLock { $0.opened(inode, version) } } ?? true
        return Opened(handle: handle, contentChanged: changed, writes: writes, isOwnView: isOwnView)
    }

    private func checkMayWrite(_ node: Node, _ flags: Int32) throws(FileSystemError) {
        guard case .recording = node.place else { throw sidecars.refusal("writing '\(node.key)'") }
        guard flags & O_TRUNC == 0 else {
            throw sidecars.refusal("emptying '\(node.key)' (mode 'w'; use 'r+' to add, os.remove to reset)")
        }
    }

    public func isCurrent(_ handle: Handle, _ range: Range<Int64>) -> Bool {
        guard let held = files.withLock({ $0[handle] }), let version = held.version else { return true }
        let last = nodes.withLock { $0.lastOpened(held.inode) } ?? version
        let recording: RecordingFile
        switch held.file {
        case .recording(let opened, _, _):
            if last == version { return true }
            recording = opened
        case .writing(let writer, _):
            // Its own view is for nobody else.
            if last == version && !writer.sidecar.hasUncommitted { return true }
            recording = writer.file
        case .file, .bytes: return last == version
        }
        let map = recording.layout.map
        return last.hasSameSource(as: version) && range.lowerBound >= map.dataOffset
            && range.upperBound <= map.tailOffset
    }

    public func read(_ handle: Handle, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult {
        guard let file = files.withLock({ $0[handle]?.file }) else {
            throw FileSystemError(EBADF, "no open file \(handle)")
        }
        guard offset >= 0, size > 0, !offset.addingReportingOverflow(Int64(size)).overflow else {
            return ReadResult(pieces: [])
        }
        switch file {
        case .recording(let recording, let readAhead, let added):
            return try read(recording, offset..<offset + Int64(size), readAhead, added)
        case .writing(let writer, let readAhead):
            return try read(writer.file, offset..<offset + Int64(size), readAhead, writer.sidecar)
        case .file(let file):
            do {
                let held = try HeldBytes(capacity: size) { try file.read(into: $0, at: offset) }
                return ReadResult(pieces: [held.piece(0..<size)])
            } catch { throw FileLibrary.explain(error, file.path) }
        case .bytes(let bytes):
            let start = Int(min(offset, Int64(bytes.count)))
            return ReadResult(pieces: [bytes.piece(start..<start + size)])
        }
    }

    private func read(
        _ recording: RecordingFile, _ range: Range<Int64>, _ readAhead: ReadAhead, _ added: (any AddedBytes)?
    ) throws(FileSystemError) -> ReadResult {
        do {
            return try slow.timing(
                "read", "\(recording.spec.text)/\(recording.path)"
            ) {
                ReadResult(pieces: try recording.read(range, from: frames, readAhead, added))
            }
        } catch {
            throw FileLibrary.explain(error, recording.path)
        }
    }

    public func release(_ handle: Handle) {
        // The file is freed here, outside the lock.
        let held = files.withLock { $0.remove(handle) }
        if let held, case .writing(let writer, _) = held.file { release(writer, held.inode) }
        _ = consume held
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
