// DAT: records of a 32 bit time in us and a word of polarity (4 bits), y (14), x (14).
// https://docs.prophesee.ai/stable/data/file_formats/dat.html

/// Decodes DAT events of type CD. Times are as stored, without a shift; after 2^32 us they start again.
public enum DATDecoder: EventDecoder {
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
            let x = upper & 0x3FFF
            let y = (upper &>> 14) & 0x3FFF
            if x < width && y < height {
                let new = Int64(UInt32(truncatingIfNeeded: word))
                if new < old, hasWrapped(from: old, to: new, bits: 32) { wraps &+= range }
                old = new
                sink.event(x: Int(x), y: Int(y), polarity: upper &>> 28 == 0 ? 0 : 1, t: wraps &+ new)
            } else {
                tally.outsideGeometry(1)
            }
        }
        state.timeHigh = wraps &+ old
        return end
    }
}
