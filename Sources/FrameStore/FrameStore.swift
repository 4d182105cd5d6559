// Frames in memory, each read from disk or computed once however many ask for it.

import Files
import Foundation

/// Keeps frames within a memory target; computes those that are neither there nor in the disk cache, each once.
///
/// All frames count against the target: kept, being computed, held by replies, and the memory kept for frames to come.
/// The frames used least recently go first. When all memory is held, requests wait for it in the order they came.
///
/// A request claims the memory of all its frames at once and waits only while it holds none; so waiting requests cannot
/// block each other. The rule for callers: while holding a `Frame`, do not ask for another, ask for all with one
/// `frames`. Whoever breaks it is not blocked for ever: when nothing is being computed and no memory came back for
/// `patience`, the first in the queue is served beyond the target. So is a request larger than the target, once all
/// other frames are gone.
public final class FrameStore: Sendable {
    private let table: Guarded<FrameTable>
    private let patience: Int
    private let memoryTarget: Int
    /// Where frames come from that are not in memory, and go to when they were computed.
    public let disk: DiskCache?
    private let prefetcher: Prefetcher
    /// Those that other processes compute: one that hangs must not stop reading ahead elsewhere.
    private let prefetcherElsewhere: Prefetcher
    private let largePages = LargePages()

    /// A store of `memoryTarget` bytes in which at most `computeLimit` computations run at once (default: one for each
    /// core). `patience`, in milliseconds, is how long a request waits for memory while none comes back.
    public init(
        memoryTarget: Int, computeLimit: Int = ProcessInfo.processInfo.activeProcessorCount, patience: Int = 1000,
        disk: DiskCache? = nil
    ) {
        table = Guarded(FrameTable(memoryTarget: memoryTarget, computeLimit: computeLimit))
        self.patience = max(1, patience)
        self.memoryTarget = max(0, memoryTarget)
        self.disk = disk
        prefetcher = Prefetcher(limit: computeLimit)
        prefetcherElsewhere = Prefetcher(limit: computeLimit)
    }

    deinit {
        // No frame is held and nothing computed: both would hold this object.
        for buffer in table.withLock({ $0.takeAll() }) { buffer.free() }
    }

    public var statistics: FrameStatistics { table.withLock { $0.statistics } }

    /// How many frames of `byteCount` bytes a request may ask for at once, so that others can have some at the same
    /// time; 0 when not even one fits the memory target together with the `scratchBytes` that computing it takes.
    public func mostFrames(byteCount: Int, scratchBytes: Int) -> Int {
        guard let capacity = Buffer.capacity(for: byteCount) else { return 0 }
        func most(_ bytes: Int) -> Int { max(0, bytes.saturating(subtracting: scratchBytes)) / capacity }
        return max(most(memoryTarget / 2), min(1, most(memoryTarget)))
    }

