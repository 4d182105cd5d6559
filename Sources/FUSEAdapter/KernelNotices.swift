// What the kernel is told about changes that it does not know of.

import CFUSE
import Foundation
import VirtualTree

/// How the kernel is told that what it holds of a file is outdated.
struct KernelNotices: Sendable {
    private let session: Session
    /// Notices about pages may wait for requests that are under way, so they are not sent from within one.
    private let queue = DispatchQueue(label: "evh5.notices")

    /// libfuse documents its notices as thread-safe.
    private struct Session: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// The session must outlive this value's uses.
    init(session: OpaquePointer) { self.session = Session(pointer: session) }

    /// The attributes alone; no page is waited for, so this is safe within a request.
    func attributesChanged(_ inode: Inode) {
        _ = fuse_lowlevel_notify_inval_inode(session.pointer, inode, -1, 0)
    }

    /// The attributes and the pages in `range` (bytes), some time soon.
    func pagesChanged(_ inode: Inode, _ range: Range<Int64>) {
        queue.async { [session] in
            _ = fuse_lowlevel_notify_inval_inode(
                session.pointer, inode, off_t(range.lowerBound), off_t(range.count))
        }
    }

    /// Waits until no notice is under way.
    func finish() { queue.sync {} }
}
