// diff: on events minus off events of each cell.

import Recordings

/// `diff`: (1, H, W); every event adds or subtracts 1 / (max_incr_per_pixel 4^shift) in float32, kept in -1...1 after
/// each.
struct Difference: Preprocessing {
    static let definition = PreprocessingDefinition(
        name: "diff", summary: "on events minus off events per pixel, saturating at -1 and 1",
        parameters: [Histogram.maxIncrements]
    ) { values throws(TensorError) in try Difference(values) }

    let maxIncrements: Double
    let channels = 1
    let usesTime = false

    init(_ values: ParameterValues) throws(TensorError) {
        maxIncrements = values[Histogram.maxIncrements].number
    }

    func valuesAreFractions(shift: Int) -> Bool { false }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        try accumulateFloats(frame, count: grid.cells, storedAsUInt8: storedAsUInt8) { values throws(RecordingError) in
            var sink = Sink(
                values: values, cell: CellIndex(grid), step: increment(maxIncrements, shift: grid.shift),
                placement: CellPlacement(grid, on: CellPlacement.onBit))
            try window.forEach(&sink)
        }
    }

    private struct Sink: EventSink {
        let values: UnsafeMutablePointer<Float>
        let cell: CellIndex
        let step: Float
        let placement: CellPlacement?
        let needsTimes = false

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place < 0 { return }
            // Minus for off events, by the sign bit.
            let sum =
                values[place] + Float(bitPattern: step.bitPattern ^ (UInt32(truncatingIfNeeded: polarity ^ 1) &<< 31))
            let capped = sum < 1 ? sum : 1
            values[place] = capped > -1 ? capped : -1
        }

        func take(_ batch: CellBatch) { batch.add(step, to: values) }
    }
}
