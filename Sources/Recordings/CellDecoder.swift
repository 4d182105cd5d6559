// The fast path of reading: words to cells in C, a few thousand at a time, and from there to the kernel.

import CKernels

/// Decodes all formats but DAT of version 1 to cells. It delivers the same events as the decoders of `Decoders`, in the
/// same order.
/// same order.
@usableFromInline final class CellDecoder {
    private let memory: UnsafeMutablePointer<UInt32>
    private let times: UnsafeMutablePointer<UInt32>
    private static let room = CellBatch.capacity + Int(EVH5_CELLS_SLACK)

    @usableFromInline init() {
        memory = .allocate(capacity: 2 * Self.room)
        memory.initialize(repeating: 0, count: 2 * Self.room)
        times = memory + Self.room
    }

    deinit { memory.deallocate() }

    /// Whether there is a fast path on this processor.
    @usableFromInline static func decodes(_ format: RecordingFormat, _ geometry: Geometry) -> Bool {
        KernelVariant.current != .plain && format != .dat1 && (1...16384).contains(geometry.width)
            && (1...16384).contains(geometry.height)
    }

    /// Decodes all whole words of `bytes`, going on from `state`, and returns how many bytes it used.
    ///
    /// - Parameter wanted: only events with these times; nil for all.
    @inlinable
    func decode<S: EventSink>(
        _ bytes: UnsafeRawBufferPointer, _ format: RecordingFormat, _ geometry: Geometry, _ placement: CellPlacement,
        wanted: Range<Int64>?, state: inout DecoderState, into sink: inout S
    ) -> Int {
        let end = bytes.count / format.wordSize * format.wordSize
        var used = 0
        while used < end {
            if !state.started, format != .dat {
                let start = events(bytes, used, min(4096, end - used), format, geometry, wanted, &state, &sink)
                if start == 0 { break }
                used += start
                continue
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used..<end])
            var step = 0
            if wanted == nil, let counters = sink.counters {
                step = count(rest, format, geometry, placement, counters, &state)
            } else {
                if wanted == nil, format == .evt3, let plane = sink.latest(from: state.time) {
                    step = setLatest(rest, geometry, placement, plane, &state)
                    if step > 0 { sink.didSet(to: state.time) }
                }
                if step == 0 {
                    let batch: CellBatch
                    (step, batch) = next(
                        rest, format, geometry, placement, wanted: wanted, isTimed: sink.needsTimes, &state)
                    if batch.count > 0 { sink.take(batch) }
                }
            }
            used += step
            if step == 0 {
                // A vector of EVT4 is two words; one whose mask is not there waits for it.
                let odd = min(2 * format.wordSize, end - used)
                let word = events(bytes, used, odd, format, geometry, wanted, &state, &sink)
                if word == 0 { break }
                used += word
            }
        }
        return used
    }

    /// The exact decoder, for the start of a stream and for what the fast ones leave to it.
    @inlinable @inline(never)
    func events<S: EventSink>(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int, _ format: RecordingFormat, _ geometry: Geometry,
        _ wanted: Range<Int64>?, _ state: inout DecoderState, _ sink: inout S
    ) -> Int {
        let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
        var tally = NoTally()
        guard let wanted else {
            return format.decode(part, geometry: geometry, state: &state, into: &sink, tally: &tally)
        }
        var filter = TimeFilter(consume sink, times: wanted)
        let used = format.decode(part, geometry: geometry, state: &state, into: &filter, tally: &tally)
        sink = filter.inner
        return used
    }

    /// Counts the events of `bytes`; returns how many bytes that took. 0 leaves a word to the exact decoder.
    @usableFromInline
    func count(
        _ bytes: UnsafeRawBufferPointer, _ format: RecordingFormat, _ geometry: Geometry, _ placement: CellPlacement,
        _ counters: UnsafeMutableBufferPointer<UInt8>, _ state: inout DecoderState
    ) -> Int {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), let first = counters.baseAddress
        else {
            return bytes.count
        }
        var placement = placement.limited(to: geometry)
        var decoder = evh5_decoder(state)
        let used =
            if let words = format.words {
                evh5_count(words, start, bytes.count, &placement, &decoder, first, counters.count)
            } else {
                evh5_dat_count(
                    start, bytes.count, &placement, UInt32(clamping: geometry.width), UInt32(clamping: geometry.height),
                    &decoder, first, counters.count)
            }
        state.take(decoder)
        return used
    }

    /// Sets the times of the events of EVT3 `bytes` in `plane`; returns how many bytes that took. 0 leaves some to
    /// `next`.
    @usableFromInline
    func setLatest(
        _ bytes: UnsafeRawBufferPointer, _ geometry: Geometry, _ placement: CellPlacement, _ plane: LatestPlane,
        _ state: inout DecoderState
    ) -> Int {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
            var latest = evh5_latest(plane, from: state)
        else {
            return 0
        }
        var placement = placement.limited(to: geometry)
        var decoder = evh5_decoder(state)
        let used = evh5_evt3_latest(start, bytes.count, &placement, &decoder, &latest)
        state.take(decoder)
        return used
    }

    /// Decodes from the start of `bytes` until the batch is full; returns how many bytes that took. 0 leaves a word to
    /// the exact decoder.
    @usableFromInline
    func next(
        _ bytes: UnsafeRawBufferPointer, _ format: RecordingFormat, _ geometry: Geometry, _ placement: CellPlacement,
        wanted: Range<Int64>?, isTimed: Bool, _ state: inout DecoderState
    ) -> (Int, CellBatch) {
        var count = 0
        var base: Int64 = 0
        var used = 0
        if let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) {
            var placement = placement.limited(to: geometry)
            var decoder = evh5_decoder(state)
            base = state.timeHigh &- state.timeShift
            if let words = format.words {
                // EVT3 is faster without times.
                let isTimed = isTimed || wanted != nil || format != .evt3
                used = evh5_cells(
                    words, start, bytes.count, &placement, &decoder, memory, isTimed ? times : nil, CellBatch.capacity,
                    &count)
            } else {
                base = state.timeHigh & ~0xFFFF_FFFF
                used = evh5_dat_cells(
                    start, bytes.count, &placement, UInt32(clamping: geometry.width), UInt32(clamping: geometry.height),
                    &decoder, memory, times, CellBatch.capacity, &count)
            }
            state.take(decoder)
        }
        if let wanted, count > 0 { count = CellBatch.within(wanted, memory, times, count: count, base: base) }
        return (used, CellBatch(cells: memory, times: times, count: count, base: base))
    }
}

