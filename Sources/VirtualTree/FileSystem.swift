// The operations of a filesystem as its users' system calls need them, without FUSE.

import Foundation
import FrameStore

/// A file's number; the root is 1.
public typealias Inode = UInt64

public let rootInode: Inode = 1

/// What `stat` shows.
public struct Attributes: Sendable, Hashable {
    public enum Kind: Sendable, Hashable { case directory, regular, symbolicLink }
    public var inode: Inode
    public var kind: Kind
    /// Bytes.
    public var size: Int64
    /// 512-byte blocks really held.
    public var blocks: Int64
    /// Nanoseconds since 1970.
    public var modified: Int64
    /// Permission bits.
    public var permissions: UInt32
    public var user: UInt32
    public var group: UInt32
    public var links: UInt32

    public init(
        inode: Inode, kind: Kind, size: Int64, blocks: Int64, modified: Int64, permissions: UInt32, user: UInt32,
        group: UInt32, links: UInt32
    ) {
        self.inode = inode
        self.kind = kind
        self.size = size
        self.blocks = blocks
        self.modified = modified
        self.permissions = permissions
        self.user = user
        self.group = group
        self.links = links
    }
}

/// A file's attributes and how long they, and its name, may be believed without asking again.
public struct Entry: Sendable {
    public var attributes: Attributes
    /// Seconds.
    public var validity: Double

    public init(attributes: Attributes, validity: Double) {
        self.attributes = attributes
        self.validity = validity
    }
}

/// One name of a directory.
public struct DirectoryEntry: Sendable {
    public let name: String
    public let inode: Inode
    public let kind: Attributes.Kind
    /// Where reading goes on after this entry.
    public let nextOffset: Int
    /// All that a lookup would say; nil when that is not known without work (the caller then asks by name if it cares).
    public let entry: Entry?

    public init(name: String, inode: Inode, kind: Attributes.Kind, nextOffset: Int, entry: Entry?) {
        self.name = name
        self.inode = inode
        self.kind = kind
        self.nextOffset = nextOffset
        self.entry = entry
    }
}

/// An open file's number.
public typealias Handle = UInt64

/// What opening a file gave.
public struct Opened: Sendable {
    public let handle: Handle
    /// Whether the content may differ from what earlier replies about this inode said: attributes and pages kept from
    /// them are to be dropped.
    public let contentChanged: Bool
    /// Whether the file was opened for writing, so that closing it matters.
    public let writes: Bool
    /// Whether what others read of the file may be other bytes: then it is not read through pages that are shared with
    /// them.
    public let isOwnView: Bool

    public init(handle: Handle, contentChanged: Bool, writes: Bool = false, isOwnView: Bool = false) {
        self.handle = handle
        self.contentChanged = contentChanged
        self.writes = writes
        self.isOwnView = isOwnView
    }
}

/// How a descriptor of an open file went away.
public enum Closing: Sendable, Hashable {
    /// By close(2), or with a process that ended by itself.
    case regular
    /// With a process that a signal killed: what it was writing is not finished.
    case killed
    /// By a process that cannot be seen: it may have been killed.
    case unseen
}

/// How many frames came from where.
public struct FrameOrigins: Sendable, Hashable, Codable {
    /// Also those that another request was making already, or that were made ahead.
    public var memory = 0
    public var disk = 0
    public var computed = 0

    public init() {}

    public static func += (sum: inout FrameOrigins, more: FrameOrigins) {
        sum.memory &+= more.memory
        sum.disk &+= more.disk
        sum.computed &+= more.computed
    }

    mutating func count(_ origin: FrameOrigin) {
        switch origin {
        case .memory: memory &+= 1
        case .disk: disk &+= 1
        case .computed: computed &+= 1
        }
    }
}

/// Bytes that were read: memory of others that stays valid as long as this value lives.
public struct ReadResult: Sendable {
    public struct Piece: @unchecked Sendable {
        public let bytes: UnsafeRawBufferPointer
        /// Keeps `bytes` alive.
        let owner: AnyObject

        public init(bytes: UnsafeRawBufferPointer, owner: AnyObject) {
            self.bytes = bytes
            self.owner = owner
        }
    }

    public let pieces: [Piece]
    /// Where the frames that they are of were found.
    public let origins: FrameOrigins

    public init(pieces: [Piece], origins: FrameOrigins = FrameOrigins()) {
        self.pieces = pieces
        self.origins = origins
    }

    public var count: Int { pieces.reduce(0) { $0 + $1.bytes.count } }
}

/// A filesystem, called from many threads at once; every call may block.
public protocol FileSystem: AnyObject, Sendable {
    /// The requests that came in; whoever brings them in counts them.
    var requests: RequestFigures { get }

