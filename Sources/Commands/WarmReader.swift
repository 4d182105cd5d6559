// Reading virtual files on several threads, no faster than their frames can be stored.

import FUSEAdapter
import Files
import Foundation
import FrameStore
import Synchronization
import VirtualTree

/// Virtual files below folders of a mount.
enum VirtualFiles {
    struct Found {
        var files: [(path: String, size: Int64)] = []
        var failures: [(path: String, reason: String, errno: Int32)] = []
    }

    /// The `.h5` and `.hdf5` files that `path` is or has below it, each once; links to folders and files are not
    /// followed below it.
    static func find(_ path: String) -> Found {
        var found = Found()
        func visit(_ path: String, named: Bool) {
            var status = stat()
            guard (named ? stat(path, &status) : lstat(path, &status)) == 0 else {
                let why = errno
                found.failures.append((path, String(cString: strerror(why)), why))
                return
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                do {
                    for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
                        visit(path.hasSuffix("/") ? path + name : path + "/" + name, named: false)
                    }
                } catch { found.failures.append((path, "\(error.localizedDescription)", EIO)) }
            case S_IFREG where path.hasSuffix(".h5") || path.hasSuffix(".hdf5"):
                found.files.append((path, Int64(status.st_size)))
            case S_IFREG where named:
                let reason = "it is no tensor or events (.h5, .hdf5) but a file beside the recordings"
                found.failures.append((path, reason, EINVAL))
            default: break
            }
        }
        visit(path, named: true)
        return found
    }
}

/// The files to read of one mount.
struct WarmGroup {
    let mount: FUSEAdapter.Mount
    var files: [(path: String, size: Int64)] = []

    var bytes: Int64 { files.reduce(0) { $0.saturating(adding: $1.size) } }

    init(_ mount: FUSEAdapter.Mount) { self.mount = mount }

    /// Whether frames were removed from the cache that were put there just now: the older ones go first.
    func isTooSmall(_ before: DiskCacheStatistics, _ now: DiskCacheStatistics) -> Bool {
        now.evicted - before.evicted > before.entries
    }

    func tooSmall(_ cache: DiskCacheStatistics) -> String {
        "the cache is too small: frames were removed again to make room for others; it holds \(Quantity.text(bytes: Int(cache.limit))) (--max-cache-size) and leaves 5 % of the disk free"
    }
}

/// Reads the files of a mount from front to back, several parts at a time, as fast as their frames are stored.
final class WarmReader: Sendable {
    private struct State {
        /// The next part to read.
        var file = 0
        var offset: Int64 = 0
        var bytes: Int64 = 0
        var failures: [(path: String, reason: String)] = []
        /// Bytes read since the mount was last asked how much waits to be stored.
        var unseen: Int64 = 0
        /// Whether so much waits that nobody shall read.
        var isFull = false
        /// Whether a thread asks.
        var isAsking = false
        /// Whether frames are removed that were only just stored: reading on would be in vain.
        var isOver = false
    }

    /// Bytes that one thread reads in a row: enough for reading ahead to be of use.
    private static let part: Int64 = 64 << 20
    private static let request = 1 << 20
    /// The mount is asked after so many bytes; a file counts for this many at least.
    private static let look: Int64 = 4 << 20
    private static let smallestFile: Int64 = 64 << 10
    /// Shares of the memory target that may wait to be stored: reading pauses at the larger one and goes on at the
    /// smaller.
    private static let full = 4
    private static let free = 16
    /// Frames that may wait, however small.
    private static let mostWaiting = 20_000
    /// Seconds without progress after which waiting ends.
    private static let patience = 60.0
    /// How often files are read at most.
    static let passes = 3

    /// How many times smaller those shares, and the bytes between two looks, are: later passes find most frames on disk
    /// and lose nothing by going carefully.
    private let caution: Int
    private let group: WarmGroup
    private let before: DiskCacheStatistics?
    private let progress: RateProgress?
    private let state = Mutex(State())

