// Where a plan's events come from, and the window of each of its frames.

import Recordings

/// A recording's events.
public enum EventSource: Sendable {
    /// Events in memory, in file order.
    case array([Event])
    /// A recording's, up to where its index goes.
    case reader(EventReader)

    /// What `filters` leave of them.
    func through(_ filters: AppliedFilters?) -> EventSource {
        guard let filters else { return self }
        switch self {
        case .array(let events): return .array(filters.left(of: events))
        case .reader(let reader): return .reader(reader.through(filters))
        }
    }

    /// The events with t in `times`, numbered in file order.
    func selection(of times: Range<Int64>) throws(RecordingError) -> SelectedEvents {
        switch self {
        case .array(let events): .array(events.filter { times.contains($0.t) })
        case .reader(let reader): .recorded(reader, try reader.selection(of: times))
        }
    }
}

/// Events that can be addressed by number.
enum SelectedEvents: Sendable {
    case array([Event])
    case recorded(EventReader, EventSelection)

    var count: Int64 {
        switch self {
        case .array(let events): Int64(events.count)
        case .recorded(_, let selection): selection.count
        }
    }
}

/// The events of a plan's frames.
struct PlannedEvents: Sendable {
    enum Kind: Sendable {
        /// us.
        case period(Int64)
        /// Events of a frame, and those that frames are made of.
        case count(Int64, SelectedEvents)
    }

    let source: EventSource
    let kind: Kind
    let geometry: Geometry

    /// Above this many events in a frame, looking up single last events beats one pass over all: a bookmark of the time
    /// index covers about as many.
    private static let manyEvents: Int64 = 1 << 16

    /// - Parameter isTimed: whether `t0` and `duration` matter; in mode n_events they cost a pass over the events.
    func window(_ index: Int, from start: Int64, isTimed: Bool) throws(RecordingError) -> EventWindow {
        switch kind {
        case .period(let period):
            let t0 = start &+ Int64(index) &* period
            let times = t0..<max(t0, t0 &+ period)
            switch source {
            case .array(let events):
                return EventWindow(
                    t0: t0, duration: period, events: events.filter { times.contains($0.t) }[...], geometry: geometry)
            case .reader(let reader):
                return EventWindow(t0: t0, duration: period, source: .times(reader, times))
            }
        case .count(let count, _):
            let first = Int64(index) &* count
            let end = first &+ count
            var times = FirstAndLastTime()
            if isTimed, count < Self.manyEvents {
                try numbered(first..<end).forEach(&times)
            } else if isTimed {
                try numbered(first..<(first &+ 1)).forEach(&times)
                try numbered((end &- 1)..<end).forEach(&times)
            }
            let untimed = numbered(first..<end)
            return EventWindow(t0: times.first ?? 0, duration: times.last &- (times.first ?? 0), source: untimed.source)
        }
    }

    func lastTimes(_ frames: Range<Int>) throws(RecordingError) -> [Int64] {
        guard case .count(let count, _) = kind, !frames.isEmpty else { return [] }
        if count < Self.manyEvents {
            var sink = EveryNthTime(n: count)
            try numbered((Int64(frames.lowerBound) &* count)..<(Int64(frames.upperBound) &* count)).forEach(&sink)
            return sink.times
        }
        var times: [Int64] = []
        for frame in frames {
            var sink = FirstAndLastTime()
            let last = Int64(frame + 1) &* count &- 1
            try numbered(last..<(last &+ 1)).forEach(&sink)
            times.append(sink.last)
        }
        return times
    }

    /// The events `ordinals` of the selection, untimed.
    private func numbered(_ ordinals: Range<Int64>) -> EventWindow {
        guard case .count(_, let selection) = kind else {
            return EventWindow(t0: 0, duration: 1, source: .array([], geometry))
        }
        switch selection {
        case .array(let events):
            let all = Range(uncheckedBounds: (0, Int64(events.count)))
            let inside = ordinals.clamped(to: all)
            return EventWindow(
                t0: 0, duration: 1, events: events[Int(inside.lowerBound)..<Int(inside.upperBound)], geometry: geometry)
        case .recorded(let reader, let selection):
            return EventWindow(t0: 0, duration: 1, source: .numbered(reader, ordinals, selection))
        }
    }
}

/// The times of events n, 2n, 3n ... that pass.
private struct EveryNthTime: EventSink {
    let n: Int64
    var passed: Int64 = 0
    var times: [Int64] = []

    init(n: Int64) { self.n = n }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        passed &+= 1
        if passed == n {
            times.append(t)
            passed = 0
        }
    }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        passed &+= Int64(mask.nonzeroBitCount)
        while passed >= n {
            times.append(t)
            passed &-= n
        }
    }
}
