// Plans of recordings.

import Recordings

extension EventTotals {
    public init(_ summary: RecordingSummary) {
        self.init(count: summary.eventCount, lastTime: summary.lastTime, highestTime: summary.highestTime)
    }

    public init(_ index: TimeIndex) {
        self.init(count: index.eventCount, lastTime: index.lastTime, highestTime: index.highestTime)
    }
}

extension TensorPlan {
    /// A tensor of `recording` as far as `index` goes.
    ///
    /// - Parameter part: which file, with max_duration; nil is the first.
    /// - Throws: as `init(spec:geometry:totals:source:part:)`.
    public init(spec: TensorSpec, recording: Recording, index: TimeIndex, part: Int? = nil) throws {
        try self.init(
            spec: spec, geometry: recording.geometry, totals: EventTotals(index),
            source: .reader(EventReader(recording, index)), part: part)
    }

    /// How many files max_duration makes of a recording; see `partCount(_:_:)`.
    public static func partCount(_ spec: TensorSpec, _ index: TimeIndex) throws(TensorError) -> Int {
        try partCount(spec, EventTotals(index))
    }
}
