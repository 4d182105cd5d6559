// RAW EVT3: 16 bit words of type (4 bits) and content (12); row, time and vector base stay until they are set again.
// https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html

/// Decodes EVT3. Types: 0 ADDR_Y, 2 ADDR_X, 3 VECT_BASE_X, 4 VECT_12, 5 VECT_8, 6 TIME_LOW, 8 TIME_HIGH, A trigger, E
/// other, 7 and F continued.
public enum EVT3Decoder: EventDecoder {
    public static var wordSize: Int { 2 }

    @inlinable
    public static func decode<S: EventSink, T: DropTally>(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout S,
        tally: inout T
    ) -> Int {
        let end = bytes.count & ~1
        guard end > 0, let words = bytes.baseAddress else { return 0 }
        var i = state.started ? 0 : start(words, end, &state, &tally)
        let width = UInt32(geometry.width)
        let height = UInt32(geometry.height)
        var y = UInt32(state.y)
        // How many columns can take events: 0 while the row is outside, so that one comparison finds everything odd.
        var columns = y < height ? width : 0
        var baseX = UInt32(state.baseX)
        var vectorPolarity = Int(state.vectorPolarity)
        var timeHigh = state.timeHigh
        var timeLow = Int64(state.timeLow)
        let shift = state.timeShift
        var t = timeHigh &+ timeLow &- shift
        while i < end {
            let word = UInt32(words.word(i, UInt16.self))
            i &+= 2
            let type = word &>> 12
            if type == 2 {
                let x = word & 0x7FF
                if x < columns {
                    sink.event(x: Int(x), y: Int(y), polarity: Int(word &>> 11 & 1), t: t)
                } else if y == UInt32(DecoderState.noRow) {
                    tally.withoutAddress(1)
                } else {
                    tally.outsideGeometry(1)
                }
            } else if type &>> 1 == 2 {
                var length: UInt32 = type == 4 ? 12 : 8
                var mask = word & ((1 &<< length) &- 1)
                if type == 4, baseX &+ 32 <= columns, i &+ 4 <= end {
                    // The pattern that sensors write: 12, 12 and 8 columns, taken as one vector of 32.
                    let next = words.word(i, UInt32.self)
                    if next & 0xF000_F000 == 0x5000_4000 {
                        mask |= (next & 0xFFF) &<< 12 | (next &>> 16 & 0xFF) &<< 24
                        length = 32
                        i &+= 4
                    }
                }
                if baseX &+ length <= columns {
                    if mask != 0 {
                        sink.vector(baseX: Int(baseX), mask: mask, y: Int(y), polarity: vectorPolarity, t: t)
                    }
                    baseX &+= length
                } else if baseX == UInt32(DecoderState.noBase) || y == UInt32(DecoderState.noRow) {
                    tally.withoutAddress(mask.nonzeroBitCount)
                    if baseX <= UInt32(DecoderState.baseLimit) {
                        baseX = min(baseX &+ length, UInt32(DecoderState.baseLimit))
                    }
                } else {
                    deliver(
                        x: Int(baseX), mask: mask, y: Int(y), polarity: vectorPolarity, t: t, width: Int(columns),
                        into: &sink,
                        tally: &tally)
                    baseX = min(baseX &+ length, UInt32(DecoderState.baseLimit))
                }
            } else if type == 0 {
                y = word & 0xFFF
                columns = y < height ? width : 0
            } else if type == 3 {
                baseX = word & 0x7FF
                vectorPolarity = Int(word &>> 11 & 1)
            } else if type == 6 {
                timeLow = Int64(word & 0xFFF)
                t = timeHigh &+ timeLow &- shift
            } else if type == 8 {
                let new = Int64(word & 0xFFF) &<< 12
                let old = timeHigh & 0xFF_F000
                if new != old {
                    let wraps = old >= new &+ (2048 &<< 12) && timeHigh < DecoderState.turnLimit
                    timeHigh = timeHigh &- old &+ new &+ (wraps ? 1 &<< 24 : 0)
                    timeLow = 0
                    t = timeHigh &- shift
                }
            } else if type == 0xA {
                tally.trigger(Trigger(evt3: word, t: t))
            } else if type >= 0xE || type == 7 {
                tally.otherWord()
            } else {
                tally.unknownWord()
            }
        }
        state.y = UInt16(truncatingIfNeeded: y)
        state.baseX = UInt16(truncatingIfNeeded: baseX)
        state.vectorPolarity = UInt8(truncatingIfNeeded: vectorPolarity)
        state.timeHigh = timeHigh
        state.timeLow = UInt16(truncatingIfNeeded: timeLow)
        return end
    }

    /// Passes over the words before the first TIME_HIGH, addresses included, as OpenEB does; returns where it ended.
    @inlinable
    static func start<T: DropTally>(
        _ words: UnsafeRawPointer, _ end: Int, _ state: inout DecoderState, _ tally: inout T
    ) -> Int {
        var i = 0
        while i < end, !state.started {
            let word = words.word(i, UInt16.self)
            switch word &>> 12 {
            case 2: tally.beforeTimeHigh(1)
            case 4: tally.beforeTimeHigh((word & 0xFFF).nonzeroBitCount)
            case 5: tally.beforeTimeHigh((word & 0xFF).nonzeroBitCount)
            case 0, 3, 6: break
            case 8:
                let high = Int64(word & 0xFFF)
                state.timeHigh = high &<< 12
                state.timeShift = max(0, high &- 1) &<< 12
                state.started = true
            case 7, 0xA, 0xE, 0xF: tally.otherWord()
            default: tally.unknownWord()
            }
            i &+= 2
        }
        return i
    }
}

extension DecoderState {
    /// A TIME_HIGH of EVT3 after the first: a change sets the low part to 0, a fall by half the range or more is a
    /// wrap.
    @inline(__always)
    mutating func advanceEVT3(to word: UInt16) {
        let new = Int64(word) &<< 12
        let old = timeHigh & 0xFF_F000
        if new == old { return }
        let wraps = old >= new &+ (2048 &<< 12) && timeHigh < Self.turnLimit
        timeHigh = timeHigh &- old &+ new &+ (wraps ? 1 &<< 24 : 0)
        timeLow = 0
    }
}
