// A tensor of one recording with all its numbers fixed: how many frames of what size, and how to compute one.

import Recordings

/// A specification applied to a recording (and a part of it, with max_duration).
public struct TensorPlan: Sendable {
    /// With its scale as a power of two.
    public let spec: TensorSpec
    public let grid: FrameGrid
    public let frameCount: Int
    public let channels: Int
    /// What is stored: uint8 with `dtype=uint8`, else the preprocessing's own type.
    public let elementType: ElementType
    /// Bytes of one frame.
    public let frameBytes: Int
    /// us; the frames' time begins here: start_ts plus the parts before this one.
    public let startTime: Int64

    public var height: Int { grid.height }
    public var width: Int { grid.width }

    let events: PlannedEvents
    /// nil when frames are kept as they are.
    let counting: FrameCounting?

    /// The most parts that max_duration may make of a recording; more would only be a mistake that fills directories.
    public static let largestPartCount = 1_000_000

    /// How many files max_duration makes of a recording: as many as it takes to cover the frames (or, in mode n_events,
    /// the latest event); at least 1, and 1 without max_duration.
    ///
    /// - Throws: `.notApplicable` when there would be more than `largestPartCount`.
    public static func partCount(_ spec: TensorSpec, _ totals: EventTotals) throws(TensorError) -> Int {
        guard let maxDuration = spec.maxDuration, totals.count > 0 else { return 1 }
        let parts: Int64
        switch spec.window {
        case .period(let period):
            let perPart = maxDuration / period
            parts = roundedUp(periods(period, spec, totals), perPart)
        case .count:
            let covered = totals.highestTime.subtractingReportingOverflow(spec.startTime)
            // Nothing overflows after the limit is met, so it is applied here already.
            let whole = covered.overflow || covered.partialValue < 0 ? 0 : covered.partialValue / maxDuration
            parts = min(whole, Int64(largestPartCount)) + 1
        }
        guard parts <= largestPartCount else {
            throw TensorError(
                .notApplicable,
                "max_duration=\(TimeText.text(maxDuration)) makes more than \(largestPartCount) files; make it longer"
            )
        }
        return max(1, Int(parts))
    }

    /// All frames of a recording whose parts are not split, period by period.
    private static func periods(_ period: Int64, _ spec: TensorSpec, _ totals: EventTotals) -> Int64 {
        let last = totals.lastTime.subtractingReportingOverflow(spec.startTime)
        guard totals.count > 0, !last.overflow, last.partialValue > 0 else { return 0 }
        return roundedUp(last.partialValue, period)
    }

    /// Both positive or a = 0.
    private static func roundedUp(_ a: Int64, _ b: Int64) -> Int64 {
        a / b + (a % b == 0 ? 0 : 1)
    }

    /// - Parameter part: which file, with max_duration; nil is the first.
    /// - Throws: `TensorError.notApplicable` when the geometry, the part or the size does not allow it;
    ///   `RecordingError` when counting the events of a part fails.
    public init(
        spec: TensorSpec, geometry: Geometry, totals: EventTotals, source: EventSource, part: Int? = nil
    ) throws {
        let spec = try spec.resolved(for: geometry)
        let shift = spec.preprocessingSpec.shift
        guard let grid = FrameGrid(geometry: geometry, shift: shift) else {
            throw TensorError(.notApplicable, "\(geometry) is no geometry to make frames of")
        }
        let parts = try Self.partCount(spec, totals)
        let part = part ?? 0
        guard (0..<parts).contains(part) else {
            throw TensorError(.notApplicable, "there is no part \(part); there are \(parts)")
        }
        let (skipped, tooFar) = Int64(part).multipliedReportingOverflow(by: spec.maxDuration ?? 0)
        let (start, tooLate) = spec.startTime.addingReportingOverflow(skipped)
        guard !tooFar, !tooLate else { throw TensorError(.notApplicable, "part \(part) begins too late") }
        switch spec.window {
        case .period(let period):
            var frames = Self.periods(period, spec, totals)
            if let maxDuration = spec.maxDuration {
                let perPart = maxDuration / period
                frames = max(0, min(perPart, frames - Int64(part) * perPart))
            }
            frameCount = Int(frames)
            events = PlannedEvents(source: source, kind: .period(period), geometry: geometry)
        case .count(let count):
            let (sum, beyond) = start.addingReportingOverflow(spec.maxDuration ?? 0)
            let end = beyond || spec.maxDuration == nil ? Int64.max : sum
            // Where time ran back to before the first TIME_HIGH, events before 0 count as well.
            let first = start == 0 ? Int64.min : start
            let selection = try source.selection(of: first..<end)
            frameCount = Int(selection.count / count)
            events = PlannedEvents(source: source, kind: .count(count, selection), geometry: geometry)
        }
        self.spec = spec
        self.grid = grid
        startTime = start
        channels = spec.preprocessing.channels
        elementType = spec.asUInt8 ? .uint8 : spec.preprocessing.elementType(shift: shift)
        frameBytes = channels * grid.cells * elementType.size
        counting = FrameCounting(spec.preprocessing, shift: shift, storedAsUInt8: spec.asUInt8)
        // A tenth of what a file offset can be: room for everything that comes after the frames.
        guard !frameBytes.multipliedReportingOverflow(by: frameCount).overflow,
            frameBytes * frameCount < Int.max / 10
        else {
            throw TensorError(
                .notApplicable, "\(frameCount) frames of \(frameBytes) bytes are more than a file can hold")
        }
    }

    /// Computes a frame and writes every byte of `frame`, which is `frameBytes` long.
    ///
    /// - Throws: `RecordingError` when events cannot be read; `TensorError.notApplicable` for a frame or a buffer that
    ///   is none, `.preprocessingFailed` when a preprocessing of the user's own fails.
    public func render(frame index: Int, into frame: UnsafeMutableRawBufferPointer) throws {
        guard (0..<frameCount).contains(index), frame.count == frameBytes, let base = frame.baseAddress else {
            throw TensorError(
                .notApplicable, "frame \(index) in \(frame.count) bytes: there are \(frameCount) of \(frameBytes) bytes"
            )
        }
        let preprocessing = spec.preprocessing
        let window = try events.window(index, from: startTime, isTimed: preprocessing.usesTime)
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
