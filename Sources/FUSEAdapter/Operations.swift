// The table of functions that libfuse calls.

import CFUSE
import Foundation
import VirtualTree

/// The handler of the mount that a request came from.
private func handler(_ request: fuse_req_t) -> RequestHandler {
    Unmanaged<RequestHandler>.fromOpaque(fuse_req_userdata(request)).takeUnretainedValue()
}

private func name(_ characters: UnsafePointer<CChar>?) -> String? {
    characters.flatMap { String(validatingCString: $0) }
}

/// Refuses an operation that would change something.
private func refuse(_ request: fuse_req_t?, _ operation: String, _ name: UnsafePointer<CChar>? = nil) {
    guard let request else { return }
    handler(request).refuse(Request(request), operation, name)
}

/// What is served. Operations that are left out answer ENOSYS, which the kernel remembers: extended attributes, lseek
/// (no holes); locks, which it then keeps itself; access, as `default_permissions` leaves the checks to it.
func fuseOperations() -> fuse_lowlevel_ops {
    var ops = fuse_lowlevel_ops()
    addNames(&ops)
    addDirectories(&ops)
    addFiles(&ops)
    addChanges(&ops)
    addRefusals(&ops)
    return ops
}

private func addNames(_ ops: inout fuse_lowlevel_ops) {
    ops.`init` = { userData, connection in
        guard let userData, let connection else { return }
        let handler = Unmanaged<RequestHandler>.fromOpaque(userData).takeUnretainedValue()
        configure(&connection.pointee, pageCache: handler.pageCache, maxBackground: handler.maxBackground)
    }
    ops.lookup = { request, parent, characters in
        guard let request else { return }
        handler(request).lookup(Request(request), parent, name(characters))
    }
    ops.forget = { request, inode, count in
        guard let request else { return }
        handler(request).forget(Request(request), inode, count)
    }
    ops.forget_multi = { request, count, all in
        guard let request else { return }
        handler(request).forget(Request(request), UnsafeBufferPointer(start: all, count: count))
    }
    ops.getattr = { request, inode, information in
        guard let request else { return }
        let thread = fuse_req_ctx(request)?.pointee.pid ?? 0
        handler(request).attributes(Request(request), inode, information?.pointee.fh, by: thread)
    }
    ops.readlink = { request, inode in
        guard let request else { return }
        handler(request).readLink(Request(request), inode)
    }
    ops.statfs = { request, _ in
        guard let request else { return }
        handler(request).statistics(Request(request))
    }
}

private func addDirectories(_ ops: inout fuse_lowlevel_ops) {
    ops.opendir = { request, inode, information in
        guard let request, let information else { return }
        handler(request).openDirectory(Request(request), inode, &information.pointee)
    }
    ops.readdir = { request, _, size, offset, information in
        guard let request, let information else { return }
        handler(request).readDirectory(
            Request(request), information.pointee.fh, offset: Int(offset), size: size, plus: false)
    }
    ops.readdirplus = { request, _, size, offset, information in
        guard let request, let information else { return }
        handler(request).readDirectory(
            Request(request), information.pointee.fh, offset: Int(offset), size: size, plus: true)
    }
    ops.releasedir = { request, _, information in
        guard let request, let information else { return }
        handler(request).releaseDirectory(Request(request), information.pointee.fh)
    }
}

private func addFiles(_ ops: inout fuse_lowlevel_ops) {
    ops.open = { request, inode, information in
        guard let request, let information else { return }
        let thread = fuse_req_ctx(request)?.pointee.pid ?? 0
        handler(request).open(Request(request), inode, &information.pointee, by: thread)
    }
    ops.read = { request, _, size, offset, information in
        guard let request, let information else { return }
        let thread = fuse_req_ctx(request)?.pointee.pid ?? 0
        // The kernel names an owner for what goes straight to a caller, and none for what fills pages.
        handler(request).read(
            Request(request), information.pointee.fh, offset: Int64(offset), size: size,
            intoPages: information.pointee.lock_owner == 0, by: thread)
    }
    ops.release = { request, _, information in
        guard let request, let information else { return }
        handler(request).release(Request(request), information.pointee.fh)
    }
}

