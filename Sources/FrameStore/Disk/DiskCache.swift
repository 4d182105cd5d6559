// Frames on disk: read at once, stored behind the readers' backs, never more than was allowed.

import Files
import Foundation

/// A folder of frames, shared by any number of processes.
///
/// Nothing here fails a reader: an entry that cannot be read is a miss, one that cannot be stored is dropped, and
/// `problem` (and `onProblem`, once for each kind of problem) says why. The oldest entries go when there is no more
/// room.
public final class DiskCache: Sendable {
    public struct Options: Sendable {
        /// Made when it is not there.
        public var directory: String
        /// Bytes that entries may take.
        public var limit: Int64
        /// The share of the disk that stays free.
        public var freeShare = 0.05
        /// Smaller frames are not kept: their entry would take a block and an inode, and cost more than it saves.
        public var smallestFrame = 2048
        /// Larger frames are not kept: packing and reading them takes as much memory again.
        public var largestFrame = Packing.largestFrame
        /// Seconds for which an entry's use is not noted again.
        public var noteUseEvery = 60.0
        /// Seconds without storing after the disk refused.
        public var retryAfter = 10.0

        /// Bytes of frames that may wait until readers leave processor time for storing them; from there on it takes a
        /// share.
        public var mostWaiting = 64 << 20

        public init(directory: String, limit: Int64) {
            self.directory = directory
            self.limit = limit
        }
    }

    struct State {
        var figures = DiskCacheStatistics()
        /// Bytes by the name of their key.
        var held: [String: Int64] = [:]
        /// Bytes stored since the folder was last walked.
        var unwalked: Int64 = 0
        /// When the last walk ended and how long it took, s on the monotonic clock.
        var walked = (ended: -Double.infinity, lasted: 0.0)
        /// Until when nothing is stored.
        var pausedUntil = -Double.infinity
        /// Kinds of problems that were told already.
        var told: Set<String> = []
    }

    let options: Options
    let folder: String
    let state: Guarded<State>
    private let memory = ScratchPool()
    private let onProblem: @Sendable (String) -> Void
    private let writer: WriteBehind

    /// A cache in a folder. `onProblem` is called from any thread, once for each kind of problem.
    public init(_ options: Options, onProblem: @escaping @Sendable (String) -> Void = { _ in }) {
        self.options = options
        self.onProblem = onProblem
        folder = CacheFolder.frames(options.directory)
        var state = State()
        state.figures.directory = options.directory
        state.figures.limit = options.limit
        self.state = Guarded(state)
        writer = WriteBehind(many: options.mostWaiting)
        // The walk over what is there takes a while in a large cache; nobody waits for it.
        writer.enqueue(WriteBehind.Job(bytes: 0) { [weak self] _ in self?.begin() })
    }

    public var statistics: DiskCacheStatistics {
        var figures = state.withLock { $0.figures }
        (figures.queued, figures.queuedBytes) = writer.backlog
        return figures
    }

    /// Bytes on disk of a tensor's frames, as far as this process knows.
    public func heldBytes(_ key: CacheKey) -> Int64 { state.withLock { $0.held[key.name] ?? 0 } }

    /// Whether no frame of anything is on disk, as far as this process knows.
    public var holdsNothing: Bool { state.withLock { $0.held.isEmpty } }

    /// Reads a frame; false when it is not there, whatever `frame` holds then.
    func load(_ key: CacheKey, frame number: Int, into frame: UnsafeMutableRawBufferPointer) -> Bool {
        guard keeps(frame.count) else { return false }
        let path = folder + "/" + key.fileName(number)
        let reading = EntryFile.read(path, key: key, frame: number, into: frame, memory: memory)
        switch reading {
        case .whole(let used):
            state.withLock { $0.figures.hits += 1 }
            let age = DiskCache.wallClock().saturating(subtracting: used)
            if Double(age) / 1e9 > options.noteUseEvery { EntryFile.touch(path) }
            return true
        case .missing: state.withLock { $0.figures.misses += 1 }
        case .unusable:
            let removed = unlink(path) == 0
            state.withLock {
                $0.figures.misses += 1
                $0.figures.corrupt += 1
                // What it counted for is not known here: the folder is to be looked at again.
                $0.unwalked = options.limit
            }
            tell("damaged", "'\(path)' is damaged or of another key; \(removed ? "removed" : "ignored")")
        case .failed(let error):
            state.withLock { $0.figures.misses += 1 }
            report(error)
        }
        return false
    }

