// RAW EVT2: 32 bit words of type (4 bits), time low (6), x (11), y (11).
// https://docs.prophesee.ai/stable/data/encoding_formats/evt2.html

/// Decodes EVT2. Types: 0 CD off, 1 CD on, 8 TIME_HIGH (28 bits, 64 us), A trigger, E other, F continued.
public enum EVT2Decoder: EventDecoder {
    public static var wordSize: Int { 4 }

    @inlinable
    public static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        let end = bytes.count & ~3
        guard end > 0, let words = bytes.baseAddress else { return 0 }
        let width = UInt32(geometry.width)
        let height = UInt32(geometry.height)
        var i = 0
        while i < end, !state.started {
            let word = words.word(i, UInt32.self)
            switch word &>> 28 {
            case 0, 1: tally.beforeTimeHigh(1)
            case 8: state.start(timeHigh: word & 0x0FFF_FFFF)
            case 0xA, 0xE, 0xF: tally.otherWord()
            default: tally.unknownWord()
            }
            i &+= 4
        }
        var timeHigh = state.timeHigh
        let shift = state.timeShift
        var time = timeHigh &- shift
        while i < end {
            let word = words.word(i, UInt32.self)
            i &+= 4
            let type = word &>> 28
            if type <= 1 {
                let x = (word &>> 11) & 0x7FF
                let y = word & 0x7FF
                if x < width && y < height {
                    sink.event(x: Int(x), y: Int(y), polarity: Int(type), t: time &+ Int64((word &>> 22) & 0x3F))
                } else {
                    tally.outsideGeometry(1)
                }
            } else if type == 8 {
                advance(&timeHigh, to: word & 0x0FFF_FFFF)
                time = timeHigh &- shift
            } else if type == 0xA {
                tally.trigger(Trigger(wide: word, time: time))
            } else if type >= 0xE {
                tally.otherWord()
            } else {
                tally.unknownWord()
            }
        }
        state.timeHigh = timeHigh
        return end
    }
}

extension DecoderState {
    /// The first time high word of EVT2, EVT2.1 and EVT4: time starts at 0 here.
    @inlinable @inline(__always)
    mutating func start(timeHigh word: UInt32) {
        timeHigh = Int64(word) &<< 6
        timeShift = timeHigh
        started = true
    }
}

/// Sets `timeHigh` (us, with wraps) to the 28 bit counter `word` of EVT2, EVT2.1 and EVT4; wraps beyond `turnLimit` do
/// not count.
@inlinable @inline(__always)
func advance(_ timeHigh: inout Int64, to word: UInt32) {
    let range: Int64 = 1 &<< 34
    let old = timeHigh & (range &- 1)
    let new = Int64(word) &<< 6
    timeHigh = timeHigh &- old &+ new
    if hasWrapped(from: old, to: new, bits: 34), timeHigh < DecoderState.turnLimit { timeHigh &+= range }
}
