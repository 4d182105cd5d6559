// How many events and index entries a file holds: arithmetic on totals, without a look at an event.

import Recordings
import Tensors

/// What the lengths of an event file's datasets follow from.
public struct EventsCounts: Hashable, Sendable {
    public let events: Int64
    /// The latest event's time, us; 0 without events.
    public let highestTime: Int64
    public let triggers: Int64
    /// The latest trigger's time, us; 0 without triggers, and where it does not matter.
    public let highestTriggerTime: Int64

    public init(events: Int64, highestTime: Int64, triggers: Int64, highestTriggerTime: Int64) {
        self.events = events
        self.highestTime = highestTime
        self.triggers = triggers
        self.highestTriggerTime = highestTriggerTime
    }
}

/// How an index of times is laid out: an entry for each of some equidistant times.
struct IndexShape: Hashable, Sendable {
    /// Those times, from 0 on.
    let step: Int64
    /// How many of them there are.
    let boundaries: Int
    /// Entries before and after theirs.
    let before: Int
    let after: Int

    var count: Int { before + boundaries + after }

    /// An entry for each ms up to the one that begins after `highest`, so that the last partial ms has an end.
    static func milliseconds(to highest: Int64) -> IndexShape {
        IndexShape(step: 1000, boundaries: Int(max(0, highest) / 1000) + 2, before: 0, after: 0)
    }

    /// Prophesee's: (0, -1), an entry for each 2 ms up to `highest`, and one for the end; none without elements.
    static func prophesee(_ count: Int64, to highest: Int64) -> IndexShape {
        guard count > 0 else { return IndexShape(step: 2000, boundaries: 0, before: 0, after: 0) }
        return IndexShape(step: 2000, boundaries: Int(max(0, highest) / 2000) + 1, before: 1, after: 1)
    }
}

/// A specification applied to the totals of a recording (and a part of it, with max_duration).
public struct EventsMeasure: Sendable {
    public let spec: EventsSpec
    /// The size that events have, after filters.
    public let geometry: Geometry
    /// What events go through first; nil when all stay as they are.
    public let filters: AppliedFilters?
    /// Names the list that the filters work by; nil without one.
    public var listDigest: UInt64? { filters?.chain.listDigest }
    /// Only events with these times are in the file, us; all when it is the whole recording.
    public let times: Range<Int64>
    /// nil where only the events and triggers tell: a part of a recording, an index of triggers, or filters.
    public let counts: EventsCounts?
    /// us from the earliest to the latest event, or more, and how many are earlier than the one before, or more: how
    /// many bytes times may take, packed.
    private let span: Int64
    private let backwardSteps: Int64
    /// Whether times of the recording do not fit 32 bits: then `events/t` is int64.
    public let isWide: Bool

    /// How many files max_duration makes of a recording: as many as it takes to cover the latest event; at least 1.
    ///
    /// - Throws: `.notApplicable` when there would be more than `TensorMeasure.largestPartCount`.
    public static func partCount(_ spec: EventsSpec, _ recording: RecordingSummary) throws(TensorError) -> Int {
        guard let maxDuration = spec.maxDuration, recording.eventCount > 0 else { return 1 }
        return try TensorMeasure.partCount(of: maxDuration, from: spec.startTime, to: recording.highestTime)
    }

    /// - Parameter part: which file, with max_duration; nil is the first.
    /// - Throws: `TensorError.notApplicable` when there is no such part, a region is not inside of the sensor, or the
    ///   layout has no room for the sensor.
    public init(_ spec: EventsSpec, _ recording: RecordingSummary, part: Int? = nil) throws(TensorError) {
        filters = try spec.filters.applied(to: recording.geometry)
        geometry = filters?.geometry ?? recording.geometry
        let sides = geometry
        guard spec.layout != .ecf || max(sides.width, sides.height) <= ECFEncoder.largestSide else {
            throw TensorError(
                .notApplicable,
                "a sensor of \(sides) is too large for layout=ecf, which has room for \(ECFEncoder.largestSide)x\(ECFEncoder.largestSide): take layout=prophesee"
            )
        }
        let parts = try Self.partCount(spec, recording)
        let part = part ?? 0
        guard (0..<parts).contains(part) else {
            throw TensorError(.notApplicable, "there is no part \(part); there are \(parts)")
        }
        let (skipped, tooFar) = Int64(part).multipliedReportingOverflow(by: spec.maxDuration ?? 0)
        let (start, tooLate) = spec.startTime.addingReportingOverflow(skipped)
        guard !tooFar, !tooLate else { throw TensorError(.notApplicable, "part \(part) begins too late") }
        let isWhole = start == 0 && spec.maxDuration == nil
        // Where time runs backwards events may be before the start.
        let end = spec.maxDuration.map { start.addingReportingOverflow($0) }.flatMap {
            $0.overflow ? nil : $0.partialValue
        }
        times = isWhole ? Int64.min..<Int64.max : start..<(end ?? Int64.max)
        self.spec = spec
        let all = recording.highestTime - recording.lowestTime
        span = min(all, spec.maxDuration ?? all)
        // No filter makes more of them.
        backwardSteps = recording.backwardSteps
        // Prophesee's files have an index of the triggers' times, of which the totals say nothing.
        let isKnown =
            isWhole && filters?.keepsAll != false
            && (spec.layout == .columns || recording.triggerCount == 0)
        counts =
            isKnown
            ? EventsCounts(
                events: recording.eventCount, highestTime: recording.highestTime,
                triggers: recording.keptTriggerCount, highestTriggerTime: 0) : nil
        isWide = recording.lowestTime < 0 || recording.highestTime >= 1 << 32
    }

    /// Bytes of a time in `events/t`.
    public var timeBytes: Int { isWide ? 8 : 4 }

    /// The index of the events' times.
    func index(_ counts: EventsCounts) -> IndexShape {
        switch spec.layout {
        case .columns: .milliseconds(to: counts.highestTime)
        case .prophesee, .ecf: .prophesee(counts.events, to: counts.highestTime)
        }
    }

    /// The index of the triggers' times; only Prophesee's files have one.
    func triggerIndex(_ counts: EventsCounts) -> IndexShape {
        .prophesee(counts.triggers, to: counts.highestTriggerTime)
    }

    /// Bytes of an entry.
    var indexEntryBytes: Int { spec.layout == .columns ? 8 : 16 }
}

extension EventsMeasure {
    /// Events that are computed at a time in a file of `eventCount`: enough that those decoded for nothing before and
    /// after are few beside them.
    func blockLength(_ eventCount: Int64) -> Int {
        var length = spec.layout == .ecf ? ECFEncoder.chunkLength : 512
        while length < Self.largestBlock, Int64(length) < eventCount { length *= 2 }
        return length
    }

    /// Bytes of a chunk of packed events.
    func chunkSize(_ eventCount: Int64) -> Int {
        ECFEncoder.chunkSize(events: eventCount, backwardSteps: backwardSteps, span: span)
    }

    static let largestBlock = 1 << 17
    /// Entries of the index that are computed at a time: for who looks up a few, seconds of the recording are scanned.
    static let indexBlock = 2048
    /// Elements at a time of what is kept in no blocks.
    static let madeBlock = 8192
}
