// When the events of a range of times begin and end.

/// The times of the first and the last event that pass, in file order.
public struct FirstAndLastTime: EventSink {
    public private(set) var first: Int64?
    public private(set) var last: Int64 = 0

    public init() {}

    @inline(__always)
    public mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if first == nil { first = t }
        last = t
    }

    @inline(__always)
    public mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        event(x: baseX, y: y, polarity: polarity, t: t)
    }
}

extension EventReader {
    /// The times of the first and the last event, in file order, of those in `times`; nil without one. Only the
    /// segments that they are in are decoded, and those beside them that might have held them.
    public func firstAndLastTime(in times: Range<Int64>) throws(RecordingError) -> (first: Int64, last: Int64)? {
        let segments = index.candidates(times)
        if let filters, !filters.chain.isStateless {
            var ends = FirstAndLastTime()
            try events(in: times, into: &ends)
            return ends.first.map { ($0, ends.last) }
        }
        guard let first = try firstEnds(of: segments, in: times),
            let last = try firstEnds(of: segments.reversed(), in: times)
        else { return nil }
        return (first.first, last.last)
    }

    /// A number in `selection` before which all events are earlier than `time`: that of the first event of a segment.
    public func first(reaching time: Int64, of selection: EventSelection) -> Int64 {
        let i = index.firstSegment(reaching: time) - selection.firstSegment
        return i < 0 ? 0 : i < selection.before.count ? selection.before[i] : selection.count
    }

    /// Those of the first of `segments` that has events in `times`.
    private func firstEnds(
        of segments: some Sequence<Int>, in times: Range<Int64>
    ) throws(RecordingError) -> (first: Int64, last: Int64)? {
        for i in segments where index.segments[i].meets(times) {
            let piece = piece(i..<i + 1, isInside: index.segments[i].isInside(times))
            guard let buffer = try ReadBuffer(for: [piece]) else { continue }
            var ends = FirstAndLastTime()
            if let filters {
                try passing(to: &ends, filters) { target, needsTimes, output throws(RecordingError) in
                    var sink = FilterSink(filters, to: target, needsTimes: needsTimes, output)
                    try decode(piece, times, buffer, into: &sink)
                    sink.flush()
                }
            } else {
                try decode(piece, times, buffer, into: &ends)
            }
            if let first = ends.first { return (first, ends.last) }
        }
        return nil
    }
}
