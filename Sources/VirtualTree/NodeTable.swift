// What inode numbers stand for, as long as somebody refers to them.

import Tensors

/// What a name of the mount is.
enum Place: Sendable, Hashable {
    case root
    /// The hidden folder `.evh5`, by which the daemon answers about itself.
    case control
    case status
    case link(target: String)
    /// A preprocessing's folder; its canonical text.
    case preprocessing(String)
    /// A folder of the source under a specification.
    case folder(TensorSpec, path: String)
    /// A recording as HDF5.
    case tensor(TensorSpec, path: String, part: Int?)
    /// A file of the source, unchanged.
    case companion(path: String)
    /// A label file of the source, cut to times in us.
    case labels(path: String, times: Range<Int64>)
}

/// A name that the kernel or a handle refers to.
struct Node: Sendable {
    let inode: Inode
    /// The path below the mount: canonical, so one tensor is one node.
    let key: String
    let place: Place
}

/// Nodes by number and by path, counted as the kernel counts them.
struct NodeTable {
    private struct Counted {
        let node: Node
        var references: UInt64
        /// The content that the last attributes were of.
        var told: ContentVersion?
        /// The content when it was last opened.
        var opened: ContentVersion?
    }

    private var byInode: [Inode: Counted] = [:]
    private var byKey: [String: Inode] = ["": rootInode]

    init() { byInode[rootInode] = Counted(node: Node(inode: rootInode, key: "", place: .root), references: 1) }

    subscript(_ inode: Inode) -> Node? { byInode[inode]?.node }

    /// The number that `key` has or would get: a hash of the path, so that numbers stay the same over time and remounts.
    func inode(of key: String) -> Inode { byKey[key] ?? NodeTable.hash(key) }

    /// The node at `key` with one more reference.
    mutating func refer(to key: String, _ place: Place) -> Node {
        if let inode = byKey[key], let counted = byInode[inode], counted.node.place == place {
            byInode[inode]?.references += 1
            return counted.node
        }
        // New, or a name that has become something else: the old number stays with those who hold it.
        var inode = NodeTable.hash(key)
        while byInode[inode] != nil || inode <= rootInode { inode &+= 1 }
        let node = Node(inode: inode, key: key, place: place)
        byInode[inode] = Counted(node: node, references: 1)
        byKey[key] = inode
        return node
    }

    /// Notes which content the attributes in a reply are of.
    mutating func told(_ inode: Inode, _ version: ContentVersion) { byInode[inode]?.told = version }

    /// Notes which content was opened; true when replies before were about another.
    mutating func opened(_ inode: Inode, _ version: ContentVersion) -> Bool {
        guard let counted = byInode[inode] else { return false }
        byInode[inode]?.opened = version
        byInode[inode]?.told = version
        return (counted.told ?? version) != version || (counted.opened ?? version) != version
    }

    /// The content when the file was last opened.
    func lastOpened(_ inode: Inode) -> ContentVersion? { byInode[inode]?.opened }

    mutating func forget(_ inode: Inode, _ count: UInt64) {
        guard inode != rootInode, let counted = byInode[inode] else { return }
        if counted.references > count {
            byInode[inode]?.references -= count
            return
        }
        byInode[inode] = nil
        if byKey[counted.node.key] == inode { byKey[counted.node.key] = nil }
    }

    /// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/).
    private static func hash(_ key: String) -> Inode {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Some programs keep inode numbers in signed 64 bit.
        return hash & 0x7fff_ffff_ffff_ffff
    }
}
