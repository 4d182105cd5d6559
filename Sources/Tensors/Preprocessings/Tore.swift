// tore: time-ordered recent events, how long ago each pixel saw its last few events.
//
// Baldwin et al., Time-Ordered Recent Event (TORE) Volumes for Event Cameras, TPAMI 2022; the formula is that of
// events2ToreFeature.m in bald6354/tore_volumes.

import Glibc
import Recordings

/// `tore`: float32 (2 k, H, W). Channel i is the age of the cell's i-th newest on event at the window's end, k + i that
/// of its i-th newest off event, also where they lie before the window: max(0, ln(min(age, max_time) + 1) -
/// ln(min_time + 1)), ages in us. Where there was none the age is max_time, so that no event older than that is looked
/// at.
struct Tore: Preprocessing {
    static let depth = ParameterDefinition("k", .integer(1...16), default: .integer(3), "events per pixel and polarity")
    static let minTime = ParameterDefinition(
        "min_time", .duration, default: .text("150us"), "ages up to this are 0")
    static let maxTime = ParameterDefinition(
        "max_time", .duration, default: .text("5s"), "the greatest age, which cells without an event have")

    static let definition = PreprocessingDefinition(
        name: "tore", summary: "the logarithm of the ages of the latest events per pixel and polarity (TORE)",
        parameters: [depth, minTime, maxTime]
    ) { values throws(TensorError) in
        let least = TimeText.microseconds(values[minTime].text) ?? 150
        let most = TimeText.microseconds(values[maxTime].text) ?? 5_000_000
        guard least < most, most <= longest else {
            throw TensorError(
                .invalidParameter,
                "min_time=\(TimeText.text(least)),max_time=\(TimeText.text(most)): min_time is less than max_time, which is at most \(TimeText.text(longest))"
            )
        }
        return Tore(depth: values[depth].integer, minTime: least, maxTime: most)
    }

    /// us: ages have 32 bits.
    private static let longest: Int64 = 3_600_000_000

    let depth: Int
    /// us.
    let minTime: Int64
    let maxTime: Int64
    var channels: Int { 2 * depth }
    var lookBack: Int64 { maxTime }

    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 8 * depth * grid.cells }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let (count, cells) = (channels * grid.cells, grid.cells)
        let values = base.bindMemory(to: Float.self, capacity: count)
        let newest = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
        defer { newest.deallocate() }
        newest.initialize(repeating: 0, count: count)
        var sink = Sink(newest, grid, depth: depth, from: window.t0 &+ window.duration &- maxTime, length: maxTime)
        try window.forEach(lookingBack: maxTime, &sink)
        let least = Float(log(Double(minTime + 1)))
        let none = logf(Float(maxTime + 1)) - least
        for polarity in 0..<2 {
            let source = newest + polarity * depth * cells
            // On events first.
            let target = values + (1 - polarity) * depth * cells
            for place in 0..<depth {
                let plane = target + place * cells
                for cell in 0..<cells {
                    let time = source[cell * depth + place]
                    plane[cell] = time == 0 ? none : max(0, logf(Float(maxTime - Int64(time) + 1)) - least)
                }
            }
        }
    }

    /// Notes times as us since max_time before the window's end: 0 is as old as none.
    private struct Sink: EventSink {
        /// For each cell, off and then on, the greatest times, falling.
        let newest: UnsafeMutablePointer<UInt32>
        let depth: Int
        let cell: CellIndex
        let cells: Int
        let start: Int64
        let length: Int64
        let placement: CellPlacement?

        init(_ newest: UnsafeMutablePointer<UInt32>, _ grid: FrameGrid, depth: Int, from start: Int64, length: Int64) {
            self.newest = newest
            self.depth = depth
            self.start = start
            self.length = length
            cell = CellIndex(grid)
            cells = grid.cells
            placement = CellPlacement(grid)
        }

        @inline(__always)
        private func put(_ place: Int, _ t: Int64) {
            let (passed, overflow) = t.subtractingReportingOverflow(start)
            // Only where time runs backwards is an event of the window later than its end.
            let time = UInt32(truncatingIfNeeded: overflow ? (t < start ? 0 : length) : min(max(passed, 0), length))
            let times = newest + place &* depth
            // The newest one, unless time runs backwards.
            var last = depth &- 1
            while last > 0, times[last &- 1] <= time {
                times[last] = times[last &- 1]
                last &-= 1
            }
            if times[last] <= time { times[last] = time }
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place < 0 { return }
            put(place &+ offset(ofPolarity: polarity, cells), t)
        }

        mutating func take(_ batch: CellBatch) {
            for i in 0..<batch.count { put(Int(batch.cells[i]), batch.base &+ Int64(batch.times[i])) }
        }
    }
}
