// What the decoders of all encodings have in common, and the choice between them.

/// Decodes the words of one encoding.
public protocol EventDecoder {
    /// Bytes.
    static var wordSize: Int { get }

    /// Hands the events of `bytes` to `sink`, going on from `state`, and returns how many bytes it used: all whole
    /// words, in EVT4 without a last vector whose mask is missing. `bytes` need not be aligned and may hold anything.
    static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int
}

extension RecordingFormat {
    /// Bytes of a word.
    public var wordSize: Int {
        switch self {
        case .evt2: EVT2Decoder.wordSize
        case .evt21, .evt21Legacy: EVT21Decoder<NormalLayout>.wordSize
        case .evt3: EVT3Decoder.wordSize
        case .evt4: EVT4Decoder.wordSize
        case .dat, .dat1: DATDecoder<DATVersion2>.wordSize
        }
    }

    /// Decodes `bytes`, which are of this format; see ``EventDecoder``.
    @inlinable
    public func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        switch self {
        case .evt2: EVT2Decoder.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .evt21:
            EVT21Decoder<NormalLayout>.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .evt21Legacy:
            EVT21Decoder<LegacyLayout>.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .evt3: EVT3Decoder.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .evt4: EVT4Decoder.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .dat:
            DATDecoder<DATVersion2>.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        case .dat1:
            DATDecoder<DATVersion1>.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        }
    }
}

extension UnsafeRawPointer {
    @inlinable @inline(__always)
    func word<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: T.Type) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

/// Hands the bits of `mask` inside `width` to `sink`; the others are tallied. The row is inside the geometry.
@inlinable @inline(__always)
func deliver<S: EventSink, T: DropTally>(
    x: Int, mask: UInt32, y: Int, polarity: Int, t: Int64, width: Int, into sink: inout S, tally: inout T
) {
    var inside = mask
    if x &+ 32 > width {
        let room = max(0, min(32, width &- x))
        inside = mask & UInt32(truncatingIfNeeded: (UInt64(1) &<< UInt64(room)) &- 1)
        if inside != mask { tally.outsideGeometry((mask ^ inside).nonzeroBitCount) }
    }
    if inside != 0 { sink.vector(baseX: x, mask: inside, y: y, polarity: polarity, t: t) }
}
