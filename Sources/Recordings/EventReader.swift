// Random access to the events of a recording: only the segments that can hold them are read and decoded.

import Files

/// Reads events by time or by number. It reads the bytes that its index covers, also when the recording grows
/// meanwhile.
///
/// Every method throws `.changed` when the recording shrank and `.unreadable` when the host could not read it.
public struct EventReader: Sendable {
    public let recording: Recording
    public let index: TimeIndex
    /// What events go through first: all methods see those only that are left, and as they are then.
    public let filters: AppliedFilters?

    /// The size that events have.
    public var geometry: Geometry { filters?.geometry ?? recording.geometry }

    /// `index` is the index of `recording`, or of an earlier state of it; `filters` are for its geometry.
    public init(_ recording: Recording, _ index: TimeIndex, filters: AppliedFilters? = nil) {
        self.recording = recording
        self.index = index
        self.filters = filters
    }

    /// The same recording through other filters.
    public func through(_ filters: AppliedFilters?) -> EventReader { EventReader(recording, index, filters: filters) }

    /// Hands every event with a time in `times` (us after the time shift) to `sink`, in file order.
    @inlinable
    public func events<S: EventSink>(in times: Range<Int64>, into sink: inout S) throws(RecordingError) {
        if let filters {
            try passing(to: &sink, filters) { target, needsTimes, output throws(RecordingError) in
                try filter(filters, in: times, to: target, needsTimes: needsTimes, output)
            }
            return
        }
        let pieces = pieces(times)
        guard let buffer = try ReadBuffer(for: pieces) else { return }
        for piece in pieces { try decode(piece, times, buffer, into: &sink) }
    }

    /// Hands the events number `ordinals` of `selection` to `sink`, in file order; numbers that do not exist are left
    /// out.
    @inlinable
    public func events<S: EventSink>(
        numbered ordinals: Range<Int64>, of selection: EventSelection, into sink: inout S
    ) throws(RecordingError) {
        if let filters {
            try passing(to: &sink, filters) { target, needsTimes, output throws(RecordingError) in
                try filter(
                    filters, numbered: ordinals, of: selection, to: target, needsTimes: needsTimes, output)
            }
            return
        }
        let pieces = pieces(ordinals, selection)
        guard let buffer = try ReadBuffer(for: pieces) else { return }
        for piece in pieces {
            if piece.skip == 0, piece.take == .max {
                try decode(piece, selection.times, buffer, into: &sink)
            } else {
                var (skip, take) = (piece.skip, piece.take)
                try stream(piece, buffer) { bytes, state in
                    var tally = NoTally()
                    var filter = TimeFilter(OrdinalFilter(consume sink, skip: skip, take: take), times: selection.times)
                    let used = recording.format.decode(
                        bytes, geometry: recording.geometry, state: &state, into: &filter, tally: &tally)
                    (skip, take) = (filter.inner.skip, filter.inner.take)
                    sink = filter.inner.inner
                    return used
                }
            }
        }
    }

    /// Counts the events with a time in `times`; decodes only the segments that lie partly inside, or all where filters
    /// leave events out.
    public func selection(of times: Range<Int64>) throws(RecordingError) -> EventSelection {
        if let filters, !filters.keepsAll { return try filteredSelection(filters, of: times) }
        let segments = index.candidates(times)
        var before: [Int64] = [0]
        before.reserveCapacity(segments.count + 1)
        var buffer: ReadBuffer?
        var highest: Int64?
        for i in segments {
            var count: Int64 = 0
            if index.segments[i].isInside(times) {
                count = index.eventCount(ofSegment: i)
                if count > 0 { highest = max(highest ?? .min, index.segments[i].highest) }
            } else if index.segments[i].meets(times) {
                var counter = EventCounter()
                let piece = piece(i..<i + 1, isInside: false)
                if buffer == nil { buffer = try ReadBuffer(for: [piece]) }
                if let buffer { try decode(piece, times, buffer, into: &counter) }
                count = counter.count
                if count > 0 { highest = max(highest ?? .min, counter.highest) }
            }
            before.append(before[before.count - 1] + count)
        }
        return EventSelection(
            times: times, firstSegment: segments.lowerBound, before: before, highestTime: highest)
    }

