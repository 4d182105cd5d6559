// Opened folders: their names are fixed when they are opened.

import Foundation

/// An opened folder: `.` and `..`, then what it lists.
struct OpenFolder: Sendable {
    let own: [Listed]
    let listing: Listing

    var count: Int { own.count + listing.count }

    /// The name number `i`; nil when it is not there any more.
    subscript(_ i: Int) -> Listed? { i < own.count ? own[i] : listing[i - own.count] }
}

extension VirtualFileSystem {
    public func openDirectory(_ inode: Inode) throws(FileSystemError) -> Handle {
        let node = try node(inode)
        let own = [(".", node.key), ("..", split(node.key).folder)].map { name, key in
            Listed(name: name, key: key, kind: .directory, place: nil)
        }
        let opened = OpenFolder(own: own, listing: try catalog.list(node.location))
        return directories.withLock { $0.insert(opened) }
    }

    public func releaseDirectory(_ handle: Handle) {
        let listed = directories.withLock { $0.remove(handle) }
        _ = consume listed
    }

    public func readDirectory(
        _ handle: Handle, from offset: Int, counting: Bool, _ body: (DirectoryEntry) -> Bool
    ) throws(FileSystemError) {
        guard let listed = directories.withLock({ $0[handle] }) else {
            throw FileSystemError(EBADF, "no open folder \(handle)")
        }
        guard offset >= 0, offset < listed.count else { return }
        var isNoted = false
        for i in offset..<listed.count {
            // What has gone since is told to who asks for it.
            guard let item = listed[i] else { continue }
            // The reference is counted first: the kernel may give it back as soon as the entry is out.
            let entry = item.place.flatMap { place in
                let location = Location(key: item.key, place: place)
                return (counting ? catalog.factsWithoutWork(location) : nil).map { counted($0, location) }
            }
            // What is told here is not looked up by name.
            if entry != nil, !isNoted, let place = item.place, case .recording = place {
                catalog.noteUse(place)
                isNoted = true
            }
            let inode = entry?.attributes.inode ?? nodes.withLock { $0.inode(of: item.key) }
            let accepted = body(
                DirectoryEntry(name: item.name, inode: inode, kind: item.kind, nextOffset: i + 1, entry: entry))
            guard accepted else {
                if entry != nil { forget(inode, 1) }
                return
            }
        }
    }
}
