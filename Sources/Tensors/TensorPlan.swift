// A tensor of one recording with all its numbers fixed, and how to compute its frames.

import Recordings

/// A specification applied to a recording (and a part of it, with max_duration).
public struct TensorPlan: Sendable {
    public let measure: TensorMeasure
    public let frameCount: Int
    /// With its scale as a power of two.
    public let spec: TensorSpec
    public let grid: FrameGrid
    public var channels: Int { measure.channels }
    /// What is stored: uint8 with `dtype=uint8`, else the preprocessing's own type.
    public var elementType: ElementType { measure.elementType }
    /// Bytes of one frame.
    public let frameBytes: Int
    /// us; the frames' time begins here: start_ts plus the parts before this one.
    public let startTime: Int64

    public var height: Int { grid.height }
    public var width: Int { grid.width }

    let events: PlannedEvents
    /// nil when frames are kept as they are.
    let counting: FrameCounting?

    /// How many files max_duration makes of a recording; see `TensorMeasure.partCount(_:_:)`.
    public static func partCount(_ spec: TensorSpec, _ totals: EventTotals) throws(TensorError) -> Int {
        try TensorMeasure.partCount(spec, totals)
    }

    /// - Parameters:
    ///   - part: which file, with max_duration; nil is the first.
    ///   - times: the list that windows are at, of a file or of triggers.
    ///   - known: where windows of a count and a period end, if that was found before.
    /// - Throws: `TensorError.notApplicable` when the geometry, the part or the size does not allow it, or the list is
    ///   missing; `RecordingError` when looking at the events fails.
    public init(
        spec: TensorSpec, geometry: Geometry, totals: EventTotals, source: EventSource, part: Int? = nil,
        times: WindowTimes? = nil, known: FoundCuts? = nil
    ) throws {
        measure = try TensorMeasure(spec: spec, geometry: geometry, totals: totals, part: part, times: times)
        self.spec = measure.spec
        grid = measure.grid
        frameBytes = measure.frameBytes
        startTime = measure.startTime
        let geometry = grid.geometry
        let source = source.through(measure.filters)
        let kind = try PlannedEvents.kind(measure, totals, source, times, known)
        events = PlannedEvents(source: source, kind: kind, geometry: geometry)
        switch kind {
        case .period: frameCount = measure.frameCount ?? 0
        case .count(let count, let stride, let selected):
            frameCount = Int(TensorMeasure.counts(count, stride, of: selected.count))
        case .listed(let frames): frameCount = frames.count
        case .cut(let cuts, _): frameCount = cuts.count
        }
        try measure.checkSize(frameCount)
        counting = FrameCounting(
            measure.spec.preprocessing, shift: measure.spec.preprocessingSpec.shift,
            storedAsUInt8: measure.spec.asUInt8)
    }

    /// Computes a frame and writes every byte of `frame`, which is `frameBytes` long.
    ///
    /// - Throws: `RecordingError` when events cannot be read; `TensorError.notApplicable` for a frame or a buffer that
    ///   is none, `.preprocessingFailed` when a preprocessing of the user's own fails.
    public func render(frame index: Int, into frame: UnsafeMutableRawBufferPointer) throws {
        try render(frame: index, into: frame, of: nil)
    }

