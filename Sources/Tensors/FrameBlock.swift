// Small frames are kept together: a page, an entry of every table and a decoding of its events for each of many frames
// of 8 bytes would cost five hundred times what they hold.

import Recordings

/// Frames in a row that are kept as one.
public struct FrameBlocks: Sendable, Hashable {
    /// Frames of a block; the last one may have fewer.
    public let length: Int
    /// Bytes of a frame as it is kept.
    let keptBytes: Int
    let frameCount: Int

    /// Frames of half of these bytes and fewer are kept together, as many as these bytes hold.
    static let bytes = 4096

    init(keptBytes: Int, frameCount: Int) {
        self.keptBytes = keptBytes
        self.frameCount = frameCount
        length = max(1, FrameBlocks.bytes / max(1, keptBytes))
    }

    /// How many blocks there are.
    public var count: Int { frameCount / length + (frameCount % length == 0 ? 0 : 1) }

    /// Bytes of a block as it is kept; in the last one those without a frame are 0.
    public var byteCount: Int { length * keptBytes }

    /// The frames of a block that there is.
    public func frames(of block: Int) -> Range<Int> { block * length..<min(frameCount, (block + 1) * length) }
}

extension TensorMeasure {
    /// Frames of a block, as they are kept.
    public var blockLength: Int {
        FrameBlocks(keptBytes: keepsWholeFrames ? frameBytes : frameBytes / 4, frameCount: frameCount ?? 0).length
    }
}

extension TensorPlan {
    /// Bytes that computing a block takes besides it: the kernel's, the recording's bytes as they are read, and
    /// gathered events.
    public var scratchBytes: Int {
        let kernel = spec.preprocessing.scratchBytes(on: grid, storedAsUInt8: spec.asUInt8)
        return kernel + (measure.filters?.scratchBytes ?? 0) + (1 << 19)
            + (blocks.length > 1 ? Int(PlannedEvents.mostGathered) * 40 : 0)
    }

    /// How frames are kept together.
    public var blocks: FrameBlocks { FrameBlocks(keptBytes: keptBytes, frameCount: frameCount) }

    /// Computes the frames of a block as they are kept and writes every byte of `kept`, which is `blocks.byteCount`
    /// long.
    ///
    /// - Throws: as `render(frame:into:)`.
    public func renderKept(block: Int, into kept: UnsafeMutableRawBufferPointer) throws {
        let blocks = blocks
        guard (0..<blocks.count).contains(block), kept.count == blocks.byteCount else {
            throw TensorError(
                .notApplicable,
                "block \(block) in \(kept.count) bytes: there are \(blocks.count) of \(blocks.byteCount) bytes")
        }
        guard blocks.length > 1 else { return try renderKept(frame: block, into: kept) }
        let frames = blocks.frames(of: block)
        // Gathered are the events of the frames, not those before them.
        let gathered = spec.preprocessing.lookBack == 0 ? try events.gathered(frames, from: startTime) : nil
        var rest = UnsafeMutableRawBufferPointer(rebasing: kept[...])
        for frame in frames {
            let memory = UnsafeMutableRawBufferPointer(rebasing: rest[..<keptBytes])
            try renderKept(frame: frame, into: memory, of: gathered)
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[keptBytes...])
        }
        rest.initializeMemory(as: UInt8.self, repeating: 0)
    }
}

/// The events of a few frames in a row, decoded once for all of them.
struct GatheredEvents {
    enum Kind {
        /// Those of each frame, in file order. Frames that overlap share some.
        case slices([ArraySlice<Event>])
        /// Those of frames that overlap, where time runs backwards: each frame has those with a time in its range.
        case backwards([Event], [Range<Int64>])
    }

    let planned: PlannedEvents
    let kind: Kind
    /// The first of the frames.
    let first: Int

    /// As `PlannedEvents.window`.
    func window(_ index: Int, from start: Int64, isTimed: Bool) throws(RecordingError) -> EventWindow {
        let events: ArraySlice<Event>
        switch kind {
        case .slices(let slices): events = slices[index - first]
        case .backwards(let all, let ranges):
            let range = ranges[index - first]
            events = all.filter { range.contains($0.t) }[...]
        }
        var (t0, duration): (Int64, Int64) = (0, 0)
        if let span = planned.span(index, from: start) {
            (t0, duration) = (span.t0, span.duration)
        } else if isTimed, case .count = planned.kind {
            t0 = events.first?.t ?? 0
            duration = (events.last?.t ?? 0) &- t0
        } else if isTimed {
            t0 = try planned.starts(index..<index + 1, from: start).first ?? 0
            duration = (try planned.ends(index..<index + 1, from: start).first ?? 0) &- t0
        }
        return EventWindow(t0: t0, duration: duration, events: events, geometry: planned.geometry)
    }
}

