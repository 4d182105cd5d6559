// The window of each of a plan's frames.

import Recordings

/// The events of a plan's frames.
struct PlannedEvents: Sendable {
    enum Kind: Sendable {
        /// us.
        case period(Int64, stride: Int64)
        /// Events of a frame, and those that frames are made of.
        case count(Int64, stride: Int64, SelectedEvents)
        case listed(ListedFrames)
        case cut(EventCuts, SelectedEvents)
    }

    let source: EventSource
    let kind: Kind
    let geometry: Geometry

    /// The frame's window, and the times of its events; nil where they are numbered.
    ///
    /// - Parameter start: where the first frame of a period begins, us.
    func span(_ index: Int, from start: Int64) -> (t0: Int64, duration: Int64, events: Range<Int64>)? {
        switch kind {
        case .period(let period, let stride):
            let t0 = start &+ Int64(index) &* stride
            return (t0, period, t0..<max(t0, t0 &+ period))
        case .listed(let frames):
            return (frames.starts[index], frames.ends[index] &- frames.starts[index], frames.times(index))
        case .count, .cut: return nil
        }
    }

    /// The numbers of the frame's events, and what they are numbers of; nil where they are known by their times.
    func numbers(_ index: Int) -> (ordinals: Range<Int64>, events: SelectedEvents)? {
        switch kind {
        case .count(let count, let stride, let events):
            let first = Int64(index) &* stride
            return (first..<first &+ count, events)
        case .cut(let cuts, let events): return (cuts.firsts[index]..<cuts.pasts[index], events)
        case .period, .listed: return nil
        }
    }

    /// - Parameter isTimed: whether `t0` and `duration` matter; of numbered events they cost a pass over the events.
    func window(_ index: Int, from start: Int64, isTimed: Bool) throws(RecordingError) -> EventWindow {
        if let span = span(index, from: start) {
            switch source {
            case .array(let events):
                return EventWindow(
                    t0: span.t0, duration: span.duration, events: events.filter { span.events.contains($0.t) }[...],
                    geometry: geometry)
            case .reader(let reader):
                return EventWindow(t0: span.t0, duration: span.duration, source: .times(reader, span.events))
            }
        }
        guard let (ordinals, events) = numbers(index) else {
            return EventWindow(t0: 0, duration: 1, source: .array([], geometry))
        }
        var t0: Int64 = 0
        var end: Int64 = 0
        if isTimed, case .count = kind {
            // Both at once.
            let times = try events.times(of: [ordinals.lowerBound, ordinals.upperBound &- 1])
            (t0, end) = (times.first ?? 0, times.last ?? 0)
        } else if isTimed {
            t0 = try starts(index..<index + 1, from: start).first ?? 0
            end = try ends(index..<index + 1, from: start).first ?? 0
        }
        return EventWindow(t0: t0, duration: end &- t0, source: events.source(ordinals, geometry))
    }

    /// When the window of each frame begins, us in the recording's time. A window of counted events begins with its
    /// first event, and ends with its last.
    func starts(_ frames: Range<Int>, from start: Int64) throws(RecordingError) -> [Int64] {
        switch kind {
        case .period, .listed: return frames.compactMap { span($0, from: start)?.t0 }
        case .count(_, let stride, let events): return try events.times(of: frames.map { Int64($0) &* stride })
        case .cut(let cuts, let events):
            if let starts = cuts.starts { return Array(starts[frames]) }
            // An empty one has no first event.
            let full = frames.filter { cuts.firsts[$0] < cuts.pasts[$0] }
            var starts = Array(cuts.ends[frames])
            for (frame, time) in zip(full, try events.times(of: full.map { cuts.firsts[$0] })) {
                starts[frame - frames.lowerBound] = time
            }
            return starts
        }
    }

    /// When the window of each frame ends, as above.
    func ends(_ frames: Range<Int>, from start: Int64) throws(RecordingError) -> [Int64] {
        switch kind {
        case .period, .listed: frames.compactMap { span($0, from: start).map { $0.t0 &+ $0.duration } }
        case .count: try lastTimes(frames)
        case .cut(let cuts, _): Array(cuts.ends[frames])
        }
    }

    /// The time of each frame's last event; empty where frames are not of so many events.
    func lastTimes(_ frames: Range<Int>) throws(RecordingError) -> [Int64] {
        guard case .count(let count, let stride, let events) = kind else { return [] }
        return try events.times(of: frames.map { Int64($0) &* stride &+ count &- 1 })
    }
}
