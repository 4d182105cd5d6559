// Where times are among the events: for equidistant times the first event at or after each.

/// Equidistant times, us: `first`, `first + step` and so on.
public struct BoundaryTimes: Hashable, Sendable {
    public let first: Int64
    public let step: Int64

    public init(first: Int64, step: Int64) {
        self.first = first
        self.step = step
    }
}

/// Notes the events at which time first reaches each boundary.
struct BoundarySink: EventSink {
    let step: Int64
    /// Boundaries from `found` on are still to be reached.
    let end: Int
    let ordinals: UnsafeMutablePointer<Int64>
    let times: UnsafeMutablePointer<Int64>?
    var found = 0
    /// The next boundary, us.
    var next: Int64
    /// The number of the next event.
    var ordinal: Int64

    let placement: CellPlacement?

    mutating func reach(_ t: Int64, _ number: Int64) {
        while found < end, t >= next {
            ordinals[found] = number
            times?[found] = t
            found &+= 1
            next &+= step
        }
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if t >= next { reach(t, ordinal) }
        ordinal &+= 1
    }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        if t >= next { reach(t, ordinal) }
        ordinal &+= Int64(mask.nonzeroBitCount)
    }

    mutating func take(_ batch: CellBatch) {
        // Most batches reach none: that is found without a look at each.
        var greatest: UInt32 = 0
        for i in 0..<batch.count { greatest = max(greatest, batch.times[i]) }
        if batch.base &+ Int64(greatest) >= next {
            for i in 0..<batch.count {
                let t = batch.base &+ Int64(batch.times[i])
                if t >= next { reach(t, ordinal &+ Int64(i)) }
            }
        }
        ordinal &+= Int64(batch.count)
    }
}

extension EventReader {
    /// For `count` times of `boundaries` from number `first` on: the number in `selection` of the first event, in file
    /// order, that is not earlier, or `selection.count` where there is none. Where time runs backwards later events may
    /// be earlier again.
    ///
    /// - Parameter times: the times of those events, us; those without an event stay as they are.
    public func find(
        _ boundaries: BoundaryTimes, from first: Int, count: Int, of selection: EventSelection,
        ordinals: UnsafeMutablePointer<Int64>, times: UnsafeMutablePointer<Int64>? = nil
    ) throws(RecordingError) {
        let (product, tooFar) = Int64(first).multipliedReportingOverflow(by: boundaries.step)
        let (start, tooLate) = boundaries.first.addingReportingOverflow(product)
        var found = 0
        if !tooFar, !tooLate, count > 0 {
            // Before this segment all events are earlier.
            let reached = max(index.firstSegment(reaching: start), selection.firstSegment)
            var i = reached - selection.firstSegment
            var sink = BoundarySink(
                step: boundaries.step, end: count, ordinals: ordinals, times: times, next: start,
                ordinal: i < selection.before.count ? selection.before[i] : selection.count,
                placement: CellPlacement(
                    width: geometry.width, height: geometry.height, shift: 0, columns: geometry.width,
                    on: CellPlacement.onBit))
            if let filters { try find(&sink, i, of: selection, filters) }
            var buffer: ReadBuffer?
            while filters == nil, i + 1 < selection.before.count, sink.found < count {
                defer { i += 1 }
                let segment = index.segments[selection.firstSegment + i]
                guard selection.before[i + 1] > selection.before[i], segment.highest >= sink.next else {
                    sink.ordinal = selection.before[i + 1]
                    continue
                }
                let number = selection.firstSegment + i
                let piece = piece(number..<number + 1, isInside: segment.isInside(selection.times))
                if buffer == nil { buffer = try ReadBuffer(for: [piece]) }
                guard let buffer else { continue }
                if piece.isInside, Self.pays(sink, segment, bytes: piece.bytes.count),
                    KernelScan.scans(recording.format, recording.geometry)
                {
                    try scan(piece, buffer, for: &sink)
                } else {
                    try decode(piece, selection.times, buffer, into: &sink)
                }
            }
            found = sink.found
        }
        for i in found..<max(found, count) { ordinals[i] = selection.count }
    }

    /// As `find`, among what `filters` leave, from segment `i` of the selection on.
    private func find(
        _ boundaries: inout BoundarySink, _ i: Int, of selection: EventSelection, _ filters: AppliedFilters
    ) throws(RecordingError) {
        let before = selection.before
        guard i + 1 < before.count else { return }
        var reached = boundaries
        let output = { (batch: CellBatch) in reached.take(batch) }
        let all = selection.firstSegment..<selection.firstSegment + before.count - 1
        let buffer = try ReadBuffer()
        let isStateless = filters.chain.isStateless
        var sink =
            isStateless
            ? FilterSink(filters, to: filters.cells, needsTimes: true, output)
            : try warm(
                filters, all.lowerBound + i..<all.upperBound, selection, buffer, to: filters.cells, needsTimes: true,
                output)
        for number in all.lowerBound + i..<all.upperBound where reached.found < reached.end {
            let place = number - all.lowerBound
            let segment = index.segments[number]
            reached.ordinal = before[place]
            // What looks back must see all.
            if isStateless, before[place + 1] == before[place] || segment.highest < reached.next { continue }
            let isInside = !isStateless || segment.isInside(selection.times)
            try decode(piece(number..<number + 1, isInside: isInside), selection.times, buffer, into: &sink)
            sink.flush()
        }
        boundaries = reached
    }

    /// Bytes that are scanned at a time for a boundary: a thousand words take less time than the call costs ten times
    /// over, and are few to decode where it is.
    private static let stride = 2048

    /// Whether most of the segment's bytes reach no boundary.
    private static func pays(_ sink: BoundarySink, _ segment: Segment, bytes: Int) -> Bool {
        let (time, overflow) = segment.highest.subtractingReportingOverflow(sink.next)
        return !overflow && time / sink.step < Int64(bytes / stride / 2)
    }

    /// Looks for boundaries in a piece whose events all count: it is scanned, which is several times as fast as
    /// decoding, and decoded only where time reaches one.
    private func scan(_ piece: Piece, _ buffer: ReadBuffer, for sink: inout BoundarySink) throws(RecordingError) {
        let (format, geometry) = (recording.format, recording.geometry)
        var tally = NoTally()
        try stream(piece, buffer) { bytes, state in
            var position = 0
            while position < bytes.count, sink.found < sink.end {
                let part = UnsafeRawBufferPointer(
                    rebasing: bytes[position..<min(bytes.count, position + Self.stride)])
                let before = state
                var events = IndexSink()
                // A vector whose mask lies beyond is left for the next part.
                var used =
                    KernelScan.scan(part, format, geometry: geometry, state: &state, into: &events, tally: &tally) ?? 0
                if events.isTouched, events.highest >= sink.next {
                    state = before
                    used = format.decode(part, geometry: geometry, state: &state, into: &sink, tally: &tally)
                } else {
                    sink.ordinal &+= events.count
                }
                if used == 0 { break }
                position += used
            }
            return position
        }
    }
}
