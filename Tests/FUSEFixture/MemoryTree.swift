// A small filesystem in memory, for trying the adapter without recordings.

import Foundation
import Synchronization
import VirtualTree

/// The tree:
///
///     big.bin      4 GiB of `Pattern`
///     small.txt    "hello\n"
///     pieces.bin   64 KiB of `Pattern`, read in pieces of 16 bytes
///     slow.txt     every read takes 0.5 s
///     link         -> small.txt
///     broken       opening it fails with EIO
///     stale        reading it fails with ESTALE
///     greedy       reading it returns more than was asked for
///     odd          opening it fails with errno 0, which is none
///     lazy.bin     listed without attributes
///     many/        3000 empty files
///     notes.bin    can be written: `events` tells what was asked; removing it is allowed and only noted
///
/// Looking up a name that begins with "wait" takes 0.3 s and finds nothing.
public final class MemoryTree: FileSystem {
    public let requests = RequestFigures()
    enum Content {
        case directory([Inode])
        case pattern(size: Int64, piece: Int)
        case text(String)
        case link(String)
        case notebook
    }

    struct Node {
        let name: String
        let content: Content
        var openError: Int32?
        var readError: Int32?
        var delay: Double = 0
        var greedy = false
        var listedWithAttributes = true
    }

    public static let bigSize: Int64 = 4 << 30

    private let nodes: [Inode: Node]
    private let names: [Inode: [String: Inode]]
    private let references = Mutex<[Inode: Int]>([:])
    private let openHandles = Mutex<Int>(0)
    private let lookups = Mutex<(now: Int, most: Int)>((0, 0))
    private let pattern = Pattern()
    private let notebook = Notebook()

    public init() {
        var nodes: [Inode: Node] = [:]
        var next: Inode = 2
        func add(_ node: Node) -> Inode {
            defer { next += 1 }
            nodes[next] = node
            return next
        }
        let many = (0..<3000).map { add(Node(name: "file\($0)", content: .text(""))) }
        let top = [
            add(Node(name: "big.bin", content: .pattern(size: Self.bigSize, piece: 1 << 20))),
            add(Node(name: "small.txt", content: .text("hello\n"))),
            add(Node(name: "pieces.bin", content: .pattern(size: 65536, piece: 16))),
            add(Node(name: "slow.txt", content: .text("slow\n"), delay: 0.5)),
            add(Node(name: "link", content: .link("small.txt"))),
            add(Node(name: "broken", content: .text("x"), openError: EIO)),
            add(Node(name: "stale", content: .text("x"), readError: ESTALE)),
            add(Node(name: "greedy", content: .text("x"), greedy: true)),
            add(Node(name: "odd", content: .text("x"), openError: 0)),
            add(Node(name: "lazy.bin", content: .pattern(size: 12345, piece: 4096), listedWithAttributes: false)),
            add(Node(name: "many", content: .directory(many))),
            add(Node(name: "notes.bin", content: .notebook)),
        ]
        nodes[rootInode] = Node(name: "", content: .directory(top))
        self.nodes = nodes
        names = nodes.compactMapValues { node in
            guard case .directory(let children) = node.content else { return nil }
            return Dictionary(
                children.compactMap { c in nodes[c].map { ($0.name, c) } }, uniquingKeysWith: { a, _ in a })
        }
    }

    /// What was asked of `notes.bin`, in order.
    public var events: [String] { notebook.events }
    /// References the kernel holds, without the root's.
    public var referenceCount: Int { references.withLock { $0.values.reduce(0, +) } }
    /// The largest number of slow lookups that ran at the same time.
    public var lookupsAtOnce: Int { lookups.withLock { $0.most } }
    /// Files and directories that are open.
    public var openCount: Int { openHandles.withLock { $0 } }

    private func node(_ inode: Inode) throws(FileSystemError) -> Node {
        guard let node = nodes[inode] else { throw FileSystemError(ENOENT, "no inode \(inode)", level: .debug) }
        return node
    }

