// The index scan of EVT3: 16 words at a time, without handing events to anyone.

import CKernels

/// Counts the events of EVT3 for the time index. It gives what `EVT3Decoder` with an `IndexSink` gives: blocks of 16
/// words in which nothing is odd are counted lane by lane, and every other block goes to that decoder.
enum EVT3Scan {
    private typealias Words = SIMD16<UInt16>
    private typealias Types = SIMD16<UInt8>
    private static let blockSize = 32

    static func scan(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout IndexSink,
        tally: inout CountingTally
    ) -> Int {
        if KernelVariant.current != .plain, (1...16384).contains(geometry.width), (1...16384).contains(geometry.height)
        {
            return scanByKernel(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        }
        let end = bytes.count & ~1
        guard end >= blockSize, let start = bytes.baseAddress else {
            return EVT3Decoder.decode(bytes, geometry: geometry, state: &state, into: &sink, tally: &tally)
        }
        var scan = Scan(words: start, geometry: geometry, state: state)
        var i = 0
        while i &+ blockSize <= end {
            if !scan.block(i, &sink) {
                scan.settle(i, &sink)
                let block = UnsafeRawBufferPointer(start: start + i, count: blockSize)
                _ = EVT3Decoder.decode(block, geometry: geometry, state: &scan.state, into: &sink, tally: &tally)
                scan.resume(i &+ blockSize)
            }
            i &+= blockSize
        }
        scan.settle(i, &sink)
        let rest = UnsafeRawBufferPointer(start: start + i, count: end &- i)
        _ = EVT3Decoder.decode(rest, geometry: geometry, state: &scan.state, into: &sink, tally: &tally)
        state = scan.state
        return end
    }

    /// The same in C; what is odd goes to the decoder here too.
    private static func scanByKernel(
        _ bytes: UnsafeRawBufferPointer, geometry: Geometry, state: inout DecoderState, into sink: inout IndexSink,
        tally: inout CountingTally
    ) -> Int {
        let end = bytes.count & ~1
        guard let words = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        var i = 0
        while i < end {
            if state.started {
                var decoder = evh5_decoder(state)
                var found = evh5_scan()
                i &+= evh5_evt3_scan(
                    words + i, end &- i, UInt32(geometry.width), UInt32(geometry.height), state.timeShift, &decoder,
                    &found)
                state.take(decoder)
                sink.add(found)
            }
            let odd = UnsafeRawBufferPointer(start: words + i, count: min(2 * blockSize, end &- i))
            i &+= EVT3Decoder.decode(odd, geometry: geometry, state: &state, into: &sink, tally: &tally)
        }
        return end
    }

    /// Bit i is lane i of `lanes`, which are 0 or 255: the lanes as digits of a number, by a multiplication that adds
    /// them up.
    @inline(__always)
    private static func bits(_ lanes: Types) -> UInt32 {
        let weights = Types(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
        let halves = unsafeBitCast(lanes & weights, to: SIMD2<UInt64>.self)
        let low = (halves[0] &* 0x0101_0101_0101_0101) &>> 56
        let high = (halves[1] &* 0x0101_0101_0101_0101) &>> 56
        return UInt32(truncatingIfNeeded: low | high &<< 8)
    }

    /// What vectors of 12 and 8 columns take together: 4 for each bit of three copies of the one and two of the other.
    @inline(__always)
    private static func columns(_ v12: UInt32, _ v8: UInt32) -> UInt32 {
        let (a, b) = (UInt64(v12), UInt64(v8))
        return UInt32(truncatingIfNeeded: (a | b | (a | b) &<< 16 | a &<< 32).nonzeroBitCount &* 4)
    }

    @inline(__always)
    private static func any(_ lanes: Types) -> Bool {
        let halves = unsafeBitCast(lanes, to: SIMD2<UInt64>.self)
        return halves[0] | halves[1] != 0
    }

    @inline(__always)
    private static func any(_ lanes: Words) -> Bool {
        let quarters = unsafeBitCast(lanes, to: SIMD4<UInt64>.self)
        return quarters[0] | quarters[1] | quarters[2] | quarters[3] != 0
    }

    @inline(__always)
    private static func lanes(_ types: Types, _ type: UInt8) -> Types {
        Types(repeating: 0).replacing(with: Types(repeating: 255), where: types .== Types(repeating: type))
    }

    @inline(__always)
    private static func lanes(_ mask: SIMDMask<SIMD16<Int16>>, _ value: UInt16) -> Words {
        Words(repeating: 0).replacing(with: Words(repeating: value), where: mask)
    }

    private struct Scan {
        let words: UnsafeRawPointer
        let width: UInt16
        let height: UInt16
        /// Exact at `known`; after it only the times and `baseX` are kept, the rest is looked up in the words when
        /// needed.
        var state: DecoderState
        var known = 0
        var baseX: UInt32
        var t: Int64
        /// Events per lane that are not in the sink yet, and in how many blocks.
        private var counts = Words(repeating: 0)
        private var blocks = 0
        /// Not 0 when there were events since the time last changed.
        private var seen = Words(repeating: 0)
        private var seenInBlock = false

        init(words: UnsafeRawPointer, geometry: Geometry, state: DecoderState) {
            self.words = words
            width = UInt16(geometry.width)
            height = UInt16(geometry.height)
            self.state = state
            baseX = UInt32(state.baseX)
            t = state.timeHigh &+ Int64(state.timeLow) &- state.timeShift
        }

        /// Counts the block at `i`; false, with nothing done, when something in it needs the decoder.
        @inline(__always)
        mutating func block(_ i: Int, _ sink: inout IndexSink) -> Bool {
            guard state.started, state.y < height else { return false }
            let w = words.loadUnaligned(fromByteOffset: i, as: Words.self)
            let type = w &>> Words(repeating: 12)
            let isX = type .== Words(repeating: 2)
            let outside =
                EVT3Scan.lanes(isX .& (w & Words(repeating: 0x7FF) .>= Words(repeating: width)), .max)
                | EVT3Scan.lanes(w .< Words(repeating: 0x1000) .& (w .>= Words(repeating: height)), .max)
            let types = Types(truncatingIfNeeded: type)
            let odd =
                EVT3Scan.lanes(types, 1) | EVT3Scan.lanes(types, 7)
                | Types(repeating: 0).replacing(with: Types(repeating: 255), where: types .> Types(repeating: 8))
            if EVT3Scan.any(outside) || EVT3Scan.any(odd) { return false }

            let vectors = EVT3Scan.lanes(types & Types(repeating: 14), 4)
            let bases = EVT3Scan.lanes(types, 3)
            if EVT3Scan.any(vectors | bases) {
                let v8 = EVT3Scan.bits(EVT3Scan.lanes(types, 5))
                let v12 = EVT3Scan.bits(vectors) & ~v8
                let baseBits = EVT3Scan.bits(bases)
                let columns = EVT3Scan.columns(v12, v8)
                // Even the rightmost base of the block has room for all its vectors: the usual case, without a loop.
                let room = UInt16(truncatingIfNeeded: max(0, Int(width) &- Int(columns)))
                let crowded = EVT3Scan.lanes(
                    type .== Words(repeating: 3) .& (w & Words(repeating: 0x7FF) .> Words(repeating: room)), .max)
                if !EVT3Scan.any(crowded), baseX &+ columns <= UInt32(width) {
                    // Everything after the last base, or everything.
                    let last = 31 &- (baseBits | 1).leadingZeroBitCount
                    let after = ~(((2 as UInt32) &<< UInt32(truncatingIfNeeded: last)) &- 1)
                    let onward = EVT3Scan.columns(v12 & after, v8 & after)
                    let base = UInt32(words.word(i &+ last &* 2, UInt16.self) & 0x7FF)
                    baseX = baseBits == 0 ? baseX &+ columns : base &+ onward
                } else if !moveBase(i, v12, v8, baseBits) {
                    return false
                }
            }
            // The bits of this word that are events: one of an address, those of the mask of a vector.
            let payload =
                w
                & (EVT3Scan.lanes(type .== Words(repeating: 4), 0xFFF)
                    | EVT3Scan.lanes(type .== Words(repeating: 5), 0xFF))
                | EVT3Scan.lanes(isX, 1)
            let time = EVT3Scan.lanes(types, 6) | EVT3Scan.lanes(types, 8)
            if EVT3Scan.any(time) {
                let events = Types(truncatingIfNeeded: EVT3Scan.lanes(payload .!= Words(repeating: 0), 0xFF))
                moveTime(i, EVT3Scan.bits(time), EVT3Scan.bits(events), &sink)
            } else {
                seen |= payload
            }
            var sum = payload &- ((payload &>> Words(repeating: 1)) & Words(repeating: 0x5555))
            sum = (sum & Words(repeating: 0x3333)) &+ ((sum &>> Words(repeating: 2)) & Words(repeating: 0x3333))
            sum = (sum &+ (sum &>> Words(repeating: 4))) & Words(repeating: 0x0F0F)
            counts &+= (sum &+ (sum &>> Words(repeating: 8))) & Words(repeating: 0x1F)
            blocks &+= 1
            // 12 events a lane and block fit.
            if blocks == 5000 { addCounts(&sink) }
            return true
        }

        /// Follows the vector base through a block; false, with nothing done, when a vector is not wholly inside the
        /// row.
        @inline(__always)
        private mutating func moveBase(_ i: Int, _ v12: UInt32, _ v8: UInt32, _ bases: UInt32) -> Bool {
            var base = baseX
            var done: UInt32 = 0
            var rest = bases
            while true {
                // The vectors up to the next base.
                let until = rest == 0 ? 0xFFFF : (rest & (0 &- rest)) &- 1
                let advance = EVT3Scan.columns(v12 & until & ~done, v8 & until & ~done)
                base &+= advance
                if base > UInt32(width), advance != 0 { return false }
                if rest == 0 { break }
                let lane = rest.trailingZeroBitCount
                base = UInt32(words.word(i &+ lane &* 2, UInt16.self) & 0x7FF)
                done = (rest & (0 &- rest)) &- 1
                rest &= rest &- 1
            }
            baseX = base
            return true
        }

        /// Follows the time through a block that has time words.
        @inline(__always)
        private mutating func moveTime(_ i: Int, _ times: UInt32, _ events: UInt32, _ sink: inout IndexSink) {
            var pending = seenInBlock || EVT3Scan.any(seen)
            seen = Words(repeating: 0)
            var rest = times
            var left = events
            while rest != 0 {
                let lane = UInt32(truncatingIfNeeded: rest.trailingZeroBitCount)
                let before: UInt32 = (1 &<< lane) &- 1
                if pending || left & before != 0 { sink.touch(t) }
                pending = false
                left &= ~before
                rest &= rest &- 1
                let word = words.word(i &+ Int(lane) &* 2, UInt16.self)
                if word &>> 12 == 6 {
                    state.timeLow = word & 0xFFF
                } else {
                    state.advanceEVT3(to: word & 0xFFF)
                }
                t = state.timeHigh &+ Int64(state.timeLow) &- state.timeShift
            }
            seenInBlock = left != 0
        }

        private mutating func addCounts(_ sink: inout IndexSink) {
            var sum = 0
            for lane in 0..<16 { sum &+= Int(counts[lane]) }
            sink.count &+= Int64(sum)
            counts = Words(repeating: 0)
            blocks = 0
        }

        /// Brings `state` and the sink to what they are before the word at `i`.
        mutating func settle(_ i: Int, _ sink: inout IndexSink) {
            if seenInBlock || EVT3Scan.any(seen) { sink.touch(t) }
            seenInBlock = false
            seen = Words(repeating: 0)
            addCounts(&sink)
            guard state.started else { return }
            state.baseX = UInt16(truncatingIfNeeded: baseX)
            var (foundRow, foundBase) = (false, false)
            var k = i &- 2
            while k >= known, !foundRow || !foundBase {
                let word = words.word(k, UInt16.self)
                if !foundRow, word &>> 12 == 0 {
                    state.y = word
                    foundRow = true
                } else if !foundBase, word &>> 12 == 3 {
                    state.vectorPolarity = UInt8(truncatingIfNeeded: word &>> 11 & 1)
                    foundBase = true
                }
                k &-= 2
            }
            known = i
        }

        /// Goes on at `i`, where `state` is exact.
        mutating func resume(_ i: Int) {
            known = i
            baseX = UInt32(state.baseX)
            t = state.timeHigh &+ Int64(state.timeLow) &- state.timeShift
        }
    }
}

extension IndexSink {
    mutating func add(_ found: evh5_scan) {
        guard found.touched != 0 else { return }
        touch(found.first)
        lowest = min(lowest, found.lowest)
        highest = max(highest, found.highest)
        last = found.last
        count &+= found.events
    }

    /// There are events at `t`, which are counted apart.
    @inline(__always)
    mutating func touch(_ t: Int64) {
        if !isTouched { first = t }
        isTouched = true
        last = t
        lowest = min(lowest, t)
        highest = max(highest, t)
    }
}