    /// The frame of `key`, of `byteCount` bytes. If it is not there, `compute` writes all of its bytes; concurrent
    /// requests wait for the one computation. An error it throws goes to all of them, and is not remembered.
    ///
    /// `scratchBytes` is the memory `compute` needs besides. It must not ask this store for frames. `cached` names the
    /// tensor in the disk cache; nil keeps the frame out of it. `isElsewhere` says that `compute` waits for other
    /// processes: it is not one of the computations that may run at once.
    public func frame(
        _ key: FrameKey, byteCount: Int, scratchBytes: Int = 0, cached: CacheKey? = nil, isElsewhere: Bool = false,
        compute: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws -> Frame {
        if let (slot, buffer) = table.withLock({ $0.hit(key) }) {
            return Frame(self, slot: slot, buffer, byteCount: byteCount)
        }
        let frames = try frames(
            [key], byteCount: byteCount, scratchBytes: scratchBytes, cached: cached, isElsewhere: isElsewhere
        ) { try compute($1) }
        return frames[0]
    }

    /// The frames of `keys`, each of `byteCount` bytes, in that order. Of those that are not there `atOnce` are
    /// computed at a time, by as many threads, each with `scratchBytes`; else as `frame`. The first error is thrown,
    /// after which no frame is held.
    public func frames(
        _ keys: [FrameKey], byteCount: Int, scratchBytes: Int = 0, atOnce: Int = 1, cached: CacheKey? = nil,
        isElsewhere: Bool = false, compute: (FrameKey, UnsafeMutableRawBufferPointer) throws -> Void
    ) throws -> [Frame] {
        let threads = max(1, min(atOnce, keys.count))
        let (scratch, tooMuch) = scratchBytes.multipliedReportingOverflow(by: threads)
        guard let capacity = Buffer.capacity(for: byteCount), scratchBytes >= 0, !tooMuch, scratch <= Int.max / 4,
            capacity <= Int.max / 4 / max(1, keys.count)
        else {
            throw FrameStoreError(
                .tooLarge, "\(keys.count) frames of \(byteCount) bytes are more than memory can be: ask for fewer")
        }
        let claims = try admit(Demand(keys: keys, capacity: capacity, scratch: scratch))
        return try complete(claims, byteCount, scratch, threads: threads, cached, isAhead: false, isElsewhere, compute)
    }

    /// Computes the frame of `key` in the background if there is memory and a core that nobody waits for; perhaps
    /// never. Meant for a reader's next frame. What `compute` throws is left to the reader, who will meet it again.
    ///
    /// Frames computed ahead take at most a quarter of the memory target until they are asked for.
    public func prefetch(
        _ key: FrameKey, byteCount: Int, scratchBytes: Int = 0, cached: CacheKey? = nil, isElsewhere: Bool = false,
        compute: @escaping @Sendable (FrameKey, UnsafeMutableRawBufferPointer) throws -> Void
    ) {
        guard let capacity = Buffer.capacity(for: byteCount), !table.withLock({ $0.knows(key) }) else { return }
        let demand = Demand(keys: [key], capacity: capacity, scratch: scratchBytes)
        (isElsewhere ? prefetcherElsewhere : prefetcher).submit { [weak self] in
            guard let self, let claims = collect({ $0.admitAhead(demand, now: .now, garbage: &$1) }) else { return }
            _ = try? complete(
                claims, byteCount, scratchBytes, threads: 1, cached, isAhead: true, isElsewhere, compute)
        }
    }

    /// Fills the claimed frames that are this request's to compute and waits for the others.
    private func complete(
        _ claims: [Claim], _ byteCount: Int, _ scratchBytes: Int, threads: Int, _ cached: CacheKey?, isAhead: Bool,
        _ isElsewhere: Bool, _ compute: (FrameKey, UnsafeMutableRawBufferPointer) throws -> Void
    ) throws -> [Frame] {
        let capacity = Buffer.capacity(for: byteCount) ?? byteCount
        let failed = Guarded<(any Error)?>(nil)
        let loaded = Guarded<Set<Int>>([])
        func fill(_ claim: Claim) {
            guard case .owned(let slot, let key, let flight, let pooled) = claim else { return }
            do {
                let origin = try resolve(
                    slot, flight, pooled, capacity, isAhead: isAhead, isElsewhere, abandon: failed.withLock { $0 },
                    load: { load(key, cached, UnsafeMutableRawBufferPointer(start: $0.start, count: byteCount)) },
                    fill: { try compute(key, UnsafeMutableRawBufferPointer(start: $0.start, count: byteCount)) },
                    keep: { keep(key, cached, byteCount) })
                if origin == .disk { loaded.withLock { _ = $0.insert(slot) } }
            } catch { failed.withLock { $0 = $0 ?? error } }
        }
        // What this request owes to others comes first: then no two requests wait for each other.
        let owed = claims.filter { if case .owned = $0 { true } else { false } }
        if threads > 1, owed.count > 1 {
            let count = min(threads, owed.count)
            Threads.run(count) { first in
                for i in stride(from: first, to: owed.count, by: count) { fill(owed[i]) }
            }
        } else {
            for claim in owed { fill(claim) }
        }
        if !owed.isEmpty { table.withLock { $0.returnScratch(scratchBytes) } }

        var failure = failed.withLock { $0 }
        var frames: [Frame] = []
        frames.reserveCapacity(claims.count)
        for claim in claims {
            switch claim {
            case .ready(let slot, let buffer):
                frames.append(Frame(self, slot: slot, buffer, byteCount: byteCount))
            case .joined(let slot, let flight), .owned(let slot, _, let flight, _):
                switch result(of: flight, slot) {
                case .success(let buffer):
                    var origin = FrameOrigin.memory
                    if case .owned = claim { origin = loaded.withLock { $0.contains(slot) } ? .disk : .computed }
                    frames.append(Frame(self, slot: slot, buffer, byteCount: byteCount, origin))
                case .failure(let error): failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
        return frames
    }

    /// Waits for a frame that is computed, or until nobody wants it any more.
    private func result(of flight: Flight, _ slot: Int) -> Result<Buffer, any Error> {
        if let result = flight.wait(milliseconds: 0) { return result }
        return LongWait.during {
            while true {
                if let result = flight.wait(milliseconds: LongWait.interval) { return result }
                guard LongWait.isInterrupted, table.withLock({ $0.leave(slot, flight) }) else { continue }
                return .failure(FrameStore.interrupted)
            }
        }
    }

    private static let interrupted = FrameStoreError(.interrupted, "nobody waits for the frames any more")

    /// Forgets the frames of a tensor. Those that are held stay as they are until they are let go; those being computed
    /// go to the requests that wait for them, and are not kept.
    public func drop(tensor: UInt64) {
        collect { $0.drop(tensor: tensor, garbage: &$1) }
    }

    func release(_ slot: Int) {
        collect { $0.release(slot, garbage: &$1) }
    }

    /// Waits until the frames can be claimed within the target.
    private func admit(_ demand: Demand) throws(FrameStoreError) -> [Claim] {
        var waiter: Signal?
        var mayOvershoot = false
        while true {
            switch collect({ table, garbage in
                table.admit(demand, waiter: waiter, mayOvershoot: mayOvershoot, garbage: &garbage)
            }) {
            case .granted(let claims): return claims
            case .wait(let signal):
                waiter = signal
                mayOvershoot = !LongWait.during { signal.wait(milliseconds: patience) }
                if mayOvershoot, LongWait.isInterrupted {
                    table.withLock { $0.leave(signal) }
                    throw FrameStore.interrupted
                }
            }
        }
    }

    /// A miss: loads or fills the frame of `slot` and tells all who wait for it; a frame that was filled is to be kept.
    /// After an earlier failure of the same request only frames that others wait for are filled, the rest is abandoned
    /// with that error.
    private func resolve(
        _ slot: Int, _ flight: Flight, _ pooled: Buffer?, _ capacity: Int, isAhead: Bool, _ isElsewhere: Bool,
        abandon earlier: (any Error)?,
        load: (Buffer) -> Bool, fill: (Buffer) throws -> Void, keep: () -> Void
    ) throws -> FrameOrigin? {
        if let earlier, collect({ $0.abandon(slot, pooled, garbage: &$1) }) {
            flight.finish(.failure(earlier))
            return nil
        }
        var buffer = pooled
        do {
            buffer = buffer ?? Buffer.allocate(capacity: capacity)
            guard let buffer else {
                throw FrameStoreError(
                    .noMemory, "the system has no memory for a frame of \(capacity) bytes: use a lower memory target")
            }
            let isLoaded = load(buffer)
            if !isLoaded {
                try computing(isAhead: isAhead, isElsewhere) {
                    // What other processes compute is waited for.
                    if isElsewhere { try LongWait.during { try fill(buffer) } } else { try fill(buffer) }
                }
            }
            let canMove = table.withLock { $0.succeed(slot, buffer) }
            flight.finish(.success(buffer))
            if canMove { moveToLargePages() }
            if !isLoaded { keep() }
            return isLoaded ? .disk : .computed
        } catch {
            collect { $0.fail(slot, buffer, garbage: &$1) }
            flight.finish(.failure(error))
            throw error
        }
    }

    /// Has frames moved into large pages as long as this object lives.
    private func moveToLargePages() {
        largePages.begin { [weak self] in
            guard let self, let (isBusy, slot, buffer) = table.withLock({ $0.nextToMove() }) else {
                return (false, nil)
            }
            return (
                isBusy,
                LargePages.Move(buffer: buffer) { isMoved in
                    self.collect { $0.finishMove(of: slot, isMoved, garbage: &$1) }
                }
            )
        }
    }

    /// Frames that were moved into large pages.
    package var framesInLargePages: Int { table.withLock { $0.framesInLargePages } }

    /// Reads a frame from the disk cache; false when it is not there.
    private func load(_ key: FrameKey, _ cached: CacheKey?, _ bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let disk, let cached else { return false }
        return disk.load(cached, frame: key.frame, into: bytes)
    }

    /// Has a frame stored on disk later, if it is still in memory then: waiting to be stored it takes none from
    /// readers.
    private func keep(_ key: FrameKey, _ cached: CacheKey?, _ byteCount: Int) {
        guard let disk, let cached else { return }
        disk.store(cached, frame: key.frame, byteCount: byteCount) { [weak self] in
            guard let self, let (slot, buffer) = table.withLock({ $0.peek(key) }) else { return nil }
            return Frame(self, slot: slot, buffer, byteCount: byteCount)
        }
    }

    /// Runs `body` as one of the computations that may run at once; those elsewhere do not count.
    private func computing(isAhead: Bool, _ isElsewhere: Bool, _ body: () throws -> Void) throws {
        if !isElsewhere, let turn = table.withLock({ $0.startComputing(isAhead: isAhead) }) {
            LongWait.during { turn.wait() }
        }
        let start = DiskCache.now()
        do { try body() } catch {
            let seconds = DiskCache.now() - start
            table.withLock { $0.stopComputing(failed: true, isElsewhere, seconds: seconds) }
            throw error
        }
        let seconds = DiskCache.now() - start
        table.withLock { $0.stopComputing(failed: false, isElsewhere, seconds: seconds) }
    }

    /// Runs `body` under the lock, and frees the buffers it found to be garbage outside of it.
    private func collect<R: Sendable>(_ body: (inout FrameTable, inout [Buffer]) -> R) -> R {
        let (result, garbage) = table.withLock { table in
            var garbage: [Buffer] = []
            let result = body(&table, &garbage)
            return (result, garbage)
        }
        for buffer in garbage { buffer.free() }
        return result
    }
}
