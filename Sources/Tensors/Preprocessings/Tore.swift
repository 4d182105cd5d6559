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
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { (8 * depth + 1) * grid.cells }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let (count, cells) = (channels * grid.cells, grid.cells)
        let values = base.bindMemory(to: Float.self, capacity: count)
        let newest = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
        defer { newest.deallocate() }
        newest.initialize(repeating: 0, count: count)
        let full = FullCells(2 * cells)
        var sink = Sink(
            newest, full, grid, depth: depth, from: window.end &- maxTime,
            length: UInt32(clamping: maxTime))
        try window.forEachSlice(lookingBack: maxTime, &sink) { _ in full.goesOn() }
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

    /// Which cells have k events already: of older ones, most of a recording's, nothing is to be noted. Two bits for
    /// each cell and polarity, as events of the slice that fills a cell do count.
    private final class FullCells {
        /// Of the slices before.
        let before: UnsafeMutablePointer<UInt32>
        let now: UnsafeMutablePointer<UInt32>
        private let words: Int
        private let count: Int
        private(set) var isFirst = true

        init(_ count: Int) {
            self.count = count
            words = (count + 31) / 32
            before = .allocate(capacity: 2 * words)
            before.initialize(repeating: 0, count: 2 * words)
            now = before + words
        }

        deinit { before.deallocate() }

        /// Ends a slice. False when all cells are full.
        func goesOn() -> Bool {
            before.update(from: now, count: words)
            isFirst = false
            return (0..<words).reduce(0) { $0 + now[$1].nonzeroBitCount } < count
        }
    }

    /// Notes times as us since max_time before the window's end: 0 is as old as none.
    private struct Sink: EventSink {
        /// For each cell, off and then on, the greatest times, falling.
        let newest: UnsafeMutablePointer<UInt32>
        let full: FullCells
        let depth: Int
        let cell: CellIndex
        let cells: Int
        let start: Int64
        let length: UInt32
        let placement: CellPlacement?

        init(
            _ newest: UnsafeMutablePointer<UInt32>, _ full: FullCells, _ grid: FrameGrid, depth: Int,
            from start: Int64, length: UInt32
        ) {
            self.newest = newest
            self.full = full
            self.depth = depth
            self.start = start
            self.length = length
            cell = CellIndex(grid)
            cells = grid.cells
            placement = CellPlacement(grid)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place < 0 { return }
            note(place &+ offset(ofPolarity: polarity, cells), t)
        }

        private func note(_ place: Int, _ t: Int64) {
            let (passed, overflow) = t.subtractingReportingOverflow(start)
            // Only where time runs backwards is an event of the window later than its end.
            var time = overflow ? (t < start ? 0 : length) : UInt32(max(0, min(Int64(length), passed)))
            let times = newest + place &* depth
            for i in 0..<depth {
                let there = times[i]
                times[i] = max(there, time)
                time = min(there, time)
            }
            if times[depth &- 1] > 0 { full.now[place &>> 5] |= 1 &<< UInt32(truncatingIfNeeded: place & 31) }
        }

        mutating func take(_ batch: CellBatch) {
            guard !full.isFirst else {
                return batch.keepNewest(depth, from: start, length: length, in: newest, full: full.now)
            }
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * CellBatch.capacity) { memory in
                guard let cells = memory.baseAddress else { return }
                batch.leavingOut(full.before, in: cells, cells + CellBatch.capacity)
                    .keepNewest(depth, from: start, length: length, in: newest, full: full.now)
            }
        }
    }
}
