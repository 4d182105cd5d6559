// The operations of a filesystem as its users' system calls need them, without FUSE.

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
    /// Whether the content may differ from what earlier replies about this inode said: attributes and pages kept from them are to be dropped.
    public let contentChanged: Bool

    public init(handle: Handle, contentChanged: Bool) {
        self.handle = handle
        self.contentChanged = contentChanged
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

    public init(pieces: [Piece]) { self.pieces = pieces }

    public var count: Int { pieces.reduce(0) { $0 + $1.bytes.count } }
}

/// A filesystem, called from many threads at once; every call may block.
public protocol FileSystem: AnyObject, Sendable {
    /// Finds `name` in a directory and counts one reference to what it finds.
    func lookup(_ parent: Inode, _ name: String) throws(FileSystemError) -> Entry
    /// Gives back `count` references.
    func forget(_ inode: Inode, _ count: UInt64)
    func attributes(_ inode: Inode) throws(FileSystemError) -> Entry
    func readLink(_ inode: Inode) throws(FileSystemError) -> String

    func openDirectory(_ inode: Inode) throws(FileSystemError) -> Handle
    /// Hands the entries from `offset` on to `body` until it returns false. With `counting`, an accepted entry that has an `entry` counts one reference.
    func readDirectory(
        _ handle: Handle, from offset: Int, counting: Bool, _ body: (DirectoryEntry) -> Bool
    ) throws(FileSystemError)
    func releaseDirectory(_ handle: Handle)

    /// Opens a file; `flags` are those of open(2).
    func open(_ inode: Inode, flags: Int32) throws(FileSystemError) -> Opened
    /// Whether the open file is still what opening its inode last gave. One that is not may be read by its own reader, but
    /// its bytes must not get into pages that readers of the new content share.
    func isCurrent(_ handle: Handle) -> Bool
    /// Reads `size` bytes from `offset`, fewer only at the file's end.
    func read(_ handle: Handle, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult
    func release(_ handle: Handle)
}

extension FileSystem {
    /// Files that never change are always current.
    public func isCurrent(_ handle: Handle) -> Bool { true }
}
