// Where a plan's events come from.

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

    /// Above this many events, looking up single ones beats one pass over all: a bookmark of the time index covers
    /// about as many.
    static let manyEvents: Int64 = 1 << 16

    var count: Int64 {
        switch self {
        case .array(let events): Int64(events.count)
        case .recorded(_, let selection): selection.count
        }
    }

    /// The events `ordinals`, as far as there are any.
    func source(_ ordinals: Range<Int64>, _ geometry: Geometry) -> EventWindow.Source {
        switch self {
        case .array(let events):
            let inside = ordinals.clamped(to: Range(uncheckedBounds: (0, Int64(events.count))))
            return .array(events[Int(inside.lowerBound)..<Int(inside.upperBound)], geometry)
        case .recorded(let reader, let selection): return .numbered(reader, ordinals, selection)
        }
    }

    func forEach<S: EventSink>(_ ordinals: Range<Int64>, _ sink: inout S) throws(RecordingError) {
        switch self {
        case .array(let events):
            let inside = ordinals.clamped(to: Range(uncheckedBounds: (0, Int64(events.count))))
            for event in events[Int(inside.lowerBound)..<Int(inside.upperBound)] {
                sink.event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t)
            }
        case .recorded(let reader, let selection):
            try reader.events(numbered: ordinals, of: selection, into: &sink)
        }
    }

    /// The times of the events `ordinals`, us.
    ///
    /// - Parameter ordinals: rising, and of events that there are.
    func times(of ordinals: [Int64]) throws(RecordingError) -> [Int64] {
        guard let first = ordinals.first, let last = ordinals.last else { return [] }
        if (last &- first) / Int64(ordinals.count) < Self.manyEvents {
            var sink = TimesOfNumbered(ordinals, from: first)
            try forEach(first..<(last &+ 1), &sink)
            return sink.times
        }
        var times: [Int64] = []
        for ordinal in ordinals {
            var sink = TimesOfNumbered([ordinal], from: ordinal)
            try forEach(ordinal..<(ordinal &+ 1), &sink)
            times += sink.times
        }
        return times
    }

    /// For each of `times`, which rise: the number of the first event in file order that is later, or `count`.
    func numbers(after times: [Int64]) throws(RecordingError) -> [Int64] {
        var numbers = [Int64](repeating: count, count: times.count)
        if case .recorded(let reader, let selection) = self, times.count < reader.index.segmentCount {
            for (i, time) in times.enumerated() {
                let boundary = BoundaryTimes(first: time &+ 1, step: 1)
                try numbers.withUnsafeMutableBufferPointer { numbers throws(RecordingError) in
                    guard let base = numbers.baseAddress else { return }
                    try reader.find(boundary, from: 0, count: 1, of: selection, ordinals: base + i)
                }
            }
            return numbers
        }
        var sink = NumbersAfter(times)
        try forEach(0..<count, &sink)
        numbers.replaceSubrange(..<sink.numbers.count, with: sink.numbers)
        return numbers
    }
}

/// The times of numbered events among those that pass.
private struct TimesOfNumbered: EventSink {
    let ordinals: [Int64]
    var times: [Int64] = []
    private var next: Int64
    private var passed: Int64

    init(_ ordinals: [Int64], from first: Int64) {
        self.ordinals = ordinals
        next = ordinals.first ?? .max
        passed = first
        times.reserveCapacity(ordinals.count)
    }

    private mutating func note(_ t: Int64) {
        while times.count < ordinals.count, ordinals[times.count] < passed { times.append(t) }
        next = times.count < ordinals.count ? ordinals[times.count] : .max
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        passed &+= 1
        if next < passed { note(t) }
    }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        passed &+= Int64(mask.nonzeroBitCount)
        if next < passed { note(t) }
    }
}

/// The numbers of the first events that are later than rising times.
private struct NumbersAfter: EventSink {
    let times: [Int64]
    var numbers: [Int64] = []
    private var next: Int64
    private var passed: Int64 = 0

    init(_ times: [Int64]) {
        self.times = times
        next = times.first ?? .max
    }

    private mutating func reach(_ t: Int64) {
        while numbers.count < times.count, times[numbers.count] < t { numbers.append(passed) }
        next = numbers.count < times.count ? times[numbers.count] : .max
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if t > next { reach(t) }
        passed &+= 1
    }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        if t > next { reach(t) }
        passed &+= Int64(mask.nonzeroBitCount)
    }
}
