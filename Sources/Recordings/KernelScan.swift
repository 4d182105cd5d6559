// The index scan by the kernels of this processor; what is odd goes to the exact decoders.

import CKernels

enum KernelScan {
    /// Bytes of words for the exact decoder where a kernel has stopped.
    private static let oddBytes = 64

    /// Whether there is a kernel for it here.
    static func scans(_ format: RecordingFormat, _ geometry: Geometry) -> Bool {
        KernelVariant.current != .plain && format.words != nil && (1...16384).contains(geometry.width)
            && (1...16384).contains(geometry.height)
    }

    /// Counts the events of `bytes` for the time index, as the decoder of `format` with an `IndexSink` does, and
    /// returns the bytes used; nil when there is no kernel for it.
    static func scan<Tally: DropTally>(
        _ bytes: UnsafeRawBufferPointer, _ format: RecordingFormat, geometry: Geometry, state: inout DecoderState,
        into sink: inout IndexSink, tally: inout Tally
    ) -> Int? {
        guard scans(format, geometry), let kind = format.words else { return nil }
        guard let words = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        var i = 0
        while i < bytes.count {
            if state.started {
                var decoder = evh5_decoder(state)
                var found = evh5_scan()
                i &+= evh5_scan_words(
                    kind, words + i, bytes.count &- i, UInt32(geometry.width), UInt32(geometry.height),
                    state.timeShift, &decoder, &found)
                state.take(decoder)
                sink.add(found)
            }
            let odd = UnsafeRawBufferPointer(start: words + i, count: min(oddBytes, bytes.count &- i))
            let used = format.decode(odd, geometry: geometry, state: &state, into: &sink, tally: &tally)
            // What is left is no whole word, or a vector whose mask is not there.
            if used == 0 { break }
            i &+= used
        }
        return i
    }
}

extension IndexSink {
    /// Adds what a kernel found.
    fileprivate mutating func add(_ found: evh5_scan) {
        guard found.touched != 0 else { return }
        touch(found.first)
        lowest = min(lowest, found.lowest)
        highest = max(highest, found.highest)
        last = found.last
        backwardSteps &+= found.backward
        count &+= found.events
    }
}
