// RAW EVT4: 32 bit words of type (4 bits), time low (6), x (11), y (11); a vector word is followed by a mask of 32
// pixels from x on. Word types as in OpenEB's evt4_event_types.h.

/// Decodes EVT4. Types: 6 other, 7 continued, 9 trigger, A CD off, B CD on, C vector off, D vector on, E TIME_HIGH (28
/// bits, 64 us), F padding.
public enum EVT4Decoder: EventDecoder {
    public static var wordSize: Int { 4 }

    @inlinable
    public static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        let end = bytes.count & ~3
        guard end > 0, let words = bytes.baseAddress else { return 0 }
        let width = geometry.width
        let height = geometry.height
        var i = 0
        while i < end, !state.started {
            let word = words.word(i, UInt32.self)
            switch word &>> 28 {
            case 0xA, 0xB: tally.beforeTimeHigh(1)
            case 0xC, 0xD:
                if i &+ 8 > end { return i }
                i &+= 4
                tally.beforeTimeHigh(words.word(i, UInt32.self).nonzeroBitCount)
            case 0xE: state.start(timeHigh: word & 0x0FFF_FFFF)
            case 6, 7, 9, 0xF: tally.otherWord()
            default: tally.unknownWord()
            }
            i &+= 4
        }
        var timeHigh = state.timeHigh
        let shift = state.timeShift
        var time = timeHigh &- shift
        while i < end {
            let word = words.word(i, UInt32.self)
            let type = word &>> 28
            let x = Int((word &>> 11) & 0x7FF)
            let y = Int(word & 0x7FF)
            let t = time &+ Int64((word &>> 22) & 0x3F)
            if type &>> 1 == 0xA &>> 1 {
                if x < width && y < height {
                    sink.event(x: x, y: y, polarity: Int(type & 1), t: t)
                } else {
                    tally.outsideGeometry(1)
                }
            } else if type &>> 1 == 0xC &>> 1 {
                if i &+ 8 > end { break }
                i &+= 4
                let mask = words.word(i, UInt32.self)
                if y < height {
                    deliver(
                        x: x, mask: mask, y: y, polarity: Int(type & 1), t: t, width: width, into: &sink, tally: &tally)
                } else {
                    tally.outsideGeometry(mask.nonzeroBitCount)
                }
            } else if type == 0xE {
                advance(&timeHigh, to: word & 0x0FFF_FFFF)
                time = timeHigh &- shift
            } else if type == 9 {
                tally.trigger(Trigger(wide: word, time: time))
            } else if type == 0xF || type == 6 || type == 7 {
                tally.otherWord()
            } else {
                tally.unknownWord()
            }
            i &+= 4
        }
        state.timeHigh = timeHigh
        return i
    }
}
