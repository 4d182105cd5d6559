// stacked_histogram: RVT's input, events counted per bin of time, polarity and pixel.

import Recordings

/// `stacked_histogram`: uint8 (2 num_bins, H, W), channel = polarity num_bins + bin: first all bins of off events. The
/// bins divide the time from the frame's first to its last event; an event's bin is found in float32, as RVT does
/// (`StackedHistogram.construct` of uzh-rpg/RVT, data/utils/representations.py). Counts end at count_cutoff. With
/// `wraps` (RVT's fast mode) they are taken modulo 256 before that.
struct StackedHistogram: Preprocessing {
    static let bins = ParameterDefinition(
        "num_bins", .integer(1...64), default: .integer(10), "bins of the time from the first to the last event")
    static let cutoff = ParameterDefinition(
        "count_cutoff", .integer(1...255), default: .integer(10), "counts are no greater")
    static let wraps = ParameterDefinition(
        "wraps", .boolean, default: .boolean(true), "counts are taken modulo 256 before they are cut off")

    static let definition = PreprocessingDefinition(
        name: "stacked_histogram", summary: "events counted per bin of time, polarity and pixel: RVT's input",
        parameters: [bins, cutoff, wraps]
    ) { values throws(TensorError) in
        StackedHistogram(
            bins: values[bins].integer, cutoff: UInt8(clamping: values[cutoff].integer), wraps: values[wraps].boolean)
    }

    let bins: Int
    let cutoff: UInt8
    let wraps: Bool
    var channels: Int { 2 * bins }

    func elementType(shift: Int) -> ElementType { .uint8 }
    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let counts = base.bindMemory(to: UInt8.self, capacity: frame.count)
        counts.update(repeating: 0, count: frame.count)
        guard let (first, last) = try window.firstAndLastTime() else { return }
        let whole = Float(max(last &- first, 1))
        let number = Float(bins)
        let bins = TimeBins(count: bins, from: first, to: last) { passed in
            min(self.bins - 1, Int((Float(passed) / whole * number).rounded(.down)))
        }
        var sink = BinnedSink(Counts(counts, grid, bins: self.bins, wraps: wraps), grid, bins)
        try window.forEach(&sink)
        for i in 0..<frame.count { counts[i] = min(counts[i], cutoff) }
    }

    private struct Counts: BinnedCells {
        let counts: UnsafeMutablePointer<UInt8>
        let cells: Int
        let wraps: Bool
        let placement: CellPlacement

        init(_ counts: UnsafeMutablePointer<UInt8>, _ grid: FrameGrid, bins: Int, wraps: Bool) {
            self.counts = counts
            cells = grid.cells
            self.wraps = wraps
            // Both polarities of a bin lie `bins` planes apart.
            placement = CellPlacement(grid, on: UInt32(truncatingIfNeeded: bins * grid.cells))
        }

        @inline(__always)
        func add(_ cell: UInt32, bin: Int) {
            let counter = counts + (bin &* cells &+ Int(cell))
            counter.pointee &+= counter.pointee == 255 && !wraps ? 0 : 1
        }

        func add(_ batch: CellBatch, _ range: Range<Int>, bin: Int) {
            let plane = counts + bin &* cells
            if wraps {
                for i in range { plane[Int(batch.cells[i])] &+= 1 }
            } else {
                batch.count(range, into: plane)
            }
        }
    }
}
