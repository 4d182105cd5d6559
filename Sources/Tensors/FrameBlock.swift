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
        let gathered = try events.gathered(frames, from: startTime)
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
        /// The events of each frame, from its place in `bounds` up to the next.
        case period(Int64, bounds: [Int], start: Int64)
        case count(PlannedEvents)
    }

    let kind: Kind
    let events: [Event]
    let geometry: Geometry
    /// The first of the frames.
    let first: Int

    /// As `PlannedEvents.window`.
    func window(_ index: Int, from start: Int64, isTimed: Bool) throws(RecordingError) -> EventWindow {
        switch kind {
        case .period(let period, let bounds, let begin):
            let place = index - first
            return EventWindow(
                t0: begin &+ Int64(index) &* period, duration: period,
                events: events[bounds[place]..<bounds[place + 1]], geometry: geometry)
        case .count(let planned): return try planned.window(index - first, from: start, isTimed: isTimed)
        }
    }
}

extension PlannedEvents {
    /// More than these are not kept in memory: then decoding them for each frame costs little beside them.
    fileprivate static let mostGathered: Int64 = 1 << 15

    /// The events of `frames`; nil when there may be too many, or they are in memory already.
    func gathered(_ frames: Range<Int>, from start: Int64) throws(RecordingError) -> GatheredEvents? {
        guard case .reader(let reader) = source, let last = frames.last else { return nil }
        var collector = EventCollector()
        switch kind {
        case .period(let period):
            let t0 = start &+ Int64(frames.lowerBound) &* period
            let times = t0..<max(t0, start &+ Int64(last) &* period &+ period)
            // Segments of a dense recording have more than that, of which the frames may have a few: counting decodes
            // the segments once, where each frame would.
            if reader.mostEvents(in: times) > Self.mostGathered {
                guard try reader.selection(of: times).count <= Self.mostGathered else { return nil }
            }
            try reader.events(in: times, into: &collector)
            // By frame, and in file order within each, as a look for each frame's times would find them.
            var bounds = [Int](repeating: 0, count: frames.count + 1)
            let places = collector.events.map { event in
                min(frames.count - 1, max(0, Int(truncatingIfNeeded: (event.t &- t0) / period)))
            }
            for place in places { bounds[place + 1] += 1 }
            for i in 1..<bounds.count { bounds[i] += bounds[i - 1] }
            var next = bounds
            var sorted = collector.events
            for (event, place) in zip(collector.events, places) {
                sorted[next[place]] = event
                next[place] += 1
            }
            return GatheredEvents(
                kind: .period(period, bounds: bounds, start: start), events: sorted, geometry: geometry,
                first: frames.lowerBound)
        case .count(let count, let selection):
            guard case .recorded(let reader, let recorded) = selection,
                !count.multipliedReportingOverflow(by: Int64(frames.count)).overflow,
                count * Int64(frames.count) <= Self.mostGathered
            else { return nil }
            let ordinals = Int64(frames.lowerBound) &* count..<(Int64(last) &+ 1) &* count
            try reader.events(numbered: ordinals, of: recorded, into: &collector)
            let events = PlannedEvents(
                source: .array([]), kind: .count(count, .array(collector.events)), geometry: geometry)
            return GatheredEvents(
                kind: .count(events), events: [], geometry: geometry, first: frames.lowerBound)
        }
    }
}
