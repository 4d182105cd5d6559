// event_cube and event_cube_paper: events shared out between the two nearest of a few moments of the frame.

import Recordings

/// `event_cube`: (2 num_utbins, H, W), channel 2 bin + polarity, or (num_utbins, H, W) with split_polarity=false, where
/// off events count negative. Every event adds 1 / (max_incr_per_pixel 4^shift), shared linearly in time between the
/// centres of the two nearest bins; sums are kept in -1...1 after each event. Arithmetic is double, storage float32, as
/// in the reference.
struct EventCube: Preprocessing {
    static let splitPolarity = ParameterDefinition(
        "split_polarity", .boolean, default: .boolean(true), "a channel for each polarity instead of signed sums")
    static let paperMaxIncrements = ParameterDefinition(
        "max_incr_per_pixel", .positiveNumber, default: .number(63.75), "events of one pixel that make 1")
    static let paperBins = ParameterDefinition(
        "num_utbins", .integer(1...64), default: .integer(5), "micro time bins of a frame")

    static let definition = makeDefinition(
        "event_cube", "events shared between micro time bins", Histogram.maxIncrements, MultiChannelTimeSurface.bins)
    static let paperDefinition = makeDefinition(
        "event_cube_paper", "event_cube with the parameters of Perot et al. 2020", paperMaxIncrements, paperBins)

    private static func makeDefinition(
        _ name: String, _ summary: String, _ maxIncrements: ParameterDefinition, _ bins: ParameterDefinition
    ) -> PreprocessingDefinition {
        PreprocessingDefinition(name: name, summary: summary, parameters: [maxIncrements, splitPolarity, bins]) {
            values throws(TensorError) in
            EventCube(
                maxIncrements: values[maxIncrements].number, splitPolarity: values[splitPolarity].boolean,
                bins: values[bins].integer)
        }
    }

    let maxIncrements: Double
    let splitPolarity: Bool
    let bins: Int
    var channels: Int { splitPolarity ? 2 * bins : bins }

    init(maxIncrements: Double, splitPolarity: Bool, bins: Int) {
        self.maxIncrements = maxIncrements
        self.splitPolarity = splitPolarity
        self.bins = bins
    }

    func valuesAreFractions(shift: Int) -> Bool { splitPolarity }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        let count = channels * grid.cells
        try accumulateFloats(frame, count: count, storedAsUInt8: storedAsUInt8) { values throws(RecordingError) in
            var sink = Sink(
                values, grid, window, bins: bins, splitPolarity: splitPolarity,
                step: exactIncrement(maxIncrements, shift: grid.shift))
            try window.forEach(&sink)
        }
    }

    private struct Sink: EventSink {
        let values: UnsafeMutablePointer<Float>
        let cell: CellIndex
        let t0: Int64
        let duration: Double
        let bins: Int
        let step: Double
        /// Elements from one bin to the next, and from a bin's off to its on channel (none without split_polarity).
        let binStride: Int
        let onOffset: Int
        /// The sign bit that off events flip; none with split_polarity.
        let offSign: UInt64
        // Many events share a time: bins and weights are computed once.
        var time: Int64
        /// Elements before the left bin's first channel.
        var left = 0
        var hasLeft = false
        var hasRight = false
        var leftWeight = 0.0
        var rightWeight = 0.0
        let placement: CellPlacement?

        init(
            _ values: UnsafeMutablePointer<Float>, _ grid: FrameGrid, _ window: EventWindow, bins: Int,
            splitPolarity: Bool, step: Double
        ) {
            self.values = values
            cell = CellIndex(grid)
            t0 = window.t0
            duration = Double(window.duration)
            self.bins = bins
            self.step = step
            binStride = splitPolarity ? 2 * grid.cells : grid.cells
            onOffset = splitPolarity ? grid.cells : 0
            offSign = splitPolarity ? 0 : 1 << 63
            time = window.t0
            placement = splitPolarity ? CellPlacement(grid) : CellPlacement(grid, on: CellPlacement.onBit)
            setTime(window.t0)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            if t != time { setTime(t) }
            let place = cell(x, y)
            if place < 0 { return }
            let value = values + (left &+ place &+ offset(ofPolarity: polarity, onOffset))
            let sign = offSign & (UInt64(truncatingIfNeeded: polarity ^ 1) &<< 63)
            if hasLeft { add(leftWeight, sign, to: value) }
            if hasRight { add(rightWeight, sign, to: value + binStride) }
        }

        mutating func take(_ batch: CellBatch) {
            var start = 0
            while start < batch.count {
                let ticks = batch.times[start]
                var end = start &+ 1
                while end < batch.count, batch.times[end] == ticks { end &+= 1 }
                let t = batch.base &+ Int64(ticks)
                if t != time { setTime(t) }
                batch.share(
                    start..<end, left: (leftWeight, hasLeft ? values + left : nil),
                    right: (rightWeight, hasRight ? values + (left + binStride) : nil), isSigned: offSign != 0)
                start = end
            }
        }

        @inline(__always)
        private func add(_ weight: Double, _ sign: UInt64, to value: UnsafeMutablePointer<Float>) {
            let sum = Double(value.pointee) + Double(bitPattern: weight.bitPattern ^ sign)
            let capped = sum < 1 ? sum : 1
            value.pointee = Float(capped > -1 ? capped : -1)
        }

        @inline(never)
        mutating func setTime(_ t: Int64) {
            time = t
            let (product, overflow) = (t &- t0).multipliedReportingOverflow(by: Int64(bins))
            let scaled = overflow ? Double(t &- t0) * Double(bins) : Double(product)
            let position = scaled / duration - 0.5
            hasLeft = false
            hasRight = false
            // Outside this range no bin is near; also keeps the conversion to Int safe.
            guard position >= -1, position < Double(bins) else { return }
            let floor = position.rounded(.down)
            let bin = Int(floor)
            let weight = max(0, 1 - abs(floor - position))
            hasLeft = bin >= 0
            hasRight = bin + 1 < bins
            left = bin * binStride
            leftWeight = weight * step
            rightWeight = (1 - weight) * step
        }
    }
}
