// A frame's time cut into bins, and events handed on bin by bin.

import Recordings

/// Where the bins of a frame begin.
struct TimeBins: Sendable {
    /// The first time of bin 1, 2 and so on, us; they never fall. Bin 0 has all that is earlier, the last one all that
    /// is later: only a recording whose time runs backwards has events outside of the frame's first and last.
    private let starts: [Int64]

    /// `count` bins of the time from `first` to `last`, us.
    ///
    /// - Parameter bin: of an event so many us after `first`; it never falls. Which us a bin begins with depends on the
    ///   rounding in it, so that it is asked.
    init(count: Int, from first: Int64, to last: Int64, bin: (Int64) -> Int) {
        let length = max(0, last &- first)
        starts = (1..<max(1, count)).map { number in
            var (low, high) = (Int64(0), length &+ 1)
            while low < high {
                let middle = low + (high - low) / 2
                if bin(middle) >= number { high = middle } else { low = middle + 1 }
            }
            return first &+ low
        }
    }

    /// The bin of an event at `t`, and the times that are in it.
    func bin(at t: Int64) -> (number: Int, times: Range<Int64>) {
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= t { low = middle + 1 } else { high = middle }
        }
        return (low, (low == 0 ? .min : starts[low - 1])..<(low == starts.count ? .max : starts[low]))
    }
}

/// Where events of a bin are put down.
protocol BinnedCells {
    var placement: CellPlacement { get }
    /// An event's cell, as the placement has it.
    func add(_ cell: UInt32, bin: Int)
    func add(_ batch: CellBatch, _ range: Range<Int>, bin: Int)
}

/// Hands events on to `Cells` with the bin of each.
struct BinnedSink<Cells: BinnedCells>: EventSink {
    let cells: Cells
    let cell: CellIndex
    let bins: TimeBins
    let placement: CellPlacement?
    private let on: UInt32
    // Many events in a row are in one bin.
    private var bin = 0
    private var times: Range<Int64> = 0..<0

    init(_ cells: Cells, _ grid: FrameGrid, _ bins: TimeBins) {
        self.cells = cells
        cell = CellIndex(grid)
        self.bins = bins
        placement = cells.placement
        on = cells.placement.on
    }

    @inline(never)
    private mutating func setTime(_ t: Int64) { (bin, times) = bins.bin(at: t) }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if t < times.lowerBound || t >= times.upperBound { setTime(t) }
        let place = cell(x, y)
        if place < 0 { return }
        cells.add(UInt32(truncatingIfNeeded: place) &+ (on & (0 &- UInt32(truncatingIfNeeded: polarity))), bin: bin)
    }

    mutating func take(_ batch: CellBatch) {
        guard batch.count > 0 else { return }
        // Most batches lie in one bin.
        var (lowest, highest) = (batch.times[0], batch.times[0])
        for i in 1..<batch.count {
            lowest = min(lowest, batch.times[i])
            highest = max(highest, batch.times[i])
        }
        var start = 0
        while start < batch.count {
            let t = batch.base &+ Int64(batch.times[start])
            if t < times.lowerBound || t >= times.upperBound { setTime(t) }
            var end = start &+ 1
            if batch.base &+ Int64(lowest) >= times.lowerBound, batch.base &+ Int64(highest) < times.upperBound {
                end = batch.count
            } else {
                while end < batch.count, times.contains(batch.base &+ Int64(batch.times[end])) { end &+= 1 }
            }
            cells.add(batch, start..<end, bin: bin)
            start = end
        }
    }
}