extension RecordingFormat {
    /// As C has it; nil for DAT.
    var words: evh5_words? {
        switch self {
        case .evt2: EVH5_WORDS_EVT2
        case .evt21: EVH5_WORDS_EVT21
        case .evt21Legacy: EVH5_WORDS_EVT21_LEGACY
        case .evt3: EVH5_WORDS_EVT3
        case .evt4: EVH5_WORDS_EVT4
        case .dat, .dat1: nil
        }
    }
}

extension evh5_decoder {
    init(_ state: DecoderState) {
        self.init(
            time_high: state.timeHigh, time_low: state.timeLow, y: state.y, base_x: state.baseX,
            vector_polarity: state.vectorPolarity)
    }
}

extension evh5_latest {
    /// nil for a plane without values.
    init?(_ plane: LatestPlane, from state: DecoderState) {
        guard let values = plane.values.baseAddress else { return nil }
        self.init(
            values: values, count: plane.values.count, origin: plane.t0 &+ state.timeShift,
            lowest: state.time &- plane.t0, end: plane.end, start: plane.start, duration: plane.duration)
    }
}

extension DecoderState {
    /// The time in force in EVT3, us after the time shift.
    @usableFromInline var time: Int64 { timeHigh &+ Int64(timeLow) &- timeShift }

    mutating func take(_ decoder: evh5_decoder) {
        timeHigh = decoder.time_high
        timeLow = decoder.time_low
        y = decoder.y
        baseX = decoder.base_x
        vectorPolarity = decoder.vector_polarity
    }
}