extension PlannedEvents {
    /// More than these are not kept in memory: then decoding them for each frame costs little beside them.
    fileprivate static let mostGathered: Int64 = 1 << 15

    /// The events of `frames`; nil when there may be too many, or they are in memory already.
    func gathered(_ frames: Range<Int>, from start: Int64) throws(RecordingError) -> GatheredEvents? {
        guard case .reader(let reader) = source, !frames.isEmpty else { return nil }
        let gathered: GatheredEvents.Kind?
        switch kind {
        case .period, .listed:
            gathered = try timed(frames.compactMap { span($0, from: start)?.events }, reader)
        case .count(_, _, let events), .cut(_, let events):
            gathered = try numbered(frames.compactMap { numbers($0)?.ordinals }, events)
        }
        return gathered.map { GatheredEvents(planned: self, kind: $0, first: frames.lowerBound) }
    }

    /// The events of ranges of times.
    private func timed(
        _ ranges: [Range<Int64>], _ reader: EventReader
    ) throws(RecordingError) -> GatheredEvents.Kind? {
        let all = Self.union(ranges)
        // Segments of a dense recording have more than that, of which the frames may have a few: counting decodes the
        // segments once, where each frame would.
        if reader.mostEvents(in: all) > Self.mostGathered {
            guard try reader.selection(of: all).count <= Self.mostGathered else { return nil }
        }
        var collector = EventCollector()
        try reader.events(in: all, into: &collector)
        let events = collector.events
        let isSorted = zip(events, events.dropFirst()).allSatisfy { $0.t <= $1.t }
        guard isSorted else {
            let isApart = zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
            return isApart ? .slices(Self.distributed(events, ranges)) : .backwards(events, ranges)
        }
        return .slices(
            ranges.map { range in
                let first = Self.firstIndex(events.count) { events[$0].t >= range.lowerBound }
                let past = Self.firstIndex(events.count) { events[$0].t >= range.upperBound }
                return events[first..<max(first, past)]
            })
    }

    /// The events of ranges that do not overlap, in the order in which they are.
    private static func distributed(_ events: [Event], _ ranges: [Range<Int64>]) -> [ArraySlice<Event>] {
        var bounds = [Int](repeating: 0, count: ranges.count + 1)
        let places = events.map { event in
            let past = firstIndex(ranges.count) { ranges[$0].lowerBound > event.t }
            return past > 0 && ranges[past - 1].contains(event.t) ? past - 1 : -1
        }
        for place in places where place >= 0 { bounds[place + 1] += 1 }
        for i in 1..<bounds.count { bounds[i] += bounds[i - 1] }
        var next = bounds
        var sorted = events
        for (event, place) in zip(events, places) where place >= 0 {
            sorted[next[place]] = event
            next[place] += 1
        }
        return ranges.indices.map { sorted[bounds[$0]..<bounds[$0 + 1]] }
    }

    /// The first of 0..<count for which `holds` is true, count if none; it must stay true after that.
    private static func firstIndex(_ count: Int, where holds: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The events of ranges of numbers.
    private func numbered(
        _ ranges: [Range<Int64>], _ events: SelectedEvents
    ) throws(RecordingError) -> GatheredEvents.Kind? {
        let all = Self.union(ranges)
        guard all.upperBound &- all.lowerBound <= Self.mostGathered else { return nil }
        var collector = EventCollector()
        try events.forEach(all, &collector)
        let gathered = collector.events
        return .slices(
            ranges.map { range in
                let inside = (range.lowerBound - all.lowerBound..<range.upperBound - all.lowerBound)
                    .clamped(to: 0..<Int64(gathered.count))
                return gathered[Int(inside.lowerBound)..<Int(inside.upperBound)]
            })
    }

    /// From the begin of the first range that has anything to the end of the last.
    private static func union(_ ranges: [Range<Int64>]) -> Range<Int64> {
        let full = ranges.filter { !$0.isEmpty }
        guard let first = full.map(\.lowerBound).min(), let last = full.map(\.upperBound).max() else { return 0..<0 }
        return first..<last
    }
}
