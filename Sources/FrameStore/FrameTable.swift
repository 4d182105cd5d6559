// The bookkeeping of a frame store: which frames there are, who holds them, which go first, who waits. No locks, no
// waiting, no computing; every operation but `drop` takes constant time per frame.

/// What a request has of one of its frames.
enum Claim: Sendable {
    /// The frame is there.
    case ready(slot: Int, Buffer)
    /// Another request (or this one, when it names a frame twice) computes it.
    case joined(slot: Int, Flight)
    /// This request must compute it, into the pooled buffer if there is one.
    case owned(slot: Int, FrameKey, Flight, Buffer?)
}

/// Whether a request may go ahead.
enum Admission: Sendable {
    case granted([Claim])
    /// Not before the signal was given and `admit` was asked again with it.
    case wait(Signal)
}

/// What a request wants.
struct Demand: Sendable {
    let keys: [FrameKey]
    /// Bytes of a buffer for one of the frames.
    let capacity: Int
    /// Bytes its computations need besides.
    let scratch: Int
}

/// A frame: ready when it has no flight. In the list of idle frames when ready, kept and not pinned.
private struct Slot {
    var key: FrameKey
    var capacity: Int
    var buffer: Buffer?
    var flight: Flight?
    /// The number of replies and requests that have it.
    var pins: Int
    /// Whether `index` knows it; when not, it goes with its last pin.
    var isKept: Bool
    /// Computed ahead, and nobody has asked for it yet.
    var isAhead = false
    /// How often it could not be moved into large pages.
    var failedMoves = 0
    var newer = -1
    var older = -1
}

struct FrameTable: Sendable {
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var index: [FrameKey: Int] = [:]
    private var newest = -1
    private var oldest = -1
    private var pool = BufferPool()
    /// Requests that wait for memory, in order; only the first is ever served.
    private var memoryQueue: [Signal] = []
    /// Requests that wait to compute, in order.
    private var computeQueue: [Signal] = []
    /// Computations ahead of readers that wait for their turn, which comes when no request waits.
    private var computeAheadQueue: [Signal] = []
    /// Frames computed ahead, in order, with the time; those asked for since are still in it.
    private var ahead: [(slot: Int, key: FrameKey, time: ContinuousClock.Instant)] = []
    private var bytesAhead = 0
    /// Slots of frames that could be moved into large pages; some are gone, or others by now.
    private var movable: Set<Int> = []
    /// When the last frame was loaded or computed, in seconds of `DiskCache.now`.
    private var lastFrame = 0.0
    private var flights = 0
    private let computeLimit: Int
    private var figures = FrameStatistics()

    init(memoryTarget: Int, computeLimit: Int) {
        figures.target = max(0, memoryTarget)
        self.computeLimit = max(1, computeLimit)
    }

    var statistics: FrameStatistics {
        var statistics = figures
        statistics.bytesPooled = pool.bytes
        statistics.framesHeld = slots.count - freeSlots.count
        return statistics
    }

    // MARK: Requests

    /// The frame of `key`, pinned, when it is there.
    mutating func hit(_ key: FrameKey) -> (slot: Int, buffer: Buffer)? {
        guard let slot = index[key], let buffer = slots[slot].buffer, slots[slot].flight == nil else { return nil }
        noLongerAhead(slot)
        pin(slot)
        figures.hits += 1
        return (slot, buffer)
    }

    /// As `hit`, for whoever is no reader.
    mutating func peek(_ key: FrameKey) -> (slot: Int, buffer: Buffer)? {
        guard let slot = index[key], let buffer = slots[slot].buffer, slots[slot].flight == nil else { return nil }
        pin(slot)
        return (slot, buffer)
    }

    /// Claims all frames of a request at once, or none: a request that waits for memory holds none, hence whoever holds
    /// memory can finish. Buffers to be freed are appended to `garbage`.
    ///
    /// `mayOvershoot` says that the request waited in vain; it goes ahead beyond the target if nothing is being
    /// computed.
    mutating func admit(
        _ demand: Demand, waiter: Signal?, mayOvershoot: Bool, garbage: inout [Buffer]
    ) -> Admission {
        // A key named twice counts twice: only too much room would be made.
        let misses = demand.keys.reduce(0) { $0 + (index[$1] == nil ? 1 : 0) }
        if misses > 0 {
            if let first = memoryQueue.first, first !== waiter { return .wait(waiter ?? enqueue()) }
            // Pinned, so that they are not let go to make room for the others.
            let present = demand.keys.compactMap { index[$0] }
            for slot in present { pin(slot) }
            let fits = makeRoom(misses, demand, &garbage)
            let granted = fits || isAlone(present) || (mayOvershoot && flights == 0)
            if !granted {
                for slot in present { unpin(slot) }
                return .wait(waiter ?? enqueue())
            }
            if !fits { figures.overshoots += 1 }
            let claims = demand.keys.map { claim($0, demand.capacity) }
            for slot in present { unpin(slot) }
            figures.bytesScratch += demand.scratch
            figures.peakBytes = max(figures.peakBytes, figures.bytes + pool.bytes)
            leave(waiter)
            return .granted(claims)
        }
        leave(waiter)
        return .granted(demand.keys.map { claim($0, demand.capacity) })
    }

