// The events of one frame.

import Recordings

/// The events of one frame and how it is timed: frame time is `t - t0`, from 0 to `duration`.
public struct EventWindow: Sendable {
    /// Where the events come from. Concrete cases, so that `forEach` is compiled for decoder and sink together.
    @usableFromInline
    enum Source: Sendable {
        /// Events in memory; those that lie outside the geometry or have another polarity than 0 and 1 are dropped.
        case array(ArraySlice<Event>, Geometry)
        /// The events of a recording with t in a range, us.
        case times(EventReader, Range<Int64>)
        /// Events of a selection by number.
        case numbered(EventReader, Range<Int64>, EventSelection)
    }

    /// us.
    public let t0: Int64
    /// us; at least 1.
    public let duration: Int64
    /// us; of a window of counted events the time of the last one, which is before `t0` where time runs backwards.
    let end: Int64
    @usableFromInline
    let source: Source

    init(t0: Int64, duration: Int64, source: Source) {
        self.t0 = t0
        self.duration = max(1, duration)
        end = t0 &+ duration
        self.source = source
    }

    /// A window of exactly these events.
    public init(t0: Int64, duration: Int64, events: ArraySlice<Event>, geometry: Geometry) {
        self.init(t0: t0, duration: duration, source: .array(events, geometry))
    }

    /// Passes every event of the window to `sink`, in file order.
    ///
    /// - Throws: what reading the recording throws.
    @inlinable
    public func forEach<S: EventSink>(_ sink: inout S) throws(RecordingError) {
        switch source {
        case .array(let events, let geometry):
            var local = sink
            for event in events
            where Int(event.x) < geometry.width && Int(event.y) < geometry.height && event.polarity < 2 {
                local.event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t)
            }
            sink = local
        case .times(let reader, let times):
            try reader.events(in: times, into: &sink)
        case .numbered(let reader, let ordinals, let selection):
            try reader.events(numbered: ordinals, of: selection, into: &sink)
        }
    }

    /// Passes every event before the window's end that is at most `time` us older than it to `sink`, those before the
    /// window too, in file order; perhaps some older ones. Events in memory have none before.
    ///
    /// - Throws: what reading the recording throws.
    func forEach<S: EventSink>(lookingBack time: Int64, _ sink: inout S) throws(RecordingError) {
        let (earliest, overflow) = (t0 &+ duration).subtractingReportingOverflow(time)
        guard !overflow, earliest < t0 else { return try forEach(&sink) }
        switch source {
        case .array: try forEach(&sink)
        case .times(let reader, let times):
            try reader.events(in: earliest..<times.upperBound, into: &sink)
        case .numbered(let reader, let ordinals, let selection):
            // Those that the selection leaves out, such as all before start_ts, and then by number, as others of the
            // same us may be in the next window.
            if earliest < selection.times.lowerBound {
                try reader.events(in: earliest..<selection.times.lowerBound, into: &sink)
            }
            let first = min(reader.first(reaching: earliest, of: selection), ordinals.lowerBound)
            try reader.events(numbered: first..<ordinals.upperBound, of: selection, into: &sink)
        }
    }

    /// As above, but in slices, the window first, then further and further back, each longer than the one before: no
    /// event of a slice is later than one of the slices passed before it. What time runs backwards in may be one slice.
    ///
    /// - Parameter goesOn: asked after each slice whether older events matter.
    /// - Throws: what reading the recording throws.
    func forEachSlice<S: EventSink>(
        lookingBack time: Int64, _ sink: inout S, _ goesOn: (inout S) -> Bool
    ) throws(RecordingError) {
        let (earliest, overflow) = end.subtractingReportingOverflow(time)
        guard !overflow, earliest < t0 else { return try forEach(&sink) }
        switch source {
        case .array: try forEach(&sink)
        case .times(let reader, let times):
            try forEach(&sink)
            try Self.forEachSlice(reader, earliest..<max(earliest, times.lowerBound), duration, &sink, goesOn)
        case .numbered(let reader, let ordinals, let selection):
            guard reader.index.backwardSteps == 0 else {
                return try forEach(lookingBack: t0 &+ duration &- earliest, &sink)
            }
            try forEach(&sink)
            let first = min(reader.first(reaching: earliest, of: selection), ordinals.lowerBound)
            var (past, count) = (ordinals.lowerBound, max(1, ordinals.upperBound &- ordinals.lowerBound))
            while past > first {
                guard goesOn(&sink) else { return }
                let start = max(first, past &- count)
                try reader.events(numbered: start..<past, of: selection, into: &sink)
                (past, count) = (start, 2 &* count)
            }
            // Those that the selection leaves out, such as all before start_ts.
            let left = earliest..<max(earliest, selection.times.lowerBound)
            try Self.forEachSlice(reader, left, duration, &sink, goesOn)
        }
    }

    /// The events in `times` in slices, of which the latest is `length` us long.
    private static func forEachSlice<S: EventSink>(
        _ reader: EventReader, _ times: Range<Int64>, _ length: Int64, _ sink: inout S, _ goesOn: (inout S) -> Bool
    ) throws(RecordingError) {
        var (end, length) = (times.upperBound, length)
        while end > times.lowerBound {
            guard goesOn(&sink) else { return }
            let start = end &- times.lowerBound > length ? end &- length : times.lowerBound
            try reader.events(in: start..<end, into: &sink)
            (end, length) = (start, 2 &* length)
        }
    }

    /// The times of the first and the last event in file order, us; nil without events.
    ///
    /// - Throws: what reading the recording throws.
    func firstAndLastTime() throws(RecordingError) -> (first: Int64, last: Int64)? {
        if case .times(let reader, let times) = source { return try reader.firstAndLastTime(in: times) }
        var ends = FirstAndLastTime()
        try forEach(&ends)
        return ends.first.map { ($0, ends.last) }
    }
}