    /// As above; the frame's events are among `gathered`, if there are any.
    func render(frame index: Int, into frame: UnsafeMutableRawBufferPointer, of gathered: GatheredEvents?) throws {
        guard (0..<frameCount).contains(index), frame.count == frameBytes, let base = frame.baseAddress else {
            throw TensorError(
                .notApplicable, "frame \(index) in \(frame.count) bytes: there are \(frameCount) of \(frameBytes) bytes"
            )
        }
        let preprocessing = spec.preprocessing
        let isTimed = preprocessing.usesTime
        let window =
            try gathered?.window(index, from: startTime, isTimed: isTimed)
            ?? events.window(index, from: startTime, isTimed: isTimed)
        do {
            if UInt(bitPattern: base) % 16 == 0 {
                try preprocessing.render(window, on: grid, storedAsUInt8: spec.asUInt8, into: frame)
            } else {
                let aligned = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 16)
                defer { aligned.deallocate() }
                try preprocessing.render(window, on: grid, storedAsUInt8: spec.asUInt8, into: aligned)
                frame.copyMemory(from: UnsafeRawBufferPointer(aligned))
            }
        } catch let error as TensorError {
            throw TensorError(error.code, "frame \(index): \(error.message)", cause: error.cause)
        }
    }

    /// The contents of `/last_timestamps`: the time of each frame's last event, us from the file's start (start_ts and
    /// earlier parts subtracted). Frames of a fixed period have none: empty.
    ///
    /// `generate_hdf5` sums up relative times here, restarting in every part, so they too count from the file's start.
    public func lastTimestamps(_ frames: Range<Int>) throws -> [Int64] {
        try checkFrames(frames)
        return try events.lastTimes(frames).map { $0 &- startTime }
    }

    /// The contents of `/starts`: when the window of each frame begins, us from the file's start as above. Windows of
    /// counted events run from their first event to their last.
    public func starts(_ frames: Range<Int>) throws -> [Int64] {
        try checkFrames(frames)
        return try events.starts(frames, from: startTime).map { $0 &- startTime }
    }

    /// The contents of `/ends`: when the window of each frame ends, as above.
    public func ends(_ frames: Range<Int>) throws -> [Int64] {
        try checkFrames(frames)
        return try events.ends(frames, from: startTime).map { $0 &- startTime }
    }

    private func checkFrames(_ frames: Range<Int>) throws(TensorError) {
        guard frames.lowerBound >= 0, frames.upperBound <= frameCount else {
            throw TensorError(.notApplicable, "there are \(frameCount) frames, not \(frames)")
        }
    }

    /// Where windows of a count and a period end, as the events told; nil for other windows.
    public var foundCuts: FoundCuts? {
        guard spec.windowSpec.maxPeriod != nil, case .cut(let cuts, _) = events.kind else { return nil }
        return FoundCuts(cuts)
    }
}

/// Where the windows of a plan end, which took a pass over the events.
public struct FoundCuts: Sendable {
    let cuts: EventCuts

    init(_ cuts: EventCuts) { self.cuts = cuts }

    /// The numbers of each frame's events.
    public var ranges: [Range<Int>] { (0..<cuts.count).map { Int(cuts.firsts[$0])..<Int(cuts.pasts[$0]) } }

    /// As they are kept: the number of the event after each frame, then the time at which it ends.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(cuts.count * 16)
        for number in cuts.pasts + cuts.ends { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        return bytes
    }

    /// What `bytes` gave; nil when it is nothing that it gives.
    init?(_ bytes: [UInt8], from start: Int64) {
        guard bytes.count % 16 == 0 else { return nil }
        let numbers = bytes.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { Int64(littleEndian: raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
        let count = numbers.count / 2
        cuts = EventCuts(pasts: Array(numbers[..<count]), ends: Array(numbers[count...]), from: start)
        guard zip(cuts.firsts, cuts.pasts).allSatisfy({ $0 <= $1 }) else { return nil }
    }
}

extension PlannedEvents {
    /// How the frames of `measure` are cut.
    fileprivate static func kind(
        _ measure: TensorMeasure, _ totals: EventTotals, _ source: EventSource, _ times: WindowTimes?,
        _ known: FoundCuts?
    ) throws -> Kind {
        let window = measure.spec.windowSpec
        func list() throws -> WindowTimes {
            if let times { return times }
            throw TensorError(.notApplicable, "the times of '\(window.text)' are not known here")
        }
        switch window.window {
        case .period where window.times != nil, .between: return .listed(ListedFrames(window, try list()))
        case .period(let period): return .period(period, stride: window.stride)
        case .parts(let count): return .listed(ListedFrames(parts: count, totals, from: measure.startTime))
        case .count(let count):
            let (sum, beyond) = measure.startTime.addingReportingOverflow(window.maxDuration ?? 0)
            let end = beyond || window.maxDuration == nil ? Int64.max : sum
            // Where time ran back to before the first TIME_HIGH, events before 0 count as well.
            let first = measure.startTime == 0 ? Int64.min : measure.startTime
            let events = try source.selection(of: first..<end)
            if window.times != nil {
                return .cut(try EventCuts(count, before: list().ends(from: window.startTime), of: events), events)
            }
            guard let maxPeriod = window.maxPeriod else { return .count(count, stride: window.stride, events) }
            let cuts = try known?.cuts ?? EventCuts(count, period: maxPeriod, from: measure.startTime, events)
            return .cut(cuts, events)
        }
    }
}