    private func entry(_ inode: Inode, _ node: Node) -> Entry {
        let (kind, size, permissions): (Attributes.Kind, Int64, UInt32) =
            switch node.content {
            case .directory: (.directory, 0, 0o555)
            case .pattern(let size, _): (.regular, size, 0o444)
            case .text(let text): (.regular, Int64(text.utf8.count), 0o444)
            case .link(let target): (.symbolicLink, Int64(target.utf8.count), 0o777)
            case .notebook: (.regular, notebook.size, 0o644)
            }
        let validity: Double = if case .notebook = node.content { 0 } else { 60 }
        return Entry(
            attributes: Attributes(
                inode: inode, kind: kind, size: size, blocks: 8, modified: 1_600_000_000_123_456_789,
                permissions: permissions, user: geteuid(), group: getegid(), links: kind == .directory ? 2 : 1),
            validity: validity)
    }

    private func count(_ inode: Inode, _ change: Int) {
        references.withLock { $0[inode, default: 0] += change }
    }

    public func lookup(_ parent: Inode, _ name: String) throws(FileSystemError) -> Entry {
        if name.hasPrefix("wait") {
            lookups.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            usleep(300_000)
            lookups.withLock { $0.now -= 1 }
        }
        guard let inode = names[parent]?[name] else {
            throw FileSystemError(ENOENT, "'\(name)' does not exist", level: .debug)
        }
        count(inode, 1)
        return entry(inode, try node(inode))
    }

    public func forget(_ inode: Inode, _ count: UInt64) { self.count(inode, -Int(count)) }

    public func attributes(_ inode: Inode) throws(FileSystemError) -> Entry { entry(inode, try node(inode)) }

    public func readLink(_ inode: Inode) throws(FileSystemError) -> String {
        guard case .link(let target) = try node(inode).content else { throw FileSystemError(EINVAL, "no link") }
        return target
    }

    public func openDirectory(_ inode: Inode) throws(FileSystemError) -> Handle {
        openHandles.withLock { $0 += 1 }
        return inode
    }

    public func readDirectory(
        _ handle: Handle, from offset: Int, counting: Bool, _ body: (DirectoryEntry) -> Bool
    ) throws(FileSystemError) {
        guard case .directory(let children) = try node(handle).content else {
            throw FileSystemError(ENOTDIR, "no directory")
        }
        for (i, child) in children.enumerated().dropFirst(offset) {
            let node = try node(child)
            let full = entry(child, node)
            let listed = DirectoryEntry(
                name: node.name, inode: child, kind: full.attributes.kind, nextOffset: i + 1,
                entry: node.listedWithAttributes ? full : nil)
            guard body(listed) else { return }
            if counting && listed.entry != nil { count(child, 1) }
        }
    }

    public func releaseDirectory(_ handle: Handle) { openHandles.withLock { $0 -= 1 } }

    public func open(_ inode: Inode, flags: Int32, by process: Int32) throws(FileSystemError) -> Opened {
        if let error = try node(inode).openError { throw FileSystemError(error, "opening fails as it should") }
        let writes = flags & O_ACCMODE != O_RDONLY
        if case .notebook = try node(inode).content, flags & O_TRUNC == 0 {
            openHandles.withLock { $0 += 1 }
            if writes {
                notebook.note(process == getpid() ? "opened by us" : "opened by \(process > 0 ? "another" : "?")")
            }
            return Opened(handle: inode, contentChanged: false, writes: writes, isOwnView: writes)
        }
        guard !writes else {
            throw FileSystemError(EROFS, "this tree is read-only", level: .notice)
        }
        openHandles.withLock { $0 += 1 }
        return Opened(handle: inode, contentChanged: false)
    }

