// histo_quantized: the histogram as a sensor counts it, in a few bits per polarity.

import Recordings

/// `histo_quantized`: (2, H, W), counters of negative_bit_length bits for off events and total_bit_length -
/// negative_bit_length for on events, saturating. uint8; float32 when downsampled (averages) or normalised (divided by
/// the larger counter's largest value).
struct QuantizedHistogram: Preprocessing {
    static let negativeBits = ParameterDefinition(
        "negative_bit_length", .integer(1...8), default: .integer(4), "bits of the counters of off events")
    static let totalBits = ParameterDefinition(
        "total_bit_length", .integer(2...16), default: .integer(8), "bits of both polarities' counters together")

    static let definition = PreprocessingDefinition(
        name: "histo_quantized", summary: "events counted per pixel and polarity in a few bits",
        parameters: [negativeBits, totalBits, Quantization.normalization]
    ) { values throws(TensorError) in try QuantizedHistogram(values) }

    let negativeTop: Int
    let positiveTop: Int
    let isNormalized: Bool
    let channels = 2
    let usesTime = false

    init(_ values: ParameterValues) throws(TensorError) {
        let negative = values[Self.negativeBits].integer
        let positive = values[Self.totalBits].integer - negative
        guard (1...8).contains(negative), (1...8).contains(positive) else {
            throw TensorError(
                .invalidParameter,
                "total_bit_length - negative_bit_length is \(positive); both polarities need 1 to 8 bits")
        }
        negativeTop = 1 << negative - 1
        positiveTop = 1 << positive - 1
        isNormalized = values[Quantization.normalization].boolean
    }

    func elementType(shift: Int) -> ElementType { shift == 0 && !isNormalized ? .uint8 : .float32 }
    func valuesAreFractions(shift: Int) -> Bool { isNormalized }

    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int {
        Quantization.scratchBytes(on: grid, channels: channels)
    }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let full = FrameGrid(geometry: grid.geometry, shift: 0) else { return }
        try Quantization.render(
            into: frame, on: grid, channels: 2, isSigned: false,
            scale: isNormalized ? max(negativeTop, positiveTop) : nil, storedAsUInt8: storedAsUInt8
        ) { counters throws(RecordingError) in
            var sink = CountSink(counters, full)
            try window.forEach(&sink)
            // Saturating at the end gives the same as after every event.
            for (channel, top) in [UInt8(negativeTop), UInt8(positiveTop)].enumerated() where top < 255 {
                let plane = counters + channel * full.cells
                for i in 0..<full.cells { plane[i] = min(plane[i], top) }
            }
        }
    }
}
