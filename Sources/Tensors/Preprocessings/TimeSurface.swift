// timesurface: when each cell last saw an event, per polarity.

import Recordings

/// `timesurface`: (2, H, W), channel 0 off and 1 on; the time of the cell's latest event (in file order) as a fraction
/// of the frame.
struct TimeSurface: Preprocessing {
    static let definition = PreprocessingDefinition(
        name: "timesurface", summary: "time of the latest event per pixel and polarity, as a fraction of the frame"
    ) { values throws(TensorError) in try TimeSurface(values) }

    /// `generate_hdf5` writes this on the time surfaces too, although they do not use it.
    static let writtenMaxIncrements = (name: "max_incr_per_pixel", value: TensorAttribute.float64(5))

    let channels = 2
    var extraAttributes: [(name: String, value: TensorAttribute)] { [Self.writtenMaxIncrements] }

    init(_ values: ParameterValues) throws(TensorError) {}

    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        let count = 2 * grid.cells
        guard let base = frame.baseAddress else { return }
        base.initializeMemory(as: UInt8.self, repeating: 0, count: frame.count)
        if storedAsUInt8 {
            var sink = Sink(base.bindMemory(to: UInt8.self, capacity: count), grid, window)
            try window.forEach(&sink)
        } else {
            var sink = Sink(base.bindMemory(to: Float.self, capacity: count), grid, window)
            try window.forEach(&sink)
        }
    }

    private struct Sink<Element: FrameElement>: EventSink {
        let values: UnsafeMutablePointer<Element>
        let cells: Int
        let cell: CellIndex
        let t0: Int64
        let duration: Double
        // Many events share a time: its element is computed once.
        var time: Int64
        var element: Element
        /// The greatest time so far, us.
        var last: Int64
        let placement: CellPlacement?

        init(_ values: UnsafeMutablePointer<Element>, _ grid: FrameGrid, _ window: EventWindow) {
            self.values = values
            cells = grid.cells
            cell = CellIndex(grid)
            t0 = window.t0
            duration = Double(window.duration)
            time = window.t0
            last = window.t0
            element = Element(rounding: 0)
            placement = CellPlacement(grid)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            if t != time { setTime(t) }
            let place = cell(x, y)
            if place < 0 { return }
            values[place &+ offset(ofPolarity: polarity, cells)] = element
        }

        mutating func take(_ batch: CellBatch) {
            last = max(last, batch.lastTime ?? last)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: CellBatch.capacity) { fractions in
                guard let fractions = fractions.baseAddress else { return }
                batch.fractions(from: t0, of: duration, into: fractions)
                Element.set(fractions, of: batch, in: values)
            }
        }

        @inline(__always)
        mutating func setTime(_ t: Int64) {
            time = t
            last = max(last, t)
            element = Element(rounding: Float(Double(t &- t0) / duration))
        }

        func latest(from t: Int64) -> LatestPlane? {
            guard t >= last, let floats = Element.floats(values) else { return nil }
            return LatestPlane(
                values: UnsafeMutableBufferPointer(start: floats, count: 2 * cells), t0: t0, duration: duration)
        }

        mutating func didSet(to t: Int64) { last = t }
    }
}

/// What a frame whose values are written once, not summed, is made of.
protocol FrameElement {
    init(rounding value: Float)

    /// `values` themselves if they are fractions, not rounded ones.
    static func floats(_ values: UnsafeMutablePointer<Self>) -> UnsafeMutablePointer<Float>?

    /// Writes what `fractions` are rounded to into the cells of `batch`, in order.
    static func set(_ fractions: UnsafePointer<Float>, of batch: CellBatch, in values: UnsafeMutablePointer<Self>)
}

extension Float: FrameElement {
    @inline(__always)
    init(rounding value: Float) { self = value }

    static func floats(_ values: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? { values }

    static func set(_ fractions: UnsafePointer<Float>, of batch: CellBatch, in values: UnsafeMutablePointer<Float>) {
        batch.set(fractions, in: values)
    }
}

extension UInt8: FrameElement {
    @inline(__always)
    init(rounding value: Float) { self = byte(value) }

    static func floats(_ values: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<Float>? { nil }

    static func set(_ fractions: UnsafePointer<Float>, of batch: CellBatch, in values: UnsafeMutablePointer<UInt8>) {
        for i in 0..<batch.count { values[Int(batch.cells[i])] = byte(fractions[i]) }
    }
}
