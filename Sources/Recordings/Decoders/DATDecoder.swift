// DAT: records of a 32 bit time in us and a word of polarity, y and x.
// Version 2: https://docs.prophesee.ai/stable/data/file_formats/dat.html
// Version 1, of ATIS sensors: x in bits 0 to 8, y in 9 to 16, polarity in 17.

/// How a record's word is packed.
public protocol DATPacking {
    /// Whether a word can be of this packing.
    static func isValid(_ word: UInt32) -> Bool
    static func x(_ word: UInt32) -> UInt32
    static func y(_ word: UInt32) -> UInt32
    /// 0 or 1.
    static func polarity(_ word: UInt32) -> Int
}

/// x 14 bits, y 14, polarity 4.
public enum DATVersion2: DATPacking {
    @inlinable @inline(__always) public static func isValid(_ word: UInt32) -> Bool { true }
    @inlinable @inline(__always) public static func x(_ word: UInt32) -> UInt32 { word & 0x3FFF }
    @inlinable @inline(__always) public static func y(_ word: UInt32) -> UInt32 { (word &>> 14) & 0x3FFF }
    @inlinable @inline(__always) public static func polarity(_ word: UInt32) -> Int { word &>> 28 == 0 ? 0 : 1 }
}

/// x 9 bits, y 8, polarity 1; the bits above are 0.
public enum DATVersion1: DATPacking {
    @inlinable @inline(__always) public static func isValid(_ word: UInt32) -> Bool { word &>> 18 == 0 }
    @inlinable @inline(__always) public static func x(_ word: UInt32) -> UInt32 { word & 0x1FF }
    @inlinable @inline(__always) public static func y(_ word: UInt32) -> UInt32 { (word &>> 9) & 0xFF }
    @inlinable @inline(__always) public static func polarity(_ word: UInt32) -> Int { Int((word &>> 17) & 1) }
}

/// Decodes DAT events of type CD. Times are as stored, without a shift; after 2^32 us they start again.
public enum DATDecoder<Packing: DATPacking>: EventDecoder {
    public static var wordSize: Int { 8 }

    @inlinable
    public static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        let end = bytes.count & ~7
        guard end > 0, let words = bytes.baseAddress else { return 0 }
        let width = UInt32(geometry.width)
        let height = UInt32(geometry.height)
        let range: Int64 = 1 &<< 32
        // The time of the last event, and what its wraps add to the stored time.
        var old = state.timeHigh & (range &- 1)
        var wraps = state.timeHigh &- old
        var i = 0
        while i < end {
            let word = words.word(i, UInt64.self)
            i &+= 8
            let upper = UInt32(truncatingIfNeeded: word &>> 32)
            if !Packing.isValid(upper) {
                tally.unknownWord()
                continue
            }
            let x = Packing.x(upper)
            let y = Packing.y(upper)
            if x < width && y < height {
                let new = Int64(UInt32(truncatingIfNeeded: word))
                if new < old, hasWrapped(from: old, to: new, bits: 32) {
                    wraps &+= wraps < DecoderState.turnLimit ? range : 0
                }
                old = new
                sink.event(x: Int(x), y: Int(y), polarity: Packing.polarity(upper), t: wraps &+ new)
            } else {
                tally.outsideGeometry(1)
            }
        }
        state.timeHigh = wraps &+ old
        return end
    }
}
