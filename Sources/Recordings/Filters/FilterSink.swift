// The sink that filters: between any decoder and those who want what is left.

import CKernels

/// Takes a sensor's events and hands on, as cells, those that stay. All events go through the filters in batches, also
/// those that come one by one.
struct FilterSink: EventSink {
    let placement: CellPlacement?
    let needsTimes: Bool
    private let filters: AppliedFilters
    private let loan: FilterMemory.Loan
    /// Where what stays goes.
    private let target: CellPlacement
    private let output: (CellBatch) -> Void
    private let columnBits: UInt32
    private let width: UInt32
    private let steps: evh5_filter
    /// Whether the target has a cell for every event that stays.
    private let isWhole: Bool

    private let stagedCells: UnsafeMutablePointer<UInt32>
    private let stagedTimes: UnsafeMutablePointer<UInt32>
    private var staged = 0
    /// us; the time of the first staged event.
    private var base: Int64 = 0

    /// Only events with these times are handed on, us; nil where whoever decodes sees to that. Those before them are
    /// for filters that look back.
    private let times: Range<Int64>?
    /// Whether events are handed on; else they are for filters that look back only.
    var passes = true
    /// Events that stay but are left out first, and how many come then; nil for all.
    var ordinals: (skip: Int64, take: Int64)?

    /// - Parameters:
    ///   - origin: us; where the times that matter begin, those that are looked back to included.
    ///   - output: gets what stays in file order, placed as `target` says; the times mean nothing unless `needsTimes`.
    init(
        _ filters: AppliedFilters, to target: CellPlacement, needsTimes: Bool, from origin: Int64 = 0,
        times: Range<Int64>? = nil, _ output: @escaping (CellBatch) -> Void
    ) {
        self.filters = filters
        self.target = target
        self.output = output
        self.times = times
        self.needsTimes = needsTimes || times != nil || !filters.chain.isStateless
        placement = AppliedFilters.cells(of: filters.sensor)
        columnBits = UInt32(AppliedFilters.columnBits(filters.sensor))
        width = UInt32(filters.sensor.width)
        steps = filters.steps(to: target)
        isWhole = target.width >= filters.geometry.width && target.height >= filters.geometry.height
        loan = FilterMemory.Loan(filters, from: origin)
        stagedCells = loan.memory.stagedCells
        stagedTimes = loan.memory.stagedTimes
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if staged == CellBatch.capacity || UInt64(bitPattern: t &- base) > UInt64(UInt32.max) { flush() }
        if staged == 0 { base = t }
        let row = UInt32(truncatingIfNeeded: y) &<< columnBits
        stagedCells[staged] = UInt32(truncatingIfNeeded: x) | row | UInt32(truncatingIfNeeded: polarity) &<< 31
        stagedTimes[staged] = UInt32(truncatingIfNeeded: t &- base)
        staged &+= 1
    }

    mutating func take(_ batch: CellBatch) {
        flush()
        filter(batch)
    }

    /// Filters what came one by one; to be called at the end, and before `passes` and `ordinals` change.
    @inline(never)
    mutating func flush() {
        guard staged > 0 else { return }
        let count = staged
        staged = 0
        filter(CellBatch(cells: stagedCells, times: stagedTimes, count: count, base: base))
    }

    private mutating func filter(_ batch: CellBatch) {
        let memory = loan.memory
        var batch = batch
        func left(_ count: Int) -> CellBatch {
            CellBatch(cells: memory.cells, times: memory.times, count: count, base: batch.base)
        }
        if let hot = filters.hotPixels {
            batch = left(
                evh5_filter_pixels(
                    hot.words, batch.cells, batch.times, batch.count, memory.cells, memory.times))
        }
        if !filters.chain.isStateless {
            let latest = UnsafeBufferPointer(start: batch.times, count: batch.count).max() ?? 0
            if let period = filters.chain.refractory, let last = memory.refractory {
                batch = left(
                    evh5_filter_refractory(
                        columnBits, width, last.value(of: batch.base, latest: latest), period, last.values, batch.cells,
                        batch.times, batch.count, memory.cells, memory.times))
            }
            if let period = filters.chain.noise, let last = memory.noise {
                batch = left(
                    evh5_filter_noise(
                        columnBits, width, last.value(of: batch.base, latest: latest), period, last.values, batch.cells,
                        batch.times, batch.count, memory.cells, memory.times))
            }
            if let times {
                batch = left(
                    CellBatch.within(times, memory.cells, memory.times, count: batch.count, base: batch.base))
            }
        }
        guard passes, batch.count > 0 else { return }
        guard ordinals != nil, !isWhole else {
            let count = place(batch, steps)
            batch = left(count)
            if count > 0 { pass(counted(batch)) }
            return
        }
        // Those that have no cell count as well.
        batch = counted(left(place(batch, filters.steps(to: AppliedFilters.cells(of: filters.geometry)))))
        batch = left(place(batch, filters.replacing(to: target)))
        pass(batch)
    }

    private func place(_ batch: CellBatch, _ steps: evh5_filter) -> Int {
        withUnsafePointer(to: steps) {
            evh5_filter_cells(
                $0, batch.cells, batch.times, batch.count, loan.memory.cells, loan.memory.times)
        }
    }

    /// What `ordinals` let through.
    private mutating func counted(_ batch: CellBatch) -> CellBatch {
        guard let (skip, take) = ordinals else { return batch }
        let first = min(skip, Int64(batch.count))
        let count = min(take, Int64(batch.count) - first)
        ordinals = (skip - first, take - count)
        return CellBatch(
            cells: batch.cells + Int(first), times: batch.times + Int(first), count: Int(count), base: batch.base)
    }

    private func pass(_ batch: CellBatch) {
        if batch.count > 0 { output(batch) }
    }
}
