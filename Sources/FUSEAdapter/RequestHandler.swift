// Requests of the kernel -> calls of the filesystem -> replies. Nothing is decided here but how an error is answered.

import CFUSE
import Files
import Foundation
import Logging
import Synchronization
import VirtualTree

/// Serves the requests of one mount, on any number of threads.
final class RequestHandler: Sendable {
    let fileSystem: any FileSystem
    let logger: Logger
    let pageCache: Bool
    let maxBackground: UInt32
    private let turns: RequestTurns
    /// How the kernel is told of changes; set once there is a session.
    let notices = Mutex<KernelNotices?>(nil)

    init(fileSystem: any FileSystem, logger: Logger, options: MountOptions) {
        self.fileSystem = fileSystem
        self.logger = logger
        pageCache = options.pageCache
        turns = RequestTurns(limit: options.maxThreads)
        maxBackground = UInt32(clamping: max(12, options.maxThreads))
        fileSystem.observe { [weak self] inode in self?.attributesChanged(inode) }
    }

    /// Makes the kernel ask for an inode's attributes again. Safe within a request.
    private func attributesChanged(_ inode: Inode) { notices.withLock { $0 }?.attributesChanged(inode) }

    // MARK: Names and attributes

    /// `name` is nil when it was no UTF-8: no such file exists.
    func lookup(_ request: consuming Request, _ parent: Inode, _ name: String?) {
        let running = fileSystem.requests.begin(.lookup)
        defer { fileSystem.requests.end(running) }
        guard let name else { return request.reply(errno: ENOENT) }
        do throws(FileSystemError) {
            let entry = try request.answering(by: turns) { () throws(FileSystemError) in
                try fileSystem.lookup(parent, name)
            }
            if !request.reply(entry: entry) { fileSystem.forget(entry.attributes.inode, 1) }
        } catch {
            fail(request, "lookup", error)
        }
    }

    func forget(_ request: consuming Request, _ inode: Inode, _ count: UInt64) {
        fileSystem.forget(inode, count)
        request.replyNone()
    }

    func forget(_ request: consuming Request, _ all: UnsafeBufferPointer<fuse_forget_data>) {
        for one in all { fileSystem.forget(one.ino, one.nlookup) }
        request.replyNone()
    }