    /// Whether the frame is there or being computed.
    func knows(_ key: FrameKey) -> Bool { index[key] != nil }

    /// Claims frames that nobody has asked for yet, if that takes nothing from anybody: no request waits for memory,
    /// and frames computed ahead and not asked for stay within a quarter of the target. Nil otherwise.
    mutating func admitAhead(
        _ demand: Demand, now: ContinuousClock.Instant, garbage: inout [Buffer]
    ) -> [Claim]? {
        // After this time a frame that was not asked for is taken for a wrong guess, and ages like any other.
        let patience = Duration.seconds(1)
        while let first = ahead.first, now - first.time > patience || !isAhead(first.slot, first.key) {
            if isAhead(first.slot, first.key) { noLongerAhead(first.slot) }
            ahead.removeFirst()
        }
        let bytes = demand.keys.count * demand.capacity
        guard memoryQueue.isEmpty, demand.keys.allSatisfy({ index[$0] == nil }),
            bytesAhead + bytes <= figures.target / 4, makeRoom(demand.keys.count, demand, &garbage)
        else { return nil }
        let claims = demand.keys.map { claim($0, demand.capacity) }
        for case .owned(let slot, let key, _, _) in claims {
            slots[slot].isAhead = true
            ahead.append((slot, key, now))
        }
        bytesAhead += bytes
        figures.prefetched += claims.count
        figures.bytesScratch += demand.scratch
        figures.peakBytes = max(figures.peakBytes, figures.bytes + pool.bytes)
        return claims
    }

    private func isAhead(_ slot: Int, _ key: FrameKey) -> Bool { slots[slot].isAhead && slots[slot].key == key }

    private mutating func noLongerAhead(_ slot: Int) {
        guard slots[slot].isAhead else { return }
        slots[slot].isAhead = false
        bytesAhead -= slots[slot].capacity
    }

    /// The scratch memory of an admitted request with frames to compute is free again.
    mutating func returnScratch(_ bytes: Int) {
        figures.bytesScratch -= bytes
        memoryQueue.first?.give()
    }

    /// Takes the right to compute, at once when nil is returned, otherwise once the signal is given.
    mutating func startComputing(isAhead: Bool) -> Signal? {
        if figures.computingNow < computeLimit {
            figures.computingNow += 1
            return nil
        }
        let signal = Signal()
        if isAhead { computeAheadQueue.append(signal) } else { computeQueue.append(signal) }
        return signal
    }

    /// Gives the right to compute to whoever waits longest for it; those who compute ahead come last.
    mutating func stopComputing(failed: Bool, _ isElsewhere: Bool, seconds: Double = 0) {
        figures.secondsComputing += seconds
        figures.computed += failed ? 0 : 1
        figures.failed += failed ? 1 : 0
        if isElsewhere { return }
        if !computeQueue.isEmpty {
            computeQueue.removeFirst().give()
        } else if !computeAheadQueue.isEmpty {
            computeAheadQueue.removeFirst().give()
        } else {
            figures.computingNow -= 1
        }
    }

    /// The frame is computed: from now on it is found. Returns whether it could be moved into large pages.
    mutating func succeed(_ slot: Int, _ buffer: Buffer) -> Bool {
        slots[slot].buffer = buffer
        slots[slot].flight = nil
        flights -= 1
        lastFrame = DiskCache.now()
        if buffer.canMove { movable.insert(slot) }
        return buffer.canMove
    }

    /// A frame to move into large pages, pinned, when there is one; and whether frames are being loaded or computed: a
    /// reader of one after the other leaves gaps.
    mutating func nextToMove() -> (isBusy: Bool, slot: Int, Buffer)? {
        while let slot = movable.popFirst() {
            guard slot < slots.count, slots[slot].isKept, slots[slot].flight == nil, let buffer = slots[slot].buffer,
                buffer.canMove
            else { continue }
            pin(slot)
            return (flights > 0 || DiskCache.now() - lastFrame < 0.1, slot, buffer)
        }
        return nil
    }

    /// A frame was moved into large pages, or could not be: then it is tried twice more.
    mutating func finishMove(of slot: Int, _ isMoved: Bool, garbage: inout [Buffer]) {
        if isMoved {
            slots[slot].buffer?.isInLargePages = true
        } else {
            slots[slot].failedMoves += 1
            if slots[slot].failedMoves < 3 { movable.insert(slot) }
        }
        release(slot, garbage: &garbage)
    }

    var framesInLargePages: Int { slots.count { $0.buffer?.isInLargePages == true } }

    /// The frame could not be computed: it is forgotten, with the pins of all who waited for it.
    mutating func fail(_ slot: Int, _ buffer: Buffer?, garbage: inout [Buffer]) {
        if slots[slot].isKept { index[slots[slot].key] = nil }
        slots[slot].buffer = buffer
        slots[slot].flight = nil
        flights -= 1
        vacate(slot, &garbage)
    }

