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

    /// - Parameter part: which file, with max_duration; nil is the first.
    /// - Throws: `TensorError.notApplicable` when the geometry, the part or the size does not allow it;
    ///   `RecordingError` when counting the events of a part fails.
    public init(
        spec: TensorSpec, geometry: Geometry, totals: EventTotals, source: EventSource, part: Int? = nil
    ) throws {
        measure = try TensorMeasure(spec: spec, geometry: geometry, totals: totals, part: part)
        self.spec = measure.spec
        grid = measure.grid
        frameBytes = measure.frameBytes
        startTime = measure.startTime
        let geometry = grid.geometry
        let source = source.through(measure.filters)
        switch spec.window {
        case .period(let period):
            frameCount = measure.frameCount ?? 0
            events = PlannedEvents(source: source, kind: .period(period), geometry: geometry)
        case .count(let count):
            let (sum, beyond) = startTime.addingReportingOverflow(spec.maxDuration ?? 0)
            let end = beyond || spec.maxDuration == nil ? Int64.max : sum
            // Where time ran back to before the first TIME_HIGH, events before 0 count as well.
            let first = startTime == 0 ? Int64.min : startTime
            let selection = try source.selection(of: first..<end)
            frameCount = Int(selection.count / count)
            events = PlannedEvents(source: source, kind: .count(count, selection), geometry: geometry)
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
        guard frames.lowerBound >= 0, frames.upperBound <= frameCount else {
            throw TensorError(.notApplicable, "there are \(frameCount) frames, not \(frames)")
        }
        return try events.lastTimes(frames).map { $0 &- startTime }
    }
}
