// Frames that are listed one by one: windows of time, or of events by number.

import Recordings

/// Windows of time, one for each frame: anywhere, with gaps or overlaps.
struct ListedFrames: Sendable {
    /// us, in the recording's time.
    private(set) var starts: [Int64] = []
    private(set) var ends: [Int64] = []
    let closed: WindowSpec.Closed

    var count: Int { starts.count }

    /// The times of the events of frame `i`.
    func times(_ i: Int) -> Range<Int64> {
        let start = closed == .right ? starts[i] &+ 1 : starts[i]
        let end = closed == .left ? ends[i] : ends[i] &+ 1
        return start..<max(start, end)
    }

    /// The windows of a specification at listed times; with a `start_ts` those that do not begin before it.
    init(_ spec: WindowSpec, _ times: WindowTimes) {
        closed = spec.closed
        let all = times.starts
        var pairs: [(start: Int64, end: Int64)]
        switch (spec.window, times.ends) {
        case (.period(let length), nil):
            let before: Int64 =
                switch spec.alignment {
                case .end: length
                case .center: length / 2
                case .start: 0
                }
            pairs = all.map { ($0 &- before, $0 &- before &+ length) }
        case (.between, nil): pairs = zip(all, all.dropFirst()).map { ($0, $1) }
        case (.between, let ends?): pairs = zip(all, ends).map { ($0, $1) }
        default: pairs = []
        }
        if spec.startTime != 0 { pairs.removeAll { $0.start < spec.startTime } }
        starts = pairs.map(\.start)
        ends = pairs.map(\.end)
    }

    /// `count` equal parts of the time from the first event, or `startTime` where that is later, to the last: as
    /// spikingjelly, parts of (last - first) / count us, rounded down, of which the last takes the rest and the last
    /// event.
    init(parts count: Int, _ totals: EventTotals, from startTime: Int64) {
        closed = .left
        guard totals.hasParts(from: startTime) else { return }
        let first = startTime == 0 ? totals.firstTime : max(startTime, totals.firstTime)
        let length = totals.lastTime.subtractingReportingOverflow(first).partialValue / Int64(count)
        starts = (0..<Int64(count)).map { first &+ $0 &* length }
        ends = starts.dropFirst() + [totals.lastTime &+ 1]
    }
}

extension EventTotals {
    /// Whether there is time that can be cut into parts.
    func hasParts(from startTime: Int64) -> Bool {
        let span = lastTime.subtractingReportingOverflow(firstTime)
        return count > 0 && lastTime < .max && lastTime >= firstTime && !span.overflow
            && (startTime == 0 || lastTime >= startTime)
    }
}

extension WindowTimes {
    /// Times of a specification whose windows end at them, from `start_ts` on.
    func ends(from startTime: Int64) -> [Int64] {
        startTime == 0 ? starts : starts.filter { $0 >= startTime }
    }
}

/// Windows of numbered events, one for each frame.
struct EventCuts: Sendable {
    /// The number of each frame's first event, and of the one after its last.
    var firsts: [Int64] = []
    var pasts: [Int64] = []
    /// us; nil where a frame begins with its first event.
    var starts: [Int64]?
    var ends: [Int64] = []

    var count: Int { firsts.count }

    /// The last `count` events up to each of `times`, fewer at the beginning. Events after the first that is later, in
    /// file order, do not count.
    init(_ count: Int64, before times: [Int64], of events: SelectedEvents) throws(RecordingError) {
        pasts = try events.numbers(after: times)
        firsts = pasts.map { max(0, $0 - count) }
        ends = times
    }

    /// Windows of `count` events, or of `period` us where fewer events pass meanwhile.
    ///
    /// As Metavision's `mixed` mode: after a cut by count the next limit is the last event's time + period, and events
    /// of that same us go on to the next window; after a cut by time it is the old limit + period. Time goes first
    /// where both hold. What is left at the end is no window.
    ///
    /// - Throws: `TensorError.notApplicable` for more windows than a list may have.
    init(_ count: Int64, period: Int64, from start: Int64, _ events: SelectedEvents) throws {
        var sink = MixedCuts(count: count, period: period, start: start)
        try events.forEach(0..<events.count, &sink)
        guard !sink.isFull else {
            throw TensorError(
                .notApplicable,
                "max_period=\(TimeText.text(period)) makes more than \(WindowTimes.largestCount) frames; make it longer"
            )
        }
        self.init(pasts: sink.pasts, ends: sink.ends, from: start)
    }

    /// Frames that follow each other.
    init(pasts: [Int64], ends: [Int64], from start: Int64) {
        firsts = pasts.isEmpty ? [] : [0] + pasts.dropLast()
        self.pasts = pasts
        starts = ends.isEmpty ? [] : [start] + ends.dropLast()
        self.ends = ends
    }
}

/// Finds where windows of a count or a period end.
private struct MixedCuts: EventSink {
    let count: Int64
    let period: Int64
    /// The numbers of the events after the windows, and the times at which they end.
    var pasts: [Int64] = []
    var ends: [Int64] = []
    var isFull = false
    /// The window's first event, the next event, and when the window ends at the latest.
    private var first: Int64 = 0
    private var number: Int64 = 0
    private var limit: Int64

    init(count: Int64, period: Int64, start: Int64) {
        self.count = count
        self.period = period
        limit = start &+ period
    }

    private mutating func cut(_ past: Int64, _ end: Int64) {
        guard pasts.count < WindowTimes.largestCount else {
            isFull = true
            return
        }
        pasts.append(past)
        ends.append(end)
        first = past
    }

    private mutating func reach(_ t: Int64) {
        while t >= limit, !isFull {
            cut(number, limit)
            let (next, overflow) = limit.addingReportingOverflow(period)
            limit = overflow ? .max : next
            if overflow { return }
        }
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if t >= limit { reach(t) }
        number &+= 1
        guard number &- first == count else { return }
        cut(number, t)
        limit = t &+ period
    }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        for _ in 0..<mask.nonzeroBitCount { event(x: baseX, y: y, polarity: polarity, t: t) }
    }
}
