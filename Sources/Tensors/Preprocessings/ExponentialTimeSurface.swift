// exponential_timesurface: how long ago each pixel last saw an event, fading.

import Glibc
import Recordings

/// `exponential_timesurface`: float32 (2, H, W), channel 0 off and 1 on: exp((t - end) / tau) of the cell's latest
/// event (in file order) before the window's end, also where that lies before the window; 0 where there was none. As
/// tonic's ToTimesurface and HOTS have it. What is older than 104 tau is 0 in float32, so that no more is looked at.
struct ExponentialTimeSurface: Preprocessing {
    static let tau = ParameterDefinition(
        "tau", .duration, default: .text("30ms"), "the time in which values fall to 0.37")

    static let definition = PreprocessingDefinition(
        name: "exponential_timesurface", summary: "the age of the latest event per pixel and polarity, fading",
        parameters: [tau]
    ) { values throws(TensorError) in
        ExponentialTimeSurface(tau: TimeText.microseconds(values[tau].text) ?? 30_000)
    }

    /// us.
    let tau: Int64
    let channels = 2
    var lookBack: Int64 { tau.multipliedReportingOverflow(by: Self.ages).partialValue }

    /// exp(-104) is less than half of the smallest float32.
    private static let ages: Int64 = 104

    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { storedAsUInt8 ? 8 * grid.cells : 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        let count = 2 * grid.cells
        try accumulateFloats(frame, count: count, storedAsUInt8: storedAsUInt8) { values throws(RecordingError) in
            values.update(repeating: -.infinity, count: count)
            var sink = Sink(values, grid, end: window.t0 &+ window.duration)
            try window.forEach(lookingBack: lookBack, &sink)
            let scale = 1 / Double(tau)
            // Only where time runs backwards is an event of a counted window later than its last one.
            for i in 0..<count where values[i] > -.infinity {
                values[i] = expf(Float(Double(min(0, values[i])) * scale))
            }
            for i in 0..<count where values[i] == -.infinity { values[i] = 0 }
        }
    }

    /// Notes times less the window's end: near it, where values are large, float32 is exact to the us.
    private struct Sink: EventSink {
        let values: UnsafeMutablePointer<Float>
        let cells: Int
        let cell: CellIndex
        let end: Int64
        /// The greatest time so far, us.
        var last = Int64.min
        let placement: CellPlacement?

        init(_ values: UnsafeMutablePointer<Float>, _ grid: FrameGrid, end: Int64) {
            self.values = values
            cells = grid.cells
            cell = CellIndex(grid)
            self.end = end
            placement = CellPlacement(grid)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            last = max(last, t)
            let place = cell(x, y)
            if place < 0 { return }
            values[place &+ offset(ofPolarity: polarity, cells)] = Float(t &- end)
        }

        mutating func take(_ batch: CellBatch) {
            last = max(last, batch.lastTime ?? last)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: CellBatch.capacity) { ages in
                guard let ages = ages.baseAddress else { return }
                batch.fractions(from: end, of: 1, into: ages)
                batch.set(ages, in: values)
            }
        }

        func latest(from t: Int64) -> LatestPlane? {
            guard t >= last else { return nil }
            return LatestPlane(
                values: UnsafeMutableBufferPointer(start: values, count: 2 * cells), t0: end, duration: 1)
        }

        mutating func didSet(to t: Int64) { last = t }
    }
}
