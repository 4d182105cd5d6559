// One request of the kernel, which gets exactly one reply.

import CFUSE
import Files
import Foundation
import VirtualTree

/// A request that is not answered yet. Every `reply` uses it up; one that is dropped without a reply answers EIO, so
/// that the caller of the system call never hangs.
struct Request: ~Copyable {
    private let raw: fuse_req_t

    init(_ raw: fuse_req_t) { self.raw = raw }

    deinit { fuse_reply_err(raw, EIO) }

    /// Runs `body`, which may wait for long: it learns when nobody waits for the answer any more (Ctrl-C, a kill).
    borrowing func answering<R, Failure: Error>(
        by giver: RequestTurns, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        giver.willAnswer()
        defer { giver.didAnswer() }
        return try LongWait.answering(raw, of: giver, body)
    }

    consuming func reply(errno: Int32) {
        // The kernel takes 1 to 999 only; with another number the caller would wait for ever.
        fuse_reply_err(raw, (1..<1000).contains(errno) ? errno : EIO)
        discard self
    }

    consuming func replySuccess() {
        fuse_reply_err(raw, 0)
        discard self
    }

    consuming func replyNone() {
        fuse_reply_none(raw)
        discard self
    }

    /// False when the kernel did not take the reply, as the caller was killed meanwhile: what the reply counted or
    /// opened has to be given back.
    consuming func reply(entry: Entry) -> Bool {
        var parameters = fuse_entry_param(entry)
        let taken = fuse_reply_entry(raw, &parameters) == 0
        discard self
        return taken
    }

    consuming func reply(attributes entry: Entry) {
        var status = stat(entry.attributes)
        fuse_reply_attr(raw, &status, entry.validity)
        discard self
    }

    consuming func reply(written count: Int) {
        fuse_reply_write(raw, count)
        discard self
    }

    consuming func reply(link: String) {
        fuse_reply_readlink(raw, link)
        discard self
    }

    /// False as for `reply(entry:)`.
    consuming func reply(open information: inout fuse_file_info) -> Bool {
        let taken = fuse_reply_open(raw, &information) == 0
        discard self
        return taken
    }

    /// False as for `reply(entry:)`.
    consuming func reply(buffer: borrowing DirectoryBuffer) -> Bool {
        let taken = fuse_reply_buf(raw, buffer.start, buffer.used) == 0
        discard self
        return taken
    }

    consuming func reply(statistics: inout statvfs) {
        fuse_reply_statfs(raw, &statistics)
        discard self
    }

    /// Hands the pieces to the kernel where they lie.
    consuming func reply(_ result: ReadResult) {
        withExtendedLifetime(result) {
            let pieces = result.pieces
            if pieces.count <= Self.maximumPieces {
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: max(1, pieces.count)) { vector in
                    for (i, piece) in pieces.enumerated() {
                        vector[i] = iovec(
                            iov_base: UnsafeMutableRawPointer(mutating: piece.bytes.baseAddress),
                            iov_len: piece.bytes.count)
                    }
                    fuse_reply_iov(raw, vector.baseAddress, Int32(pieces.count))
                }
            } else {
                // So many pieces are small ones, and writev takes 1024 at most.
                let joined = pieces.reduce(into: [UInt8]()) { $0.append(contentsOf: $1.bytes) }
                joined.withUnsafeBytes {
                    _ = fuse_reply_buf(raw, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
                }
            }
        }
        discard self
    }

    private static let maximumPieces = 1000

    /// Adds an entry to a directory's reply; false when there is no room left.
    borrowing func append(_ entry: DirectoryEntry, to buffer: inout DirectoryBuffer, plus: Bool) -> Bool {
        let free = buffer.capacity - buffer.used
        let position = buffer.start + buffer.used
        let size: Int
        if plus {
            var parameters = fuse_entry_param(entry)
            size = fuse_add_direntry_plus(raw, position, free, entry.name, &parameters, off_t(entry.nextOffset))
        } else {
            var status = stat()
            status.st_ino = ino_t(entry.inode)
            status.st_mode = entry.kind.mode
            size = fuse_add_direntry(raw, position, free, entry.name, &status, off_t(entry.nextOffset))
        }
        guard size <= free else { return false }
        buffer.used += size
        return true
    }
}

/// The bytes of a reply to readdir.
struct DirectoryBuffer: ~Copyable {
    let start: UnsafeMutablePointer<CChar>
    let capacity: Int
    var used = 0

    init(capacity: Int) {
        start = .allocate(capacity: max(1, capacity))
        self.capacity = capacity
    }

    deinit { start.deallocate() }
}