    /// `thread` is the one that asks.
    func attributes(_ request: consuming Request, _ inode: Inode, _ handle: Handle?, by thread: pid_t) {
        let running = fileSystem.requests.begin(.attributes)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            let entry = try request.answering(by: turns) { () throws(FileSystemError) in
                try fileSystem.attributes(inode, of: handle) { CallingThread.process(of: thread) }
            }
            request.reply(attributes: entry)
        } catch {
            fail(request, "getattr", error)
        }
    }

    func readLink(_ request: consuming Request, _ inode: Inode) {
        let running = fileSystem.requests.begin(.link)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            let target = try fileSystem.readLink(inode)
            request.reply(link: target)
        } catch {
            fail(request, "readlink", error)
        }
    }

    // MARK: Directories

    func openDirectory(_ request: consuming Request, _ inode: Inode, _ information: inout fuse_file_info) {
        let running = fileSystem.requests.begin(.folder)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            let handle = try request.answering(by: turns) { () throws(FileSystemError) in
                try fileSystem.openDirectory(inode)
            }
            information.fh = handle
            if !request.reply(open: &information) { fileSystem.releaseDirectory(handle) }
        } catch {
            fail(request, "opendir", error)
        }
    }

    /// With `plus`, entries carry attributes and count as looked up.
    func readDirectory(_ request: consuming Request, _ handle: Handle, offset: Int, size: Int, plus: Bool) {
        let running = fileSystem.requests.begin(.folder)
        defer { fileSystem.requests.end(running) }
        var buffer = DirectoryBuffer(capacity: size)
        var counted: [Inode] = []
        do throws(FileSystemError) {
            try fileSystem.readDirectory(handle, from: offset, counting: plus) { entry in
                guard request.append(entry, to: &buffer, plus: plus) else { return false }
                if plus, let inode = entry.entry?.attributes.inode { counted.append(inode) }
                return true
            }
        } catch {
            // What is already in the buffer has been counted; the next call meets the error again.
            if buffer.used == 0 { return fail(request, plus ? "readdirplus" : "readdir", error) }
        }
        if !request.reply(buffer: buffer) {
            for inode in counted { fileSystem.forget(inode, 1) }
        }
    }

    func releaseDirectory(_ request: consuming Request, _ handle: Handle) {
        let running = fileSystem.requests.begin(.close)
        defer { fileSystem.requests.end(running) }
        fileSystem.releaseDirectory(handle)
        request.replySuccess()
    }

    // MARK: Files

    /// `thread` is the one that opens the file.
    func open(_ request: consuming Request, _ inode: Inode, _ information: inout fuse_file_info, by thread: pid_t) {
        let running = fileSystem.requests.begin(.open)
        defer { fileSystem.requests.end(running) }
        do throws(FileSystemError) {
            let flags = information.flags
            let writes = flags & O_ACCMODE != O_RDONLY
            let writer = writes ? CallingThread.process(of: thread) : 0
            if writes && writer == 0 { throw RequestHandler.unseenWriter }
            let opened = try request.answering(by: turns) { () throws(FileSystemError) in
                try fileSystem.open(inode, flags: flags, by: writer)
            }
            // The size that the caller sees next must not be an earlier state's: HDF5 takes that for a truncated file.
            if opened.contentChanged { attributesChanged(inode) }
            information.fh = opened.handle
            information.direct_io = pageCache && !opened.isOwnView ? 0 : 1
            // Closing what was only read needs no word to us.
            information.noflush = opened.writes ? 0 : 1
            // Another open of the same file must not drop the pages of a shared map, unless they are of an earlier
            // state.
            information.keep_cache = opened.contentChanged ? 0 : 1
            if !request.reply(open: &information) { fileSystem.release(opened.handle) }
        } catch {
            fail(request, "open", error)
        }
    }

    /// `intoPages` when the kernel will keep the bytes in pages, for all who map the file or read it through the page
    /// cache.
    /// `thread` is the one that reads.
    func read(
        _ request: consuming Request, _ handle: Handle, offset: Int64, size: Int, intoPages: Bool, by thread: pid_t
    ) {
        let running = fileSystem.requests.begin(.read)
        var bytes = 0
        defer { fileSystem.requests.end(running, bytes: bytes) }
        do throws(FileSystemError) {
            let result = try request.answering(by: turns) { () throws(FileSystemError) in
                try fileSystem.read(handle, offset: offset, size: size, by: Int64(thread)) {
                    CallingThread.reader(of: thread)
                }
            }
            guard result.count <= size else {
                let message = "the filesystem returned \(result.count) bytes where \(size) were asked for"
                return fail(request, "read", FileSystemError(EIO, message))
            }
            // Asked after the read: who opens the new content from here on drops these pages.
            if intoPages && !fileSystem.isCurrent(handle, offset..<offset.saturating(adding: Int64(size))) {
                let message = "the file has changed and was opened anew by others; open it again"
                return fail(request, "read", FileSystemError(ESTALE, message, level: .info))
            }
            bytes = result.count
            request.reply(result)
        } catch {
            fail(request, "read", error)
        }
    }

    /// A session is committed when its writer closes the file, and never when it is killed. Who cannot be seen cannot
    /// be told apart, so it may not write.
    private static let unseenWriter = FileSystemError(
        EROFS,
        "refused to a writer that this daemon cannot see, so that it could not tell closing from being killed: let both share a pid namespace and /proc (see docs/CONTAINERS.md)",
        level: .warning)

    func release(_ request: consuming Request, _ handle: Handle) {
        let running = fileSystem.requests.begin(.close)
        defer { fileSystem.requests.end(running) }
        fileSystem.release(handle)
        request.replySuccess()
    }

    func statistics(_ request: consuming Request) {
        let running = fileSystem.requests.begin(.statistics)
        defer { fileSystem.requests.end(running) }
        let unit: Int64 = 4096
        var figures = statvfs()
        figures.f_bsize = UInt(unit)
        figures.f_frsize = UInt(unit)
        figures.f_namemax = 255
        if let volume = fileSystem.volume() {
            figures.f_blocks = fsblkcnt_t(max(0, volume.size / unit))
            figures.f_bfree = fsblkcnt_t(max(0, volume.free / unit))
            figures.f_bavail = fsblkcnt_t(max(0, volume.available / unit))
        }
        request.reply(statistics: &figures)
    }

    // MARK: Refusals

    /// Answers an operation that nothing here knows.
    func refuse(_ request: consuming Request, _ operation: String, _ name: UnsafePointer<CChar>?) {
        let running = fileSystem.requests.begin(.refused)
        defer { fileSystem.requests.end(running) }
        let what = name.map { " '\(String(cString: $0))'" } ?? ""
        fail(request, operation, fileSystem.refusal(operation + what))
    }

    /// Answers with an error and says why in the log, once.
    func fail(_ request: consuming Request, _ operation: String, _ error: FileSystemError) {
        var metadata: Logger.Metadata = ["errno": "\(error.errno)"]
        if let cause = error.cause.map({ "\($0)" }), !error.message.contains(cause) { metadata["cause"] = "\(cause)" }
        logger.log(level: error.level, "\(operation): \(error.message)", metadata: metadata)
        fileSystem.requests.refused(error.errno)
        request.reply(errno: error.errno)
    }
}