    public func read(
        _ handle: Handle, offset: Int64, size: Int, by thread: Int64, _ reader: () -> Reader
    ) throws(FileSystemError) -> ReadResult {
        let node = try node(handle)
        if let error = node.readError { throw FileSystemError(error, "reading fails as it should") }
        if node.delay > 0 { usleep(UInt32(node.delay * 1e6)) }
        switch node.content {
        case .pattern(let total, let piece):
            let end = min(total, offset + Int64(node.greedy ? size * 2 : size))
            return ReadResult(pieces: offset < end ? pattern.pieces(offset..<end, piece: piece) : [])
        case .text(let text):
            let bytes = Array(node.greedy ? String(repeating: text, count: 2 * size) : text)
                .map { $0.asciiValue ?? 0 }.dropFirst(Int(offset)).prefix(node.greedy ? size + 1 : size)
            let buffer = Buffer(Array(bytes))
            return ReadResult(pieces: [ReadResult.Piece(bytes: buffer.bytes, owner: buffer)])
        case .notebook: return notebook.read(offset: offset, size: size)
        case .directory, .link:
            throw FileSystemError(EISDIR, "no file")
        }
    }

    public func release(_ handle: Handle) { openHandles.withLock { $0 -= 1 } }

    // MARK: Changes, of notes.bin

    private func isNotebook(_ inode: Inode) -> Bool {
        if case .notebook = nodes[inode]?.content { true } else { false }
    }

    public func write(_ handle: Handle, offset: Int64, _ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
        guard isNotebook(handle) else { throw refusal("write") }
        try notebook.write(bytes, at: offset)
    }

    public func setSize(_ inode: Inode, of handle: Handle?, to size: Int64) throws(FileSystemError) -> Entry {
        guard isNotebook(inode), handle != nil else { throw refusal("truncate") }
        notebook.setSize(size)
        return try attributes(inode)
    }

    public func reserve(_ handle: Handle, _ range: Range<Int64>) throws(FileSystemError) {
        throw FileSystemError(EOPNOTSUPP, "reserve \(range)", level: .debug)
    }

    public func synchronize(_ handle: Handle) throws(FileSystemError) {
        if isNotebook(handle) { notebook.note("sync") }
    }

    public func closing(_ handle: Handle, _ how: Closing, by process: Int32) throws(FileSystemError) {
        guard isNotebook(handle) else { return }
        notebook.note("closing \(how)")
        // A notebook whose first byte is X cannot be closed without an error.
        if notebook.first == UInt8(ascii: "X") {
            throw FileSystemError(EDQUOT, "X marks the spot", level: .warning)
        }
    }

    public func remove(_ parent: Inode, _ name: String) throws(FileSystemError) {
        guard let inode = names[parent]?[name], isNotebook(inode) else { throw refusal("unlink '\(name)'") }
        notebook.note("removed")
    }

    public func volume() -> Volume? { Volume(size: 1 << 30, free: 1 << 29, available: 1 << 28) }
}

/// Bytes that repeat every 1 MiB + 1: byte i is the lowest of (i mod (2^20 + 1)) * 2654435761 >> 13.
public final class Pattern: Sendable {
    public static let period: Int64 = (1 << 20) + 1
    private let tile: Buffer

    public init() {
        tile = Buffer((0..<Int(Self.period)).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) })
    }

    func pieces(_ range: Range<Int64>, piece: Int) -> [ReadResult.Piece] {
        var pieces: [ReadResult.Piece] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let start = Int(position % Self.period)
            let count = min(Int(range.upperBound - position), Int(Self.period) - start, piece)
            let part = UnsafeRawBufferPointer(rebasing: tile.bytes[start..<start + count])
            pieces.append(ReadResult.Piece(bytes: part, owner: tile))
            position += Int64(count)
        }
        return pieces
    }
}

/// Bytes at a fixed place.
final class Buffer: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(_ content: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 64)
        memory.copyBytes(from: content)
        bytes = UnsafeRawBufferPointer(memory)
    }

    deinit { bytes.deallocate() }
}
