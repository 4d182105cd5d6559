// event_image: EV-FlowNet's input, counts and latest times of both polarities.

import Recordings

/// `event_image`: float32 (4, H, W): how many on events, how many off events, the time of the last on event, of the
/// last off event (in file order), both as a share of the window; 0 where there was none. EV-FlowNet divides times by
/// the greatest instead.
struct EventImage: Preprocessing {
    static let definition = PreprocessingDefinition(
        name: "event_image", summary: "counts and latest times per polarity: EV-FlowNet's four channels"
    ) { _ throws(TensorError) in EventImage() }

    let channels = 4

    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let values = base.bindMemory(to: Float.self, capacity: 4 * grid.cells)
        values.update(repeating: 0, count: 4 * grid.cells)
        var sink = Sink(values, grid, window)
        try window.forEach(&sink)
    }

    private struct Sink: EventSink {
        let values: UnsafeMutablePointer<Float>
        let cells: Int
        let cell: CellIndex
        let t0: Int64
        let duration: Double
        let placement: CellPlacement?
        // Many events share a time: its share is computed once.
        var time: Int64
        var share: Float = 0

        init(_ values: UnsafeMutablePointer<Float>, _ grid: FrameGrid, _ window: EventWindow) {
            self.values = values
            cells = grid.cells
            cell = CellIndex(grid)
            t0 = window.t0
            duration = Double(window.duration)
            time = window.t0
            placement = CellPlacement(grid, on: CellPlacement.onBit)
        }

        @inline(__always)
        private func put(_ place: Int, off: Int, _ share: Float) {
            let count = values + (place &+ off)
            count.pointee += 1
            count[2 &* cells] = share
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            if t != time {
                time = t
                share = Float(Double(t &- t0) / duration)
            }
            let place = cell(x, y)
            if place < 0 { return }
            put(place, off: offset(ofPolarity: polarity ^ 1, cells), share)
        }

        mutating func take(_ batch: CellBatch) {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: CellBatch.capacity) { shares in
                guard let shares = shares.baseAddress else { return }
                batch.fractions(from: t0, of: duration, into: shares)
                for i in 0..<batch.count {
                    let event = batch.cells[i]
                    put(
                        Int(event & ~CellPlacement.onBit), off: offset(ofPolarity: Int(event &>> 31) ^ 1, cells),
                        shares[i])
                }
            }
        }
    }
}