    /// - Parameter pass: how often the files were read before, since frames were not stored in time.
    init(_ group: WarmGroup, _ before: MountStatus?, progress: RateProgress?, pass: Int = 0) {
        self.group = group
        caution = 1 << (2 * pass)
        self.before = before?.cache
        self.progress = progress
    }

    var bytesRead: Int64 { state.withLock { $0.bytes } }
    var failures: [(path: String, reason: String)] { state.withLock { $0.failures } }

    func run(threads: Int) {
        let done = DispatchGroup()
        for _ in 0..<threads {
            done.enter()
            Thread.detachNewThread { [self] in
                work()
                done.leave()
            }
        }
        done.wait()
    }

    /// Waits until the mount has stored what it computed, at most a minute after the last progress.
    func settle() throws(CommandError) -> MountStatus { try waitUntil { $0.queued == 0 } }

    /// Waits until the cache is as `body` says, or has made no progress for a minute, or does not take frames.
    private func waitUntil(_ body: (DiskCacheStatistics) -> Bool) throws(CommandError) -> MountStatus {
        let clock = ContinuousClock()
        var since = clock.now
        var last = -1
        var pause: UInt32 = 2000
        while true {
            let status = try MountStatus.read(group.mount)
            guard let cache = status.cache, !body(cache) else { return status }
            let done = cache.stored + cache.dropped
            if done != last { (last, since) = (done, clock.now) }
            if clock.now - since > .seconds(Self.patience) { return status }
            usleep(pause)
            pause = min(100_000, pause * 2)
        }
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
            var unseen = WarmReader.smallestFile
            while offset < range.upperBound {
                guard pace(unseen) else { return }
                let n = pread(fd, buffer.baseAddress, min(buffer.count, Int(range.upperBound - offset)), off_t(offset))
                if n < 0 && errno == EINTR { continue }
                if n < 0 { fail(path) }
                guard n > 0 else { break }
                offset += Int64(n)
                unseen = Int64(n)
                let done = state.withLock { state in
                    state.bytes = state.bytes.saturating(adding: Int64(n))
                    return state.bytes
                }
                progress?.update(done)
            }
        }
    }

    /// Waits while much waits to be stored: what is pushed out of memory before is lost. False when reading on is in
    /// vain.
    private func pace(_ bytes: Int64) -> Bool {
        while true {
            let (asks, isFull, isOver) = state.withLock { state in
                if !state.isFull { state.unseen += bytes }
                let asks = !state.isAsking && state.unseen >= WarmReader.look / Int64(caution)
                if asks { (state.isAsking, state.unseen) = (true, 0) }
                return (asks, state.isFull, state.isOver)
            }
            if isOver { return false }
            if asks { return ask() }
            if !isFull { return true }
            usleep(5000)
        }
    }

    /// Asks the mount how much waits to be stored, and waits until it is little if it is much.
    private func ask() -> Bool {
        func isOver(_ status: MountStatus?) -> Bool {
            guard let cache = status?.cache, let before else { return false }
            return group.isTooSmall(before, cache) || cache.problem != nil
        }
        var status = try? MountStatus.read(group.mount)
        if let now = status, let cache = now.cache, !isOver(now),
            cache.queuedBytes > now.memoryTarget / (WarmReader.full * caution) || cache.queued > WarmReader.mostWaiting
        {
            state.withLock { $0.isFull = true }
            let target = now.memoryTarget
            status = try? waitUntil { cache in
                cache.problem != nil
                    || cache.queuedBytes <= target / (WarmReader.free * caution)
                        && cache.queued <= WarmReader.mostWaiting / 4
            }
        }
        let over = isOver(status)
        state.withLock { state in
            state.isFull = false
            state.isAsking = false
            state.isOver = over
        }
        return !over
    }

    private func next() -> (String, Range<Int64>)? {
        state.withLock { state in
            guard state.file < group.files.count else { return nil }
            let (path, size) = group.files[state.file]
            let range = state.offset..<max(state.offset, min(size, state.offset.saturating(adding: WarmReader.part)))
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