    /// Finds `name` in a directory and counts one reference to what it finds.
    func lookup(_ parent: Inode, _ name: String) throws(FileSystemError) -> Entry
    /// Gives back `count` references.
    func forget(_ inode: Inode, _ count: UInt64)
    func attributes(_ inode: Inode) throws(FileSystemError) -> Entry
    /// The attributes as somebody sees them who has a file open, or who asks by name: who writes a file sees it grow,
    /// others do not. fstat(2) need not tell the handle, so `process` says who asks (0 when that is not known), if that
    /// matters.
    func attributes(
        _ inode: Inode, of handle: Handle?, by process: () -> Int32
    ) throws(FileSystemError) -> Entry
    func readLink(_ inode: Inode) throws(FileSystemError) -> String

    func openDirectory(_ inode: Inode) throws(FileSystemError) -> Handle
    /// Hands the entries from `offset` on to `body` until it returns false. With `counting`, an accepted entry that has
    /// an `entry` counts one reference.
    func readDirectory(
        _ handle: Handle, from offset: Int, counting: Bool, _ body: (DirectoryEntry) -> Bool
    ) throws(FileSystemError)
    func releaseDirectory(_ handle: Handle)

    /// Opens a file; `flags` are those of open(2). `process` is who opens it for writing, 0 when that is not known.
    func open(_ inode: Inode, flags: Int32, by process: Int32) throws(FileSystemError) -> Opened
    /// Whether the bytes in `range` of the open file are still those that opening its inode last gave. Those that are
    /// not may be read by their own reader, but must not get into pages that readers of the new content share.
    func isCurrent(_ handle: Handle, _ range: Range<Int64>) -> Bool
    /// Reads `size` bytes from `offset`, fewer only at the file's end.
    /// `thread` is a number of who reads, and `reader` says who that is when it is not known.
    func read(
        _ handle: Handle, offset: Int64, size: Int, by thread: Int64, _ reader: () -> Reader
    ) throws(FileSystemError) -> ReadResult
    func release(_ handle: Handle)

    // MARK: Changes

    /// Writes all of `bytes` at `offset` of a file opened for writing.
    func write(_ handle: Handle, offset: Int64, _ bytes: UnsafeRawBufferPointer) throws(FileSystemError)
    /// Cuts or extends a file; `handle` is nil where it is named by its path.
    func setSize(_ inode: Inode, of handle: Handle?, to size: Int64) throws(FileSystemError) -> Entry
    /// fallocate(2) of `range`.
    func reserve(_ handle: Handle, _ range: Range<Int64>) throws(FileSystemError)
    /// fsync(2).
    func synchronize(_ handle: Handle) throws(FileSystemError)
    /// One descriptor of the open file goes away in `process` (0 when that is not known), perhaps not the last one;
    /// what this throws is what close(2) returns.
    func closing(_ handle: Handle, _ how: Closing, by process: Int32) throws(FileSystemError)
    /// unlink(2).
    func remove(_ parent: Inode, _ name: String) throws(FileSystemError)
    /// Why an operation that no file of this filesystem knows is refused.
    func refusal(_ operation: String) -> FileSystemError
    /// The room for what users add; nil when nothing can be added.
    func volume() -> Volume?
    /// Has `contentChanged` called whenever a file becomes another one without having been opened.
    func observe(_ contentChanged: @escaping @Sendable (Inode) -> Void)
}

/// A filesystem whose files never change need not say so.
extension FileSystem {
    public func open(_ inode: Inode, flags: Int32) throws(FileSystemError) -> Opened {
        try open(inode, flags: flags, by: 0)
    }
    public func attributes(
        _ inode: Inode, of handle: Handle?, by process: () -> Int32
    ) throws(FileSystemError) -> Entry { try attributes(inode) }
    /// A read by nobody in particular.
    public func read(_ handle: Handle, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult {
        try read(handle, offset: offset, size: size, by: 0) { Reader(process: 0, name: "") }
    }
    public func isCurrent(_ handle: Handle, _ range: Range<Int64>) -> Bool { true }
    public func write(_ handle: Handle, offset: Int64, _ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
        throw refusal("write")
    }
    public func setSize(_ inode: Inode, of handle: Handle?, to size: Int64) throws(FileSystemError) -> Entry {
        throw refusal("truncate")
    }
    public func reserve(_ handle: Handle, _ range: Range<Int64>) throws(FileSystemError) { throw refusal("fallocate") }
    public func synchronize(_ handle: Handle) throws(FileSystemError) {}
    public func closing(_ handle: Handle, _ how: Closing, by process: Int32) throws(FileSystemError) {}
    public func remove(_ parent: Inode, _ name: String) throws(FileSystemError) { throw refusal("unlink '\(name)'") }
    public func refusal(_ operation: String) -> FileSystemError {
        FileSystemError(EROFS, "\(operation) refused: this mount is read-only; write somewhere else", level: .notice)
    }
    public func volume() -> Volume? { nil }
    public func observe(_ contentChanged: @escaping @Sendable (Inode) -> Void) {}
}