private func addChanges(_ ops: inout fuse_lowlevel_ops) {
    ops.write = { request, inode, bytes, size, offset, information in
        guard let request, let information else { return }
        handler(request).write(
            Request(request), inode, information.pointee.fh, offset: Int64(offset),
            UnsafeRawBufferPointer(start: bytes, count: size), fromPages: information.pointee.writepage != 0)
    }
    ops.setattr = { request, inode, attributes, changes, information in
        guard let request, let attributes else { return }
        handler(request).change(
            Request(request), inode, information?.pointee.fh, size: Int64(attributes.pointee.st_size),
            changes: UInt32(bitPattern: changes))
    }
    ops.fallocate = { request, _, _, offset, length, information in
        guard let request, let information else { return }
        handler(request).reserve(Request(request), information.pointee.fh, Int64(offset), count: Int64(length))
    }
    ops.fsync = { request, _, _, information in
        guard let request, let information else { return }
        handler(request).synchronize(Request(request), information.pointee.fh)
    }
    ops.flush = { request, _, information in
        guard let request, let information else { return }
        let thread = fuse_req_ctx(request)?.pointee.pid ?? 0
        handler(request).closing(Request(request), information.pointee.fh, by: thread)
    }
    ops.unlink = { request, parent, characters in
        guard let request else { return }
        handler(request).remove(Request(request), parent, name(characters))
    }
}

private func addRefusals(_ ops: inout fuse_lowlevel_ops) {
    ops.mknod = { request, _, name, _, _ in refuse(request, "mknod", name) }
    ops.mkdir = { request, _, name, _ in refuse(request, "mkdir", name) }
    ops.rmdir = { request, _, name in refuse(request, "rmdir", name) }
    ops.symlink = { request, _, _, name in refuse(request, "symlink", name) }
    ops.rename = { request, _, name, _, _, _ in refuse(request, "rename", name) }
    ops.link = { request, _, _, name in refuse(request, "link", name) }
    ops.create = { request, _, name, _, _ in refuse(request, "create", name) }
    ops.setxattr = { request, _, name, _, _, _ in refuse(request, "setxattr", name) }
    ops.removexattr = { request, _, name in refuse(request, "removexattr", name) }
}

/// What is agreed with the kernel when a mount begins.
private func configure(_ connection: inout fuse_conn_info, pageCache: Bool, maxBackground: UInt32) {
    func want(_ capability: UInt32, _ wanted: Bool = true) {
        if wanted && connection.capable & capability != 0 {
            connection.want |= capability
        } else {
            connection.want &= ~capability
        }
    }
    want(UInt32(FUSE_CAP_ASYNC_READ))
    // libfuse 3.14 forgets to pass this one on; evh5_fuse_init does.
    want(UInt32(FUSE_CAP_PARALLEL_DIROPS))
    want(UInt32(FUSE_CAP_ATOMIC_O_TRUNC))
    want(UInt32(FUSE_CAP_READDIRPLUS))
    // Attributes come with all names, not only a folder's first: find and du ask for each. A summary tells them without
    // work.
    want(UInt32(FUSE_CAP_READDIRPLUS_AUTO), false)
    // It would send a new superblock before the bytes that it speaks of.
    want(UInt32(FUSE_CAP_WRITEBACK_CACHE), false)
    // Under direct I/O the only pages are those of shared maps, and a new modification time must not drop them all;
    // in the page cache it is what tells old bytes from new ones.
    want(UInt32(FUSE_CAP_EXPLICIT_INVAL_DATA), !pageCache)
    want(UInt32(FUSE_CAP_AUTO_INVAL_DATA), pageCache)
    // Requests of 1 MiB are libfuse's own default; read-ahead is the kernel's to limit.
    connection.max_background = max(connection.max_background, maxBackground)
    connection.congestion_threshold = connection.max_background / 4 * 3
}