    /// Stores a frame later, if nothing is in the way then. `take` is asked for the frame when its turn comes, so that
    /// waiting frames hold no memory; nil when it is gone.
    func store(_ key: CacheKey, frame number: Int, byteCount: Int, take: @escaping @Sendable () -> Frame?) {
        guard keeps(byteCount) else { return }
        let job = WriteBehind.Job(bytes: byteCount) { [weak self] tools in
            self?.write(key, number, byteCount, take, tools)
        }
        if !writer.enqueue(job) { state.withLock { $0.figures.dropped += 1 } }
    }

    /// Waits until all waiting frames are stored or `seconds` are over; returns whether they are.
    @discardableResult
    public func flush(seconds: Double) -> Bool { writer.wait(seconds: seconds) }

    func keeps(_ byteCount: Int) -> Bool {
        byteCount >= options.smallestFrame && byteCount <= min(options.largestFrame, Packing.largestFrame)
            && options.limit > 0
    }

    // MARK: The writer's threads, one at a time

    private func begin() {
        do throws(FileError) {
            try CacheFolder.make(options.directory)
            guard access(folder, W_OK | X_OK) == 0 else { throw FileError.current("write to", folder) }
        } catch { report(error) }
        walk()
    }

    private func write(
        _ key: CacheKey, _ number: Int, _ byteCount: Int, _ take: () -> Frame?, _ tools: WriteBehind.Tools
    ) {
        guard state.withLock({ $0.pausedUntil }) <= DiskCache.now() else { return drop() }
        let name = key.fileName(number)
        let path = folder + "/" + name
        // Another process was faster.
        if access(path, F_OK) == 0 { return }
        guard let output = tools.output(byteCount), let packed = pack(take, into: output, tools.packer) else {
            return drop()
        }
        // From here on the frame's memory is free again, however slow the disk is.
        let payload = UnsafeRawBufferPointer(rebasing: output[..<packed.count])
        let header = EntryHeader(
            packing: packed.packing, frameBytes: byteCount, payload: payload, frame: number, key: key.text)
        let bytes = header.bytes(key: key.text)
        let cost = CachedFile.cost(Int64(bytes.count + payload.count))
        guard makeRoom(cost) else { return drop() }
        do throws(FileError) {
            do throws(FileError) { try EntryFile.write(bytes, payload, to: path) } catch {
                guard error.errno == ENOENT else { throw error }
                try CacheFolder.make(options.directory)
                try makeDirectories(folder + "/" + name.prefix(2), permissions: 0o777)
                try EntryFile.write(bytes, payload, to: path)
            }
            state.withLock { state in
                state.figures.stored += 1
                state.figures.entries += 1
                state.figures.bytes = state.figures.bytes.saturating(adding: cost)
                state.figures.problem = nil
                state.unwalked += cost
                state.held[key.name] = (state.held[key.name] ?? 0).saturating(adding: cost)
            }
        } catch {
            drop()
            report(error)
        }
    }

    private func pack(
        _ take: () -> Frame?, into output: UnsafeMutableRawBufferPointer, _ packer: FramePacker
    ) -> (packing: Packing, count: Int)? {
        guard let frame = take(), frame.bytes.count <= output.count else { return nil }
        return packer.pack(frame.bytes, into: output)
    }

    private func drop() { state.withLock { $0.figures.dropped += 1 } }

    // MARK: Problems

    /// Remembers why the disk refused, and leaves it alone for a while.
    func report(_ error: FileError) {
        let message = "frames are not kept on disk: \(error.message); the mount works without"
        state.withLock {
            $0.figures.problem = message
            $0.pausedUntil = DiskCache.now() + options.retryAfter
        }
        tell("errno \(error.errno)", message)
    }

    func tell(_ kind: String, _ message: String) {
        if state.withLock({ $0.told.insert(kind).inserted }) { onProblem(message) }
    }

    static func now() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    static func wallClock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
