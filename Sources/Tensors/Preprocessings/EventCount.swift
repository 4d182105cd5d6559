// event_count: how many events each cell saw, per polarity, as they are.

import Recordings

/// `event_count`: (2, H, W), channel 0 off and 1 on, of the type `dtype`. uint8 and uint16 stay at their greatest
/// value, float32 is exact up to 2^24.
struct EventCount: Preprocessing {
    static let type = ParameterDefinition(
        "dtype", .choice(["uint8", "uint16", "float32"]), default: .text("uint8"), "the type of counts")

    static let definition = PreprocessingDefinition(
        name: "event_count", summary: "events counted per pixel and polarity, not scaled (spiking networks)",
        parameters: [type]
    ) { values throws(TensorError) in
        EventCount(type: ElementType(rawValue: values[type].text) ?? .uint8)
    }

    let type: ElementType
    let channels = 2
    let usesTime = false

    func elementType(shift: Int) -> ElementType { type }
    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 0 }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let count = 2 * grid.cells
        base.initializeMemory(as: UInt8.self, repeating: 0, count: frame.count)
        switch type {
        case .float32:
            var sink = Sink(base.bindMemory(to: Float.self, capacity: count), grid)
            try window.forEach(&sink)
        case .uint16:
            var sink = Sink(base.bindMemory(to: UInt16.self, capacity: count), grid)
            try window.forEach(&sink)
        case .uint8, .int8:
            var sink = CountSink(base.bindMemory(to: UInt8.self, capacity: count), grid)
            try window.forEach(&sink)
        }
    }

    private struct Sink<Count: SaturatingCount>: EventSink {
        let counts: UnsafeMutablePointer<Count>
        let cells: Int
        let cell: CellIndex
        let placement: CellPlacement?
        let needsTimes = false

        init(_ counts: UnsafeMutablePointer<Count>, _ grid: FrameGrid) {
            self.counts = counts
            cells = grid.cells
            cell = CellIndex(grid)
            placement = CellPlacement(grid)
        }

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place < 0 { return }
            counts[place &+ offset(ofPolarity: polarity, cells)].countUp()
        }

        func take(_ batch: CellBatch) {
            for i in 0..<batch.count { counts[Int(batch.cells[i])].countUp() }
        }
    }
}

/// What counts up and stays at its greatest value.
private protocol SaturatingCount {
    mutating func countUp()
}

extension UInt16: SaturatingCount {
    @inline(__always)
    mutating func countUp() { self &+= self == .max ? 0 : 1 }
}

extension Float: SaturatingCount {
    @inline(__always)
    mutating func countUp() { self += 1 }
}
