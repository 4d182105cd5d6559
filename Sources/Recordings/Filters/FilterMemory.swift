// What filters work with, kept for the next reader.

import CKernels
import Synchronization

/// Batches between filters, and the times of the last events. For one reader at a time.
final class FilterMemory: @unchecked Sendable {
    /// With what kernels may overwrite behind a batch.
    private static let room = CellBatch.capacity + Int(EVH5_CELLS_SLACK)
    static let batchBytes = 4 * room * MemoryLayout<UInt32>.size

    /// Events that came one by one.
    let stagedCells: UnsafeMutablePointer<UInt32>
    let stagedTimes: UnsafeMutablePointer<UInt32>
    /// What a filter left.
    let cells: UnsafeMutablePointer<UInt32>
    let times: UnsafeMutablePointer<UInt32>
    private(set) var refractory: LastTimes?
    private(set) var noise: LastTimes?

    private init() {
        stagedCells = .allocate(capacity: 4 * Self.room)
        stagedCells.initialize(repeating: 0, count: 4 * Self.room)
        stagedTimes = stagedCells + Self.room
        cells = stagedTimes + Self.room
        times = cells + Self.room
    }

    deinit { stagedCells.deallocate() }

    /// - Parameter origin: us; where the times that matter begin.
    private func prepare(for filters: AppliedFilters, from origin: Int64) {
        let (width, height) = (filters.sensor.width, filters.sensor.height)
        let lookBack = filters.chain.lookBack
        if filters.chain.refractory != nil {
            if refractory?.count != 2 * width * height { refractory = LastTimes(2 * width * height) }
            refractory?.begin(at: origin, lookBack: lookBack)
        }
        if filters.chain.noise != nil {
            // A border of pixels that never see an event.
            let count = (width + 2) * (height + 2)
            if noise?.count != count || noise?.row != width + 2 { noise = LastTimes(count, row: width + 2) }
            noise?.begin(at: origin, lookBack: lookBack)
        }
    }

    /// As many as threads compute at once on most machines: with times of last events one may take 20 MB.
    private static let kept = (batches: 8, times: 4)
    private static let pool = Mutex<[FilterMemory]>([])

    private var hasTimes: Bool { refractory != nil || noise != nil }

    /// Borrows memory until the loan is gone.
    final class Loan {
        let memory: FilterMemory

        init(_ filters: AppliedFilters, from origin: Int64) {
            let isStateless = filters.chain.isStateless
            memory =
                FilterMemory.pool.withLock { free in
                    // Those with times of last events are for those who want such.
                    let place = free.lastIndex { $0.hasTimes != isStateless }
                    return place.map { free.remove(at: $0) }
                } ?? FilterMemory()
            memory.prepare(for: filters, from: origin)
        }

        deinit {
            FilterMemory.pool.withLock { [memory] free in
                let limit = memory.hasTimes ? FilterMemory.kept.times : FilterMemory.kept.batches
                if free.lazy.filter({ $0.hasTimes == memory.hasTimes }).count < limit { free.append(memory) }
            }
        }
    }
}

/// The times of the last events of pixels. They are never cleared: each use counts its times from so much on that all
/// of those before it are out of reach.
final class LastTimes {
    let values: UnsafeMutablePointer<Int64>
    let count: Int
    /// Elements of a row, where it matters.
    let row: Int
    /// us; the value that stands for `origin`.
    private var start: Int64
    private var origin: Int64 = 0
    /// No value is greater.
    private var highest: Int64

    /// Times further from the origin are as far.
    private static let farthest: Int64 = 1 << 57
    private static let largest: Int64 = 1 << 61

    init(_ count: Int, row: Int = 0) {
        self.count = count
        self.row = row
        values = .allocate(capacity: count)
        values.initialize(repeating: 0, count: count)
        (start, highest) = (0, 0)
    }

    deinit { values.deallocate() }

    /// Forgets all times.
    func begin(at origin: Int64, lookBack: Int64) {
        if highest > Self.largest {
            values.update(repeating: 0, count: count)
            highest = 0
        }
        self.origin = origin
        start = highest + lookBack + 1
    }

    /// The value of `base` us, for events up to `latest` us after it.
    func value(of base: Int64, latest: UInt32) -> Int64 {
        let (distance, overflow) = base.subtractingReportingOverflow(origin)
        let near =
            overflow
            ? (base < origin ? -Self.farthest : Self.farthest)
            : max(-Self.farthest, min(Self.farthest, distance))
        highest = max(highest, start + near + Int64(latest))
        return start + near
    }
}
