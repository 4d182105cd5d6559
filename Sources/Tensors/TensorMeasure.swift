// How many frames of what size a specification makes of a recording: arithmetic on totals, without a look at an event.

import Recordings

/// A specification applied to the totals of a recording (and a part of it, with max_duration).
public struct TensorMeasure: Sendable {
    /// With its scale as a power of two.
    public let spec: TensorSpec
    public let grid: FrameGrid
    /// What events go through first; nil when all stay as they are.
    public let filters: AppliedFilters?
    /// The size that filters leave, before frames are made smaller.
    let inputGeometry: Geometry
    public let channels: Int
    /// What is stored: uint8 with `dtype=uint8`, else the preprocessing's own type.
    public let elementType: ElementType
    /// Bytes of one frame.
    public let frameBytes: Int
    /// us; the frames' time begins here: start_ts plus the parts before this one.
    public let startTime: Int64
    /// nil where only the events tell: windows of n events that do not take all events of the recording, or not all
    /// that were there before filters, or end after some time as well, and windows at triggers.
    public let frameCount: Int?
    /// Names the lists that its windows are at and that its filters work by; nil for none.
    public let listDigest: UInt64?

    /// Whether frames are kept as they are, not as counts.
    public var keepsWholeFrames: Bool { counting == nil }
    /// How frames are counted; nil when they are kept as they are.
    var counting: FrameCounting? {
        guard spec.preprocessingSpec.picked == 0 else { return nil }
        return FrameCounting(spec.preprocessing, shift: spec.preprocessingSpec.shift, storedAsUInt8: spec.asUInt8)
    }
    /// The grid that frames are drawn on: `grid`, unless pixels of frames at full size are taken.
    var drawnGrid: FrameGrid {
        guard spec.preprocessingSpec.picked > 0 else { return grid }
        return FrameGrid(geometry: grid.geometry, shift: 0) ?? grid
    }
    public var height: Int { grid.height }
    public var width: Int { grid.width }

    /// The most parts that max_duration may make of a recording; more would only be a mistake that fills directories.
    public static let largestPartCount = 1_000_000

    /// How many files max_duration makes of a recording: as many as it takes to cover the frames (or, in mode n_events,
    /// the latest event); at least 1, and 1 without max_duration.
    ///
    /// - Throws: `.notApplicable` when there would be more than `largestPartCount`.
    public static func partCount(_ spec: TensorSpec, _ totals: EventTotals) throws(TensorError) -> Int {
        guard let maxDuration = spec.maxDuration, totals.count > 0 else { return 1 }
        switch spec.window {
        case .period(let period):
            let perPart = maxDuration / spec.stride
            return try checked(roundedUp(periods(period, spec, totals), perPart), maxDuration)
        case .count: return try partCount(of: maxDuration, from: spec.startTime, to: totals.highestTime)
        case .parts, .between: return 1
        }
    }

    /// How many parts of `maxDuration` us it takes from `start` to the event at `highest`; at least 1.
    ///
    /// - Throws: `.notApplicable` when there would be more than `largestPartCount`.
    package static func partCount(
        of maxDuration: Int64, from start: Int64, to highest: Int64
    ) throws(TensorError) -> Int {
        let (covered, overflow) = highest.subtractingReportingOverflow(start)
        return try checked(overflow || covered < 0 ? 1 : covered / maxDuration &+ 1, maxDuration)
    }

    private static func checked(_ parts: Int64, _ maxDuration: Int64) throws(TensorError) -> Int {
        guard (0...Int64(largestPartCount)).contains(parts) else {
            throw TensorError(
                .notApplicable,
                "max_duration=\(TimeText.text(maxDuration)) makes more than \(largestPartCount) files; make it longer"
            )
        }
        return max(1, Int(parts))
    }

    /// All frames of a recording whose parts are not split, until one reaches the last event.
    private static func periods(_ period: Int64, _ spec: TensorSpec, _ totals: EventTotals) -> Int64 {
        let last = totals.lastTime.subtractingReportingOverflow(spec.startTime)
        guard totals.count > 0, !last.overflow, last.partialValue > 0 else { return 0 }
        return 1 + roundedUp(max(0, last.partialValue - period), spec.stride)
    }

