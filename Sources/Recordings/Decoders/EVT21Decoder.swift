// RAW EVT2.1: 64 bit words of type (4 bits), time low (6), x (11), y (11) and a mask of 32 pixels from x on.
// https://docs.prophesee.ai/stable/data/encoding_formats/evt21.html

/// How the two halves of an EVT2.1 word lie in the file.
public protocol EVT21Layout {
    static func word(_ stored: UInt64) -> UInt64
}

/// The mask in the lower half.
public enum NormalLayout: EVT21Layout {
    @inlinable @inline(__always) public static func word(_ stored: UInt64) -> UInt64 { stored }
}

/// The mask in the upper half: words of sensors before system_ID 55.
public enum LegacyLayout: EVT21Layout {
    @inlinable @inline(__always) public static func word(_ stored: UInt64) -> UInt64 { stored &<< 32 | stored &>> 32 }
}

/// Decodes EVT2.1. Types: 0 CD off, 1 CD on, 8 TIME_HIGH (28 bits, 64 us), A trigger, E other, F continued.
public enum EVT21Decoder<Layout: EVT21Layout>: EventDecoder {
    public static var wordSize: Int { 8 }

    @inlinable
    public static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        let end = bytes.count & ~7
        guard end > 0, let words = bytes.baseAddress else { return 0 }
        let width = geometry.width
        let height = geometry.height
        var i = 0
        while i < end, !state.started {
            let word = Layout.word(words.word(i, UInt64.self))
            switch word &>> 60 {
            case 0, 1: tally.beforeTimeHigh(UInt32(truncatingIfNeeded: word).nonzeroBitCount)
            case 8: state.start(timeHigh: UInt32(truncatingIfNeeded: word &>> 32) & 0x0FFF_FFFF)
            case 0xA, 0xE, 0xF: tally.otherWord()
            default: tally.unknownWord()
            }
            i &+= 8
        }
        var timeHigh = state.timeHigh
        let shift = state.timeShift
        var time = timeHigh &- shift
        while i < end {
            let word = Layout.word(words.word(i, UInt64.self))
            i &+= 8
            let upper = UInt32(truncatingIfNeeded: word &>> 32)
            let type = upper &>> 28
            if type <= 1 {
                let mask = UInt32(truncatingIfNeeded: word)
                let y = Int(upper & 0x7FF)
                if y < height {
                    deliver(
                        x: Int((upper &>> 11) & 0x7FF), mask: mask, y: y, polarity: Int(type),
                        t: time &+ Int64((upper &>> 22) & 0x3F),
                        width: width, into: &sink, tally: &tally)
                } else {
                    tally.outsideGeometry(mask.nonzeroBitCount)
                }
            } else if type == 8 {
                advance(&timeHigh, to: upper & 0x0FFF_FFFF)
                time = timeHigh &- shift
            } else if type == 0xA {
                tally.trigger(Trigger(wide: upper, time: time))
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
