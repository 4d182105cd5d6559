// diff_quantized: on minus off events as a sensor counts them, in a few bits.

import Recordings

/// `diff_quantized`: (1, H, W), signed counters of negative_bit_length bits; an event that would leave their range is
/// not counted. int8; float32 when downsampled (averages) or normalised (divided by 2^(negative_bit_length - 1)).
struct QuantizedDifference: Preprocessing {
    static let bits = ParameterDefinition(
        "negative_bit_length", .integer(1...8), default: .integer(8), "bits of the signed counters")

    static let definition = PreprocessingDefinition(
        name: "diff_quantized", summary: "on events minus off events per pixel in a few bits",
        parameters: [bits, Quantization.normalization]
    ) { values throws(TensorError) in try QuantizedDifference(values) }

    /// The counters' lowest value is its negative.
    let magnitude: Int
    let isNormalized: Bool
    let channels = 1
    let usesTime = false

    init(_ values: ParameterValues) throws(TensorError) {
        magnitude = 1 << (values[Self.bits].integer - 1)
        isNormalized = values[Quantization.normalization].boolean
    }

    func elementType(shift: Int) -> ElementType { shift == 0 && !isNormalized ? .int8 : .float32 }
    func valuesAreFractions(shift: Int) -> Bool { false }

    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int {
        Quantization.scratchBytes(on: grid, channels: channels)
    }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let full = FrameGrid(geometry: grid.geometry, shift: 0) else { return }
        try Quantization.render(
            into: frame, on: grid, channels: 1, isSigned: true, scale: isNormalized ? magnitude : nil,
            storedAsUInt8: storedAsUInt8
        ) { counters throws(RecordingError) in
            var sink = Sink(
                memory: counters, cell: CellIndex(full), low: -magnitude, high: magnitude - 1,
                placement: CellPlacement(full, on: CellPlacement.onBit))
            try window.forEach(&sink)
        }
    }

    private struct Sink: EventSink {
        let memory: UnsafeMutablePointer<UInt8>
        let cell: CellIndex
        let low: Int
        let high: Int
        let placement: CellPlacement?
        let needsTimes = false

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let place = cell(x, y)
            if place < 0 { return }
            add((polarity &<< 1) &- 1, to: memory + place)
        }

        func take(_ batch: CellBatch) {
            for i in 0..<batch.count {
                let cell = batch.cells[i]
                add(Int(cell &>> 30 & 2) &- 1, to: memory + Int(cell & ~CellPlacement.onBit))
            }
        }

        @inline(__always)
        private func add(_ step: Int, to counter: UnsafeMutablePointer<UInt8>) {
            let old = Int(Int8(bitPattern: counter.pointee))
            let new = old &+ step
            counter.pointee = UInt8(truncatingIfNeeded: new >= low && new <= high ? new : old)
        }
    }
}
