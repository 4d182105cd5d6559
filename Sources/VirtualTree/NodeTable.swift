// What inode numbers stand for, as long as somebody refers to them.

/// A name that the kernel or a handle refers to.
struct Node: Sendable {
    let inode: Inode
    let location: Location

    init(inode: Inode, key: String, place: Place) {
        self.inode = inode
        location = Location(key: key, place: place)
    }

    var key: String { location.key }
    var place: Place { location.place }
}

/// Nodes by number and by path, counted as the kernel counts them.
///
/// A node's number is a hash of its path, so that numbers stay the same over time and remounts, and paths need no table
/// of their own but for the few whose number is another.
struct NodeTable {
    private struct Counted {
        let key: String
        let place: Place
        var references: UInt64
        /// Digest of the content that the last attributes were of; 0 for none.
        var told: Int = 0
    }

    private var byInode: [Inode: Counted] = [:]
    /// The nodes that do not have the number that their path would give them.
    private var elsewhere: [String: Inode] = ["": rootInode]
    /// The content of files when they were last opened.
    private var opened: [Inode: ContentVersion] = [:]

    init() { byInode[rootInode] = Counted(key: "", place: .root, references: 1) }

    subscript(_ inode: Inode) -> Node? {
        byInode[inode].map { Node(inode: inode, key: $0.key, place: $0.place) }
    }

    var count: Int { byInode.count }

    /// The number of the node at `key`, if there is one.
    private func find(_ key: String) -> Inode? {
        if let inode = elsewhere[key] { return inode }
        let inode = NodeTable.hash(key)
        return byInode[inode]?.key == key ? inode : nil
    }

    /// The number that `key` has or would get.
    func inode(of key: String) -> Inode {
        elsewhere.isEmpty ? NodeTable.hash(key) : elsewhere[key] ?? NodeTable.hash(key)
    }

    /// The node at `key` with one more reference.
    mutating func refer(to key: String, _ place: Place) -> Node {
        let old = find(key)
        if let old, let counted = byInode[old], counted.place == place {
            byInode[old]?.references += 1
            return Node(inode: old, key: counted.key, place: counted.place)
        }
        // New, or a name that has become something else: the old number stays with those who hold it.
        let first = NodeTable.hash(key)
        var inode = first
        while byInode[inode] != nil || inode <= rootInode { inode &+= 1 }
        byInode[inode] = Counted(key: key, place: place, references: 1)
        elsewhere[key] = inode == first ? nil : inode
        return Node(inode: inode, key: key, place: place)
    }

    /// Notes which content the attributes in a reply are of.
    mutating func told(_ inode: Inode, _ version: ContentVersion) { byInode[inode]?.told = NodeTable.digest(version) }

    /// Notes which content was opened; true when replies before were about another.
    mutating func opened(_ inode: Inode, _ version: ContentVersion) -> Bool {
        guard let counted = byInode[inode] else { return false }
        let before = opened.updateValue(version, forKey: inode)
        byInode[inode]?.told = NodeTable.digest(version)
        return (counted.told != 0 && counted.told != NodeTable.digest(version)) || (before ?? version) != version
    }

    /// The content when the file was last opened.
    func lastOpened(_ inode: Inode) -> ContentVersion? { opened[inode] }

    mutating func forget(_ inode: Inode, _ count: UInt64) {
        guard inode != rootInode, let counted = byInode[inode] else { return }
        if counted.references > count {
            byInode[inode]?.references -= count
            return
        }
        byInode[inode] = nil
        opened[inode] = nil
        if elsewhere[counted.key] == inode { elsewhere[counted.key] = nil }
    }

    /// Equal for equal versions; for others equal once in 2^63.
    private static func digest(_ version: ContentVersion) -> Int { version.hashValue | 1 }

    /// FNV-1a, 64 bit (http://www.isthe.com/chongo/tech/comp/fnv/).
    private static func hash(_ key: String) -> Inode {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Some programs keep inode numbers in signed 64 bit.
        return hash & 0x7fff_ffff_ffff_ffff
    }
}
