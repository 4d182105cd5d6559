// Requests that change files.

import CFUSE
import Files
import Foundation
import Logging
import VirtualTree

extension RequestHandler {
    /// `fromPages` when the kernel writes back pages of a shared map: nobody knows whose session they would belong to.
    func write(
        _ request: consuming Request, _ inode: Inode, _ handle: Handle, offset: Int64, _ bytes: UnsafeRawBufferPointer,
        fromPages: Bool
    ) {
        if fromPages {
            // The pages show what was refused to all who map the file, until they are dropped.
            notices.withLock { $0 }?.pagesChanged(inode, offset..<offset.saturating(adding: Int64(bytes.count)))
            let message = "writing through a shared map is refused: write(2) or an HDF5 library's ordinary drivers work"
            return fail(request, "write", FileSystemError(EPERM, message, level: .warning))
        }
        let running = fileSystem.requests.begin(.write)
        var written = 0
        defer { fileSystem.requests.end(running, bytes: written) }
        do throws(FileSystemError) {
            try fileSystem.write(handle, offset: offset, bytes)
            written = bytes.count
            request.reply(written: bytes.count)
        } catch {
            fail(request, "write", error)
        }
    }

    /// setattr: of all that can be changed about a file, its size is what may be.
    func change(_ request: consuming Request, _ inode: Inode, _ handle: Handle?, size: Int64, changes: UInt32) {
        let running = fileSystem.requests.begin(.write)
        defer { fileSystem.requests.end(running) }
        let kinds: [(bit: Int32, name: String)] = [
            (FUSE_SET_ATTR_MODE, "chmod"), (FUSE_SET_ATTR_UID, "chown"), (FUSE_SET_ATTR_GID, "chown"),
        ]
        if let kind = kinds.first(where: { changes & UInt32($0.bit) != 0 }) {
            return fail(request, "setattr", fileSystem.refusal(kind.name))
        }
        guard changes & UInt32(FUSE_SET_ATTR_SIZE) != 0 else {
            return fail(request, "setattr", fileSystem.refusal("setting a file's times"))
        }
        do throws(FileSystemError) {
            let entry = try fileSystem.setSize(inode, of: handle, to: size)
            request.reply(attributes: entry)
        } catch {
            fail(request, "truncate", error)
        }
    }

    func reserve(_ request: consuming Request, _ handle: Handle, _ offset: Int64, count: Int64) {
        let running = fileSystem.requests.begin(.write)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            let (end, overflow) = offset.addingReportingOverflow(count)
            guard offset >= 0, count >= 0, !overflow else { throw FileSystemError(EINVAL, "no such range of a file") }
            try fileSystem.reserve(handle, offset..<end)
            request.replySuccess()
        } catch {
            fail(request, "fallocate", error)
        }
    }

    func synchronize(_ request: consuming Request, _ handle: Handle) {
        let running = fileSystem.requests.begin(.sync)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            try fileSystem.synchronize(handle)
            request.replySuccess()
        } catch {
            fail(request, "fsync", error)
        }
    }

    /// flush: a descriptor was closed by `thread`.
    func closing(_ request: consuming Request, _ handle: Handle, by thread: pid_t) {
        let running = fileSystem.requests.begin(.close)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            try fileSystem.closing(
                handle, CallingThread.closing(thread), by: CallingThread.process(of: thread))
            request.replySuccess()
        } catch {
            fail(request, "close", error)
        }
    }

    /// `name` is nil when it was no UTF-8: no such file exists.
    func remove(_ request: consuming Request, _ parent: Inode, _ name: String?) {
        let running = fileSystem.requests.begin(.remove)
        defer { fileSystem.requests.end(running) }
        guard let name else { return request.reply(errno: ENOENT) }
        do throws(FileSystemError) {
            try fileSystem.remove(parent, name)
            request.replySuccess()
        } catch {
            fail(request, "unlink", error)
        }
    }
}