    /// Forgets a frame that is not computed yet unless somebody else waits for it; returns whether it did.
    mutating func abandon(_ slot: Int, _ buffer: Buffer?, garbage: inout [Buffer]) -> Bool {
        guard slots[slot].pins == 1 else { return false }
        fail(slot, buffer, garbage: &garbage)
        return true
    }

    /// A pin of a ready frame is gone.
    mutating func release(_ slot: Int, garbage: inout [Buffer]) {
        unpin(slot)
        if slots[slot].pins == 0 && !slots[slot].isKept { vacate(slot, &garbage) }
        memoryQueue.first?.give()
    }

    /// Forgets the frames of a tensor; those held or being computed go when their last holder lets go.
    mutating func drop(tensor: UInt64, garbage: inout [Buffer]) {
        for slot in index.values.filter({ slots[$0].key.tensor == tensor }) {
            index[slots[slot].key] = nil
            slots[slot].isKept = false
            guard slots[slot].pins == 0 else { continue }
            unlink(slot)
            vacate(slot, &garbage)
        }
    }

    /// All buffers there are, when nobody holds a frame any more.
    mutating func takeAll() -> [Buffer] {
        let buffers = slots.compactMap(\.buffer) + pool.takeAll()
        slots = []
        return buffers
    }

    // MARK: Memory

    /// Lets go of unused buffers, then of the frames used least recently, until `count` new frames fit.
    private mutating func makeRoom(_ count: Int, _ demand: Demand, _ garbage: inout [Buffer]) -> Bool {
        while true {
            let reused = min(count, pool.count(of: demand.capacity))
            let bytes = figures.bytes + pool.bytes + (count - reused) * demand.capacity + demand.scratch
            if bytes <= figures.target { return true }
            if let buffer = pool.takeUnwanted(keeping: count, of: demand.capacity) {
                garbage.append(buffer)
            } else if oldest >= 0 {
                let slot = oldest
                index[slots[slot].key] = nil
                unlink(slot)
                figures.evictions += 1
                if let buffer = empty(slot) { pool.put(buffer) }
            } else {
                return false
            }
        }
    }

    /// Whether no frames are there but these, ready, and nothing is being computed.
    private func isAlone(_ present: [Int]) -> Bool {
        flights == 0 && figures.bytesScratch == 0 && slots.count - freeSlots.count == Set(present).count
    }

    /// Frees a slot and pools its buffer, unless the pool has more than a quarter of the target.
    private mutating func vacate(_ slot: Int, _ garbage: inout [Buffer]) {
        if let buffer = empty(slot) {
            if pool.bytes + buffer.capacity <= figures.target / 4 {
                pool.put(buffer)
            } else {
                garbage.append(buffer)
            }
        }
        memoryQueue.first?.give()
    }

    private mutating func empty(_ slot: Int) -> Buffer? {
        noLongerAhead(slot)
        figures.bytesHeld -= slots[slot].capacity
        freeSlots.append(slot)
        defer { slots[slot].buffer = nil }
        return slots[slot].buffer
    }

    private mutating func enqueue() -> Signal {
        let signal = Signal()
        memoryQueue.append(signal)
        figures.waits += 1
        return signal
    }

    /// Gives up a frame that another request computes; false when it is computed by now.
    mutating func leave(_ slot: Int, _ flight: Flight) -> Bool {
        guard slots[slot].flight === flight, slots[slot].pins > 1 else { return false }
        slots[slot].pins -= 1
        return true
    }

    /// The request of `waiter` waits no longer; the next may try.
    mutating func leave(_ waiter: Signal?) {
        guard let waiter else { return }
        memoryQueue.removeAll { $0 === waiter }
        memoryQueue.first?.give()
    }

    // MARK: Frames

    private mutating func claim(_ key: FrameKey, _ capacity: Int) -> Claim {
        if let slot = index[key] {
            noLongerAhead(slot)
            pin(slot)
            if let flight = slots[slot].flight {
                figures.joined += 1
                return .joined(slot: slot, flight)
            }
            if let buffer = slots[slot].buffer {
                figures.hits += 1
                return .ready(slot: slot, buffer)
            }
        }
        let flight = Flight()
        let new = Slot(key: key, capacity: capacity, buffer: nil, flight: flight, pins: 1, isKept: true)
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot] = new
        } else {
            slot = slots.count
            slots.append(new)
        }
        index[key] = slot
        flights += 1
        figures.bytesHeld += capacity
        return .owned(slot: slot, key, flight, pool.take(capacity))
    }

    private mutating func pin(_ slot: Int) {
        if slots[slot].pins == 0 { unlink(slot) }
        slots[slot].pins += 1
    }

    private mutating func unpin(_ slot: Int) {
        slots[slot].pins -= 1
        guard slots[slot].pins == 0, slots[slot].isKept else { return }
        slots[slot].older = newest
        slots[slot].newer = -1
        if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
        newest = slot
    }

    private mutating func unlink(_ slot: Int) {
        let (newer, older) = (slots[slot].newer, slots[slot].older)
        if newer >= 0 { slots[newer].older = older } else { newest = older }
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    }
}
