// Plans of recordings.

import Recordings

extension EventTotals {
    public init(_ summary: RecordingSummary) {
        self.init(
            count: summary.eventCount, firstTime: summary.firstTime, lastTime: summary.lastTime,
            highestTime: summary.highestTime)
    }

    public init(_ index: TimeIndex) {
        self.init(
            count: index.eventCount, firstTime: index.firstTime, lastTime: index.lastTime,
            highestTime: index.highestTime)
    }
}

extension TensorPlan {
    /// A tensor of `recording` as far as `index` goes.
    ///
    /// - Parameters:
    ///   - part: which file, with max_duration; nil is the first.
    ///   - times: the list that windows are at, where that is a file.
    ///   - store: where it is kept where windows of a count and a period end, which takes a pass over the events.
    /// - Throws: as `init(spec:geometry:totals:source:part:times:known:)`.
    public init(
        spec: TensorSpec, recording: Recording, index: TimeIndex, part: Int? = nil, times: WindowTimes? = nil,
        store: IndexStore? = nil
    ) throws {
        // Named by all that they depend on.
        var name = "\(spec.windowSpec.window) of \(spec.windowSpec.maxPeriod ?? 0) us from \(spec.startTime) us"
        if let maxDuration = spec.maxDuration { name += ", part \(part ?? 0) of \(maxDuration) us" }
        let preprocessing = try spec.preprocessingSpec.resolved(for: recording.geometry)
        if let filters = try preprocessing.filters(for: recording.geometry) {
            let texts = filters.chain.items.joined(separator: ",")
            name += " of events left by \(texts) (\(AppliedFilters.version)), sampled by \(1 << filters.sampling)"
            if let list = filters.chain.hotPixels?.list { name += ", list \(String(list.digest, radix: 16))" }
        }
        let start = spec.startTime &+ Int64(part ?? 0) &* (spec.maxDuration ?? 0)
        let known = spec.windowSpec.maxPeriod.flatMap { _ in store?.found(name, index) }
            .flatMap { FoundCuts($0, from: start) }
        try self.init(
            spec: spec, geometry: recording.geometry, totals: EventTotals(index),
            source: .reader(EventReader(recording, index)), part: part,
            times: times ?? spec.times.flatMap { WindowTimes($0, index.triggers) }, known: known)
        if known == nil, let cuts = foundCuts { store?.keep(cuts.bytes, name, index) }
    }

    /// How many files max_duration makes of a recording; see `partCount(_:_:)`.
    public static func partCount(_ spec: TensorSpec, _ index: TimeIndex) throws(TensorError) -> Int {
        try partCount(spec, EventTotals(index))
    }
}

extension WindowTimes {
    /// The times of triggers, rising also where the recording's run backwards; nil for times from elsewhere.
    ///
    /// A recording of more than 2^22 triggers has those that its index keeps, the first ones.
    convenience init?(_ origin: TimesOrigin, _ triggers: [Trigger]) {
        guard case .triggers(let channel, let edge) = origin else { return nil }
        let chosen = triggers.filter { $0.id == channel && edge.includes($0.p) }
        self.init(chosen.map(\.t).sorted())
    }
}

extension TimesOrigin.Edge {
    /// - Parameter polarity: 1 rising, 0 falling.
    fileprivate func includes(_ polarity: Int16) -> Bool {
        switch self {
        case .rising: polarity == 1
        case .falling: polarity == 0
        case .both: true
        }
    }
}
