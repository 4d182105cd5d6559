// multi_channel_timesurface: a time surface for each of a few equal parts of the frame.

import Recordings

/// `multi_channel_timesurface`: (2 num_utbins, H, W), channel 2 bin + polarity; the time of the cell's latest event
/// within the bin as a fraction of the bin.
struct MultiChannelTimeSurface: Preprocessing {
    static let bins = ParameterDefinition(
        "num_utbins", .integer(1...64), default: .integer(3), "micro time bins of a frame")

    static let definition = PreprocessingDefinition(
        name: "multi_channel_timesurface", summary: "time of the latest event per pixel, polarity and micro time bin",
        parameters: [bins]
    ) { values throws(TensorError) in try MultiChannelTimeSurface(values) }

    let bins: Int
    var channels: Int { 2 * bins }
    var extraAttributes: [(name: String, value: TensorAttribute)] { [TimeSurface.writtenMaxIncrements] }

    init(_ values: ParameterValues) throws(TensorError) {
        bins = values[Self.bins].integer
    }

    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        let count = channels * grid.cells
        guard let base = frame.baseAddress else { return }
        base.initializeMemory(as: UInt8.self, repeating: 0, count: frame.count)
        if storedAsUInt8 {
            var sink = Sink(base.bindMemory(to: UInt8.self, capacity: count), grid, window, bins)
            try window.forEach(&sink)
        } else {
            var sink = Sink(base.bindMemory(to: Float.self, capacity: count), grid, window, bins)
            try window.forEach(&sink)
        }
    }

    private struct Sink<Element: FrameElement>: EventSink {
        let values: UnsafeMutablePointer<Element>
        let cells: Int
        let cell: CellIndex
        let t0: Int64
        let bins: Int
        /// us; need not be whole.
        let micro: Double
        // Many events share a time: its bin and element are computed once.
        var time: Int64
        /// Elements before the bin's off channel; negative for a time that has no bin.
        var start: Int
        var element: Element
        /// The greatest time so far, us.
        var last: Int64
        let placement: CellPlacement?

        init(_ values: UnsafeMutablePointer<Element>, _ grid: FrameGrid, _ window: EventWindow, _ bins: Int) {
            self.values = values
            cells = grid.cells
            cell = CellIndex(grid)
            t0 = window.t0
            self.bins = bins
            micro = Double(window.duration) / Double(bins)
            time = window.t0
            start = 0
            last = window.t0
            element = Element(rounding: 0)
            placement = CellPlacement(grid)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            if t != time { setTime(t) }
            let place = cell(x, y)
            if place < 0 || start < 0 { return }
            values[start &+ place &+ offset(ofPolarity: polarity, cells)] = element
        }

        mutating func take(_ batch: CellBatch) {
            for i in 0..<batch.count {
                let t = batch.base &+ Int64(batch.times[i])
                if t != time { setTime(t) }
                if start >= 0 { values[start &+ Int(batch.cells[i])] = element }
            }
        }

        /// The last bin also takes what lies past it within its own length; events before the frame (time running
        /// backwards) have no bin.
        @inline(never)
        mutating func setTime(_ t: Int64) {
            time = t
            last = max(last, t)
            start = -1
            let relative = Double(t &- t0)
            let quotient = flooredQuotient(relative, micro)
            guard quotient >= 0 else { return }
            let bin = quotient < Double(bins) ? Int(quotient) : bins - 1
            let value = relative - Double(bin) * micro
            if value >= 0, value <= micro {
                start = 2 * bin * cells
                element = Element(rounding: Float(value / micro))
            }
        }

        /// The plane of the bin of `t`.
        mutating func latest(from t: Int64) -> LatestPlane? {
            guard t >= last, let floats = Element.floats(values) else { return nil }
            if t != time { setTime(t) }
            guard start >= 0 else { return nil }
            let bin = start / (2 * cells)
            // Up to the last whole us before the next bin there is nothing to round.
            return LatestPlane(
                values: UnsafeMutableBufferPointer(start: floats + start, count: 2 * cells), t0: t0,
                start: Double(bin) * micro, duration: micro, end: Int64(min(Double(bin + 1) * micro, 0x1p62)))
        }

        mutating func didSet(to t: Int64) { last = t }
    }
}

/// Python's and numpy's `a // b` for doubles: from the exact remainder, where floor(a / b) can be one too large.
/// Source: numpy's npy_divmod, Python's float_floor_div. `b` is positive.
func flooredQuotient(_ a: Double, _ b: Double) -> Double {
    var remainder = a.truncatingRemainder(dividingBy: b)
    var quotient = (a - remainder) / b
    if remainder < 0 {
        remainder += b
        quotient -= 1
    }
    let floor = quotient.rounded(.down)
    return quotient - floor > 0.5 ? floor + 1 : floor
}
