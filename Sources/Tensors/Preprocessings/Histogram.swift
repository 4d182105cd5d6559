// histo: how many events each cell saw, per polarity, as a fraction of the most that is told apart.

import Recordings

/// `histo`: (2, H, W), channel 0 off and 1 on; every event adds 1 / (max_incr_per_pixel 4^shift) in float32, up to 1.
struct Histogram: Preprocessing {
    static let maxIncrements = ParameterDefinition(
        "max_incr_per_pixel", .positiveNumber, default: .number(5), "events of one pixel that make 1")

    static let definition = PreprocessingDefinition(
        name: "histo", summary: "events counted per pixel and polarity, saturating at 1", parameters: [maxIncrements]
    ) { values throws(TensorError) in try Histogram(values) }

    let maxIncrements: Double
    let channels = 2
    let usesTime = false

    init(_ values: ParameterValues) throws(TensorError) {
        maxIncrements = values[Self.maxIncrements].number
    }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        let step = increment(maxIncrements, shift: grid.shift)
        let count = 2 * grid.cells
        guard let table = SaturationTable(step: step) else {
            try accumulateFloats(frame, count: count, storedAsUInt8: storedAsUInt8) { values throws(RecordingError) in
                var sink = SumSink(values: values, cells: grid.cells, cell: CellIndex(grid), step: step)
                try window.forEach(&sink)
            }
            return
        }
        guard let base = frame.baseAddress else { return }
        let counters = (storedAsUInt8 ? base : base + 3 * count).bindMemory(to: UInt8.self, capacity: count)
        try self.count(window, on: grid, into: counters)
        table.expand(frame, count: count, storedAsUInt8: storedAsUInt8)
    }
}

extension Histogram: CountingPreprocessing {
    func table(shift: Int) -> SaturationTable? { SaturationTable(step: increment(maxIncrements, shift: shift)) }

    func count(
        _ window: EventWindow, on grid: FrameGrid, into counters: UnsafeMutablePointer<UInt8>
    ) throws(RecordingError) {
        counters.update(repeating: 0, count: 2 * grid.cells)
        var sink = CountSink(counters, grid)
        try window.forEach(&sink)
    }
}

/// The float32 that one event adds; computed in double as the reference does.
func increment(_ maxIncrements: Double, shift: Int) -> Float {
    Float(exactIncrement(maxIncrements, shift: shift))
}

/// What one event adds, as a double.
func exactIncrement(_ maxIncrements: Double, shift: Int) -> Double {
    1 / (maxIncrements * Double(1 << (2 * shift)))
}

/// What repeated saturated float32 addition gives for each count that a byte holds.
struct SaturationTable {
    private let values: [Float]
    private let step: Float
    /// Whether min(1, n step) has the same bits for every n, so that no table is needed.
    private let isProduct: Bool
    /// From this count on the value stays the same.
    let top: UInt8

    /// nil when the sum still grows after 255 steps, so that a byte cannot hold the count.
    init?(step: Float) {
        var values: [Float] = [0]
        for _ in 1...255 { values.append(min(1, values[values.count - 1] + step)) }
        guard min(1, values[255] + step) == values[255] else { return nil }
        self.values = values
        self.step = step
        top = UInt8(values.firstIndex(of: values[255]) ?? 255)
        isProduct = values.indices.allSatisfy { min(1, Float($0) * step) == values[$0] }
    }

    /// Replaces counts by their values: bytes by bytes in place, or the frame's last quarter by the frame.
    func expand(_ frame: UnsafeMutableRawBufferPointer, count: Int, storedAsUInt8: Bool) {
        if storedAsUInt8 {
            let bytes = values.map(byte)
            bytes.withUnsafeBufferPointer { table in
                for i in 0..<count { frame[i] = table[Int(frame[i])] }
            }
        } else if isProduct {
            let step = step
            expandInPlace(frame, count: count) { product($0, step) }
        } else {
            values.withUnsafeBufferPointer { table in
                expandInPlace(frame, count: count) { table[Int($0)] }
            }
        }
    }

    /// Writes the values of `count` counts, which lie elsewhere.
    func expand(_ counts: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Float>) {
        if isProduct {
            let step = step
            for i in 0..<count { target[i] = product(counts[i], step) }
        } else {
            values.withUnsafeBufferPointer { table in
                for i in 0..<count { target[i] = table[Int(counts[i])] }
            }
        }
    }
}

@inline(__always)
private func product(_ count: UInt8, _ step: Float) -> Float {
    let value = Float(count) * step
    return value < 1 ? value : 1
}

/// Counts events per polarity and cell, up to 255.
struct CountSink: EventSink {
    private let memory: UnsafeMutablePointer<UInt8>
    private let cells: Int
    private let cell: CellIndex
    let placement: CellPlacement?
    let counters: UnsafeMutableBufferPointer<UInt8>?
    let needsTimes = false

    /// `memory` holds 2 grid.cells zeroed counters.
    init(_ memory: UnsafeMutablePointer<UInt8>, _ grid: FrameGrid) {
        self.memory = memory
        cells = grid.cells
        cell = CellIndex(grid)
        placement = CellPlacement(grid)
        counters = UnsafeMutableBufferPointer(start: memory, count: 2 * grid.cells)
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        let place = cell(x, y)
        if place < 0 { return }
        let counter = memory + (place &+ offset(ofPolarity: polarity, cells))
        let count = counter.pointee
        counter.pointee = count &+ (count == 255 ? 0 : 1)
    }

    func take(_ batch: CellBatch) { batch.count(into: memory) }
}

/// The same sum in float32 itself, for steps so small that a byte cannot count them.
private struct SumSink: EventSink {
    let values: UnsafeMutablePointer<Float>
    let cells: Int
    let cell: CellIndex
    let step: Float

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        let place = cell(x, y)
        if place < 0 { return }
        let value = values + (place &+ offset(ofPolarity: polarity, cells))
        let sum = value.pointee + step
        value.pointee = sum < 1 ? sum : 1
    }
}
