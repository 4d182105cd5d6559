// ergo12: twelve pictures of parts of the frame, which a search found to be good for detection.
//
// Zubić et al., From Chaos Comes Order: Ordering Event Representations for Object Recognition and Detection, ICCV 2023;
// the formulas are those of uzh-rpg/event_representation_study, representations/optimized_representation.py and
// representation_search/mixed_density_event_stack.py with stacking by number.

import Recordings

/// `ergo12`: float32 (12, H, W). With n events in the frame, in file order, window 0 is all of them, 1 to 3 are the
/// first, second and third floor(n / 3) of them, and 4 to 6 what is left after the first floor(n / 2) are taken away,
/// then half of that many, then half again. Of a cell's events in a window: t is (t - first) / (last - first) of the
/// frame, 0 where all its events have one time; p is -1 or 1.
///
///     0 variance of p, window 0     4 an on event, window 5       8 greatest t of off events, window 1
///     1 variance of t, off, 3       5 events, window 6            9 greatest t of on events, window 0
///     2 an off event, window 2      6 mean t of on events, 2     10 greatest t, window 4
///     3 sum of p, window 6          7 an off event, window 5     11 an event, window 1
///
/// "An event" is 1 where there is one: the authors' mean of a count. Cells without one are 0.
struct Ergo12: Preprocessing {
    static let definition = PreprocessingDefinition(
        name: "ergo12", summary: "twelve channels of counts, times and polarities of parts of the frame (ERGO-12)"
    ) { _ throws(TensorError) in Ergo12() }

    let channels = 12

    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { MemoryLayout<Sums>.stride * grid.cells }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let cells = grid.cells
        let values = base.bindMemory(to: Float.self, capacity: channels * cells)
        values.update(repeating: 0, count: channels * cells)
        var extent = Extent()
        try window.forEach(&extent)
        guard extent.count > 0 else { return }
        let sums = UnsafeMutablePointer<Sums>.allocate(capacity: cells)
        defer { sums.deallocate() }
        sums.initialize(repeating: Sums(), count: cells)
        var sink = Sink(sums, grid, extent)
        try window.forEach(&sink)
        for cell in 0..<cells where sums[cell].count > 0 { sums[cell].write(to: values + cell, cells) }
    }

    /// How many events there are, and from when to when.
    private struct Extent: EventSink {
        var count = 0
        var lowest = Int64.max
        var highest = Int64.min

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            count &+= 1
            lowest = min(lowest, t)
            highest = max(highest, t)
        }

        @inline(__always)
        mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
            count &+= mask.nonzeroBitCount
            lowest = min(lowest, t)
            highest = max(highest, t)
        }
    }

    /// What is known of a cell.
    private struct Sums {
        /// Of all its events.
        var count: Int32 = 0
        var polarity: Int32 = 0
        /// Of those in window 6.
        var count6: Int32 = 0
        var polarity6: Int32 = 0
        /// Of off events in window 3.
        var off3: Int32 = 0
        /// Of on events in window 2.
        var on2: Int32 = 0
        var time3 = 0.0
        var square3 = 0.0
        var time2 = 0.0
        var greatestOff1: Float = 0
        var greatestOn: Float = 0
        var greatest4: Float = 0
        /// Bits for channels 2, 4, 7 and 11.
        var there: UInt32 = 0

        /// Writes the cell's channels, which are `distance` apart.
        func write(to values: UnsafeMutablePointer<Float>, _ distance: Int) {
            let mean = Double(polarity) / Double(count)
            let (off, on) = (Double(max(1, off3)), Double(max(1, on2)))
            func put(_ channel: Int, _ value: Float) { values[channel &* distance] = value }
            put(0, Float(1 - mean * mean))
            put(1, Float(square3 / off - time3 / off * (time3 / off)))
            put(3, Float(polarity6))
            put(5, Float(count6))
            put(6, Float(time2 / on))
            put(8, greatestOff1)
            put(9, greatestOn)
            put(10, greatest4)
            for channel in [2, 4, 7, 11] where there >> UInt32(channel) & 1 == 1 { put(channel, 1) }
        }
    }

    /// Where events count by their number: all of them do, also those that have no cell.
    private struct Sink: EventSink {
        let sums: UnsafeMutablePointer<Sums>
        let cell: CellIndex
        /// Where windows 2 and 3 begin and 3 ends, and where 4, 5 and 6 begin.
        let thirds: (Int, Int, Int)
        let newest: (Int, Int, Int)
        let start: Int64
        let length: Double
        var number = 0
        let placement: CellPlacement?

        init(_ sums: UnsafeMutablePointer<Sums>, _ grid: FrameGrid, _ extent: Extent) {
            self.sums = sums
            cell = CellIndex(grid)
            let third = extent.count / 3
            thirds = (third, 2 * third, 3 * third)
            let (half, quarter, eighth) = (extent.count / 2, extent.count / 4, extent.count / 8)
            newest = (half, half + quarter, half + quarter + eighth)
            start = extent.lowest
            length = max(1, Double(extent.highest &- extent.lowest))
            let isWhole =
                grid.width << grid.shift == grid.geometry.width && grid.height << grid.shift == grid.geometry.height
            // Else events without a cell would not come, and not count.
            placement = isWhole ? CellPlacement(grid, on: CellPlacement.onBit) : nil
        }

        @inline(__always)
        private func put(_ place: Int, isOn: Bool, _ t: Int64, number: Int) {
            let time = Double(t &- start) / length
            let own = sums + place
            own.pointee.count &+= 1
            own.pointee.polarity &+= isOn ? 1 : -1
            if isOn { own.pointee.greatestOn = max(own.pointee.greatestOn, Float(time)) }
            if number < thirds.0 {
                own.pointee.there |= 1 << 11
                if !isOn { own.pointee.greatestOff1 = max(own.pointee.greatestOff1, Float(time)) }
            } else if number < thirds.1 {
                if isOn {
                    own.pointee.on2 &+= 1
                    own.pointee.time2 += time
                } else {
                    own.pointee.there |= 1 << 2
                }
            } else if number < thirds.2, !isOn {
                own.pointee.off3 &+= 1
                own.pointee.time3 += time
                own.pointee.square3 += time * time
            }
            if number >= newest.0 { own.pointee.greatest4 = max(own.pointee.greatest4, Float(time)) }
            if number >= newest.1 { own.pointee.there |= isOn ? 1 << 4 : 1 << 7 }
            if number >= newest.2 {
                own.pointee.count6 &+= 1
                own.pointee.polarity6 &+= isOn ? 1 : -1
            }
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place >= 0 { put(place, isOn: polarity != 0, t, number: number) }
            number &+= 1
        }

        mutating func take(_ batch: CellBatch) {
            for i in 0..<batch.count {
                let event = batch.cells[i]
                put(
                    Int(event & ~CellPlacement.onBit), isOn: event >= CellPlacement.onBit,
                    batch.base &+ Int64(batch.times[i]), number: number &+ i)
            }
            number &+= batch.count
        }
    }
}