    /// Windows of `count` of the events.
    static func counts(_ count: Int64, _ stride: Int64, of events: Int64) -> Int64 {
        events < count ? 0 : (events - count) / stride + 1
    }

    /// Both positive or a = 0.
    private static func roundedUp(_ a: Int64, _ b: Int64) -> Int64 {
        a / b + (a % b == 0 ? 0 : 1)
    }

    /// - Parameters:
    ///   - part: which file, with max_duration; nil is the first.
    ///   - times: the list that windows are at, where that is a file.
    /// - Throws: `TensorError.notApplicable` when the geometry, the part or the size does not allow it, or the list is
    ///   missing.
    public init(
        spec: TensorSpec, geometry: Geometry, totals: EventTotals, part: Int? = nil, times: WindowTimes? = nil
    ) throws(TensorError) {
        let spec = try spec.resolved(for: geometry)
        let shift = spec.preprocessingSpec.shift
        let filters = try spec.preprocessingSpec.filters(for: geometry)
        let smaller = shift + spec.preprocessingSpec.picked
        guard let grid = FrameGrid(geometry: filters?.geometry ?? geometry, shift: smaller) else {
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
        case .period(let period) where spec.times == nil:
            var frames = Self.periods(period, spec, totals)
            if let maxDuration = spec.maxDuration {
                let perPart = maxDuration / spec.stride
                frames = max(0, min(perPart, frames - Int64(part) * perPart))
            }
            frameCount = Int(frames)
        case .count(let count) where spec.times == nil:
            let isKnown =
                start == 0 && spec.maxDuration == nil && spec.windowSpec.maxPeriod == nil && filters?.keepsAll != false
            frameCount = isKnown ? Int(Self.counts(count, spec.stride, of: totals.count)) : nil
        case .parts(let count): frameCount = totals.hasParts(from: start) ? count : 0
        case .period, .count, .between: frameCount = try spec.windowSpec.listedCount(times)
        }
        listDigest = Self.digest([spec.times?.isFile == true ? times?.digest : nil, filters?.chain.listDigest])
        self.spec = spec
        self.grid = grid
        self.filters = filters
        inputGeometry = spec.preprocessingSpec.filters.output(of: geometry) ?? geometry
        startTime = start
        channels = spec.preprocessing.channels
        elementType = spec.asUInt8 ? .uint8 : spec.preprocessing.elementType(shift: shift)
        frameBytes = channels * grid.cells * elementType.size
        if let frameCount { try checkSize(frameCount) }
    }

    /// One digest for those of several lists; nil for none.
    package static func digest(_ digests: [UInt64?]) -> UInt64? {
        let digests = digests.compactMap(\.self)
        return digests.dropFirst().reduce(digests.first) { ($0 ?? 0) &* 0x9E37_79B9_7F4A_7C15 ^ $1 }
    }

    /// A tenth of what a file offset can be: room for everything that comes after the frames.
    func checkSize(_ frameCount: Int) throws(TensorError) {
        guard !frameBytes.multipliedReportingOverflow(by: frameCount).overflow,
            frameBytes * frameCount < Int.max / 10
        else {
            throw TensorError(
                .notApplicable, "\(frameCount) frames of \(frameBytes) bytes are more than a file can hold")
        }
    }
}

extension WindowSpec {
    /// How many windows there are at `times`; nil for those of triggers, which only the recording's index has.
    fileprivate func listedCount(_ times: WindowTimes?) throws(TensorError) -> Int? {
        guard let origin = self.times, origin.isFile else { return nil }
        guard let times else {
            throw TensorError(.notApplicable, "the times of \(origin.text) are not known here")
        }
        if times.ends != nil, window != .between {
            throw TensorError(
                .notApplicable,
                "the list \(origin.text) has two columns, starts and ends: between= takes it, at= takes one column")
        }
        if case .count = window { return times.ends(from: startTime).count }
        return ListedFrames(self, times).count
    }
}
