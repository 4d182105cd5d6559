// Reading virtual files on several threads, no faster than their frames can be stored.

import Foundation
import Synchronization
import VirtualTree

/// Virtual files below folders of a mount.
enum VirtualFiles {
    struct Found {
        var files: [(path: String, size: Int64)] = []
        var failures: [(path: String, reason: String)] = []
    }

    /// The `.h5` files that `path` is or has below it, each once; links to folders and files are not followed below it.
    static func find(_ path: String) -> Found {
        var found = Found()
        func visit(_ path: String, named: Bool) {
            var status = stat()
            guard (named ? stat(path, &status) : lstat(path, &status)) == 0 else {
                found.failures.append((path, String(cString: strerror(errno))))
                return
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                do {
                    for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
                        visit(path.hasSuffix("/") ? path + name : path + "/" + name, named: false)
                    }
                } catch { found.failures.append((path, "\(error.localizedDescription)")) }
            case S_IFREG where path.hasSuffix(".h5"): found.files.append((path, Int64(status.st_size)))
            case S_IFREG where named: found.failures.append((path, "it is no .h5 file"))
            default: break
            }
        }
        visit(path, named: true)
        return found
    }
}

/// The files to read of one mount.
struct WarmGroup {
    let mountPoint: String
    var files: [(path: String, size: Int64)] = []

    var bytes: Int64 { files.reduce(0) { $0 + $1.size } }

    init(mountPoint: String) { self.mountPoint = mountPoint }

    /// The folder above `path` that is a mount of evh5; nil when there is none.
    static func mountPoint(of path: String) -> String? {
        guard var folder = realPath(path) else { return nil }
        while folder != "/" {
            if access(folder + "/.evh5/status.json", R_OK) == 0 { return folder }
            folder = (folder as NSString).deletingLastPathComponent
        }
        return nil
    }
}

/// Reads the files of a mount from front to back, several parts at a time.
final class WarmReader: Sendable {
    private struct State {
        /// The next part to read.
        var file = 0
        var offset: Int64 = 0
        var bytes: Int64 = 0
        var failures: [(path: String, reason: String)] = []
    }

    /// Bytes that one thread reads in a row: enough for reading ahead to be of use.
    private static let part: Int64 = 64 << 20
    private static let request = 1 << 20

    private let mountPoint: String
    private let files: [(path: String, size: Int64)]
    private let progress: RateProgress
    private let state = Mutex(State())

    init(_ group: WarmGroup, progress: RateProgress) {
        mountPoint = group.mountPoint
        files = group.files
        self.progress = progress
    }

    var bytesRead: Int64 { state.withLock { $0.bytes } }
    var failures: [(path: String, reason: String)] { state.withLock { $0.failures } }

    func run(threads: Int) {
        let group = DispatchGroup()
        for _ in 0..<threads {
            group.enter()
            Thread.detachNewThread { [self] in
                work()
                group.leave()
            }
        }
        group.wait()
    }

    /// Waits until the mount has stored what it computed, at most a minute after the last progress.
    func settle() throws(CommandError) -> MountStatus {
        var status = try MountStatus.read(at: mountPoint)
        var patience = 600
        while let queued = status.cache?.queued, queued > 0, patience > 0 {
            usleep(100_000)
            status = try MountStatus.read(at: mountPoint)
            patience = status.cache?.queued == queued ? patience - 1 : 600
        }
        return status
    }

    private func work() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: WarmReader.request, alignment: 4096)
        defer { buffer.deallocate() }
        while let (path, range) = next() {
            let fd = open(path, O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else {
                fail(path)
                continue
            }
            defer { close(fd) }
            var offset = range.lowerBound
            while offset < range.upperBound {
                let n = pread(fd, buffer.baseAddress, min(buffer.count, Int(range.upperBound - offset)), off_t(offset))
                if n < 0 && errno == EINTR { continue }
                if n < 0 { fail(path) }
                guard n > 0 else { break }
                offset += Int64(n)
                let done = state.withLock { state in
                    state.bytes += Int64(n)
                    return state.bytes
                }
                progress.update(done)
                // Asked about every 16 MiB: what waits to be stored shall not be pushed out of memory.
                if offset >> 24 != (offset - Int64(n)) >> 24 { yield() }
            }
        }
    }

    /// Waits while much waits to be stored, as long as it becomes less.
    private func yield() {
        var last = Int.max
        while let status = try? MountStatus.read(at: mountPoint), let cache = status.cache, cache.problem == nil,
            cache.queuedBytes > status.memoryTarget / 4, cache.queued <= last
        {
            last = cache.queued
            usleep(10_000)
        }
    }

    private func next() -> (String, Range<Int64>)? {
        state.withLock { state in
            guard state.file < files.count else { return nil }
            let (path, size) = files[state.file]
            let range = state.offset..<max(state.offset, min(size, state.offset + WarmReader.part))
            state.offset = range.upperBound
            if state.offset >= size {
                state.file += 1
                state.offset = 0
            }
            return (path, range)
        }
    }

    private func fail(_ path: String) {
        let reason = String(cString: strerror(errno))
        state.withLock { state in
            if state.failures.last?.path != path { state.failures.append((path, reason)) }
        }
    }
}
