// mixed_density_stack: RVT's other input, signed sums over beginnings of the frame, each half as long as the next.

import Glibc
import Recordings

/// `mixed_density_stack`: int8 (num_bins, H, W). On events count 1, off events -1. Channel num_bins - 1 is the sum over
/// the whole time from the first to the last event, the one before over its first half, then a quarter, and so on. Sums
/// wrap as int8 do and are then kept within count_cutoff. As `MixedDensityEventStack.construct` of uzh-rpg/RVT,
/// data/utils/representations.py, in float32.
struct MixedDensityStack: Preprocessing {
    static let cutoff = ParameterDefinition(
        "count_cutoff", .integer(1...127), default: .integer(32), "sums are within it")

    static let definition = PreprocessingDefinition(
        name: "mixed_density_stack", summary: "signed sums over shorter and shorter beginnings of the frame (RVT)",
        parameters: [StackedHistogram.bins, cutoff]
    ) { values throws(TensorError) in
        MixedDensityStack(bins: values[StackedHistogram.bins].integer, cutoff: Int8(clamping: values[cutoff].integer))
    }

    let bins: Int
    let cutoff: Int8
    var channels: Int { bins }

    func elementType(shift: Int) -> ElementType { .int8 }
    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let sums = base.bindMemory(to: Int8.self, capacity: frame.count)
        sums.update(repeating: 0, count: frame.count)
        guard let (first, last) = try window.firstAndLastTime() else { return }
        let whole = Float(max(last &- first, 1))
        let (number, half) = (Float(bins), Float(log(0.5)))
        let bins = TimeBins(count: bins, from: first, to: last) { passed in
            let share = min(max(Float(passed) / whole, 1e-6), Float(1 - 1e-6))
            // Rounded once from a logarithm in double: what float32 is at its best.
            let position = number - Float(log(Double(share))) / half
            return min(self.bins - 1, Int(max(position, 0).rounded(.down)))
        }
        var sink = BinnedSink(
            SignedSums(sums: sums, cells: grid.cells, placement: CellPlacement(grid, on: CellPlacement.onBit)), grid,
            bins)
        try window.forEach(&sink)
        for i in 0..<max(0, frame.count - grid.cells) { sums[i + grid.cells] &+= sums[i] }
        for i in 0..<frame.count { sums[i] = min(max(sums[i], -cutoff), cutoff) }
    }

    private struct SignedSums: BinnedCells {
        let sums: UnsafeMutablePointer<Int8>
        let cells: Int
        let placement: CellPlacement

        @inline(__always)
        func add(_ cell: UInt32, bin: Int) {
            let place = Int(cell & ~CellPlacement.onBit)
            sums[bin &* cells &+ place] &+= Int8(truncatingIfNeeded: cell &>> 31) &* 2 &- 1
        }

        func add(_ batch: CellBatch, _ range: Range<Int>, bin: Int) {
            for i in range { add(batch.cells[i], bin: bin) }
        }
    }
}
