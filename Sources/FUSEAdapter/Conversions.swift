// The tree's attributes as C says them.

import CFUSE
import Foundation
import VirtualTree

extension Attributes.Kind {
    /// The file type bits of `st_mode`.
    var mode: mode_t {
        switch self {
        case .directory: S_IFDIR
        case .regular: S_IFREG
        case .symbolicLink: S_IFLNK
        }
    }
}

extension timespec {
    /// From nanoseconds since 1970, which may be before it.
    init(nanoseconds: Int64) {
        let second: Int64 = 1_000_000_000
        let rest = nanoseconds % second
        let below: Int64 = rest < 0 ? 1 : 0
        self.init(tv_sec: Int(nanoseconds / second - below), tv_nsec: Int(rest + below * second))
    }
}

extension stat {
    init(_ attributes: Attributes) {
        self.init()
        st_ino = ino_t(attributes.inode)
        st_mode = attributes.kind.mode | mode_t(attributes.permissions & 0o7777)
        st_nlink = nlink_t(attributes.links)
        st_uid = attributes.user
        st_gid = attributes.group
        st_size = off_t(attributes.size)
        st_blocks = blkcnt_t(attributes.blocks)
        st_blksize = 4096
        st_mtim = timespec(nanoseconds: attributes.modified)
        st_ctim = st_mtim
        st_atim = st_mtim
    }
}

extension fuse_entry_param {
    init(_ entry: Entry) {
        self.init()
        ino = entry.attributes.inode
        attr = stat(entry.attributes)
        attr_timeout = entry.validity
        entry_timeout = entry.validity
    }

    /// For readdirplus. Inode 0 tells the kernel that there are no attributes: it looks the name up when it needs them.
    init(_ listed: DirectoryEntry) {
        if let entry = listed.entry {
            self.init(entry)
        } else {
            self.init()
            attr.st_ino = ino_t(listed.inode)
            attr.st_mode = listed.kind.mode
        }
    }
}