    /// Bytes to decode in one go.
    @usableFromInline struct Piece {
        @usableFromInline let bytes: Range<Int64>
        @usableFromInline let state: DecoderState
        /// Whether all its events are in the times that are asked for.
        @usableFromInline let isInside: Bool
        /// How many of its events in time to leave out at first, and to take then; 0 and `.max` for all.
        @usableFromInline var skip: Int64 = 0
        @usableFromInline var take: Int64 = .max
    }

    func piece(_ segments: Range<Int>, isInside: Bool) -> Piece {
        let first = index.segments[segments.lowerBound]
        return Piece(
            bytes: first.offset..<index.endOffset(ofSegment: segments.upperBound - 1), state: first.state,
            isInside: isInside)
    }

    /// The runs of segments that meet `times`.
    @usableFromInline func pieces(_ times: Range<Int64>) -> [Piece] {
        var pieces: [Piece] = []
        var run: (segments: Range<Int>, isInside: Bool)?
        for i in index.candidates(times) {
            let segment = index.segments[i]
            guard segment.meets(times) else { continue }
            let isInside = segment.isInside(times)
            if let last = run, last.segments.upperBound == i, last.isInside == isInside {
                run = (last.segments.lowerBound..<i + 1, isInside)
            } else {
                if let run { pieces.append(piece(run.segments, isInside: run.isInside)) }
                run = (i..<i + 1, isInside)
            }
        }
        if let run { pieces.append(piece(run.segments, isInside: run.isInside)) }
        return pieces
    }

    /// The segments that hold `ordinals` of `selection`, one by one.
    @usableFromInline func pieces(_ ordinals: Range<Int64>, _ selection: EventSelection) -> [Piece] {
        let before = selection.before
        let ordinals = ordinals.clamped(to: 0..<selection.count)
        guard !ordinals.isEmpty else { return [] }
        var pieces: [Piece] = []
        var i = TimeIndex.firstIndex(before.count) { before[$0] > ordinals.lowerBound } - 1
        while i + 1 < before.count, before[i] < ordinals.upperBound {
            let count = before[i + 1] - before[i]
            if count > 0 {
                let segment = selection.firstSegment + i
                var piece = piece(segment..<segment + 1, isInside: index.segments[segment].isInside(selection.times))
                let wanted = ordinals.clamped(to: before[i]..<before[i + 1])
                if wanted.count < count {
                    piece.skip = wanted.lowerBound - before[i]
                    piece.take = Int64(wanted.count)
                }
                pieces.append(piece)
            }
            i += 1
        }
        return pieces
    }

    @inlinable
    func decode<S: EventSink>(_ piece: Piece, _ times: Range<Int64>, _ buffer: ReadBuffer, into sink: inout S)
        throws(RecordingError)
    {
        if let placement = sink.placement, CellDecoder.decodes(recording.format, recording.geometry) {
            let decoder = buffer.cellDecoder()
            let wanted = piece.isInside ? nil : times
            try stream(piece, buffer) { bytes, state in
                decoder.decode(
                    bytes, recording.format, recording.geometry, placement, wanted: wanted, state: &state, into: &sink)
            }
            return
        }
        try stream(piece, buffer) { bytes, state in
            var tally = NoTally()
            if piece.isInside {
                return recording.format.decode(
                    bytes, geometry: recording.geometry, state: &state, into: &sink, tally: &tally)
            }
            var filter = TimeFilter(consume sink, times: times)
            let used = recording.format.decode(
                bytes, geometry: recording.geometry, state: &state, into: &filter, tally: &tally)
            sink = filter.inner
            return used
        }
    }

    /// Reads `piece` through `buffer`; `body` decodes what is there and returns how many bytes it used.
    @inlinable @inline(__always)
    func stream(
        _ piece: Piece, _ buffer: ReadBuffer, _ body: (UnsafeRawBufferPointer, inout DecoderState) -> Int
    ) throws(RecordingError) {
        var state = piece.state
        var position = piece.bytes.lowerBound
        while position < piece.bytes.upperBound {
            let used = body(try buffer.read(recording, position..<piece.bytes.upperBound), &state)
            if used == 0 { break }
            position += Int64(used)
        }
    }
}

extension Recording {
    /// Fills `buffer` from `offset` on.
    ///
    /// - Throws: `.changed` when the file ends before, `.unreadable`.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(RecordingError) {
        let count: Int
        do throws(FileError) { count = try file.read(into: buffer, at: offset) } catch {
            throw RecordingError(.unreadable, error.message, cause: error)
        }
        guard count == buffer.count else { throw RecordingError.changed(path) }
    }
}
