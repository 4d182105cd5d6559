// External triggers: what a camera wrote down of the signals at its input pins.

/// A trigger: an edge of a signal at one of the camera's inputs.
///
/// Its word is, from the upper bits to the lower ones:
///
/// | encoding | type | time | channel | edge |
/// |---|---|---|---|---|
/// | EVT2 (32 bits) | A in 31...28 | low 6 bits in 27...22 | 12...8 | 0 |
/// | EVT2.1 (64 bits) | the same in the half with type and time; the other half means nothing | | | |
/// | EVT3 (16 bits) | A in 15...12 | that of the last time words | 11...8 | 0 |
/// | EVT4 (32 bits) | 9 in 31...28 | low 6 bits in 27...22 | 12...8 | 0 |
///
/// DAT has none. Sources: https://docs.prophesee.ai/stable/data/encoding_formats/, and for EVT4 OpenEB's
/// evt4_event_types.h.
public struct Trigger: Hashable, Sendable {
    /// us, after the same time shift as that of events.
    public var t: Int64
    /// The channel, 0...31.
    public var id: Int16
    /// The edge: 1 rising, 0 falling.
    public var p: Int16

    @inlinable
    public init(t: Int64, id: Int16, p: Int16) {
        self.t = t
        self.id = id
        self.p = p
    }

    /// The trigger of a word of EVT2 or EVT4, or of that half of a word of EVT2.1; `time` is that of the last time high
    /// word.
    @inlinable @inline(__always)
    init(wide word: UInt32, time: Int64) {
        self.init(
            t: time &+ Int64((word &>> 22) & 0x3F), id: Int16(truncatingIfNeeded: (word &>> 8) & 0x1F),
            p: Int16(truncatingIfNeeded: word & 1))
    }

    /// The trigger of a word of EVT3 at `t`.
    @inlinable @inline(__always)
    init(evt3 word: UInt32, t: Int64) {
        self.init(
            t: t, id: Int16(truncatingIfNeeded: (word &>> 8) & 0xF), p: Int16(truncatingIfNeeded: word & 1))
    }

    /// Channels that a word can name.
    static let channels: ClosedRange<Int16> = 0...31
}

/// What a scan is told by the decoders: counts, and the triggers up to a limit.
struct ScanTally: DropTally {
    var counts: CountingTally
    /// The first ones, in file order.
    private(set) var triggers: [Trigger]
    private let limit: Int

    /// - Parameter triggers: those that were found before.
    init(_ counts: CountingTally, _ triggers: [Trigger], limit: Int) {
        self.counts = counts
        self.triggers = triggers
        self.limit = limit
    }

    mutating func outsideGeometry(_ events: Int) { counts.outsideGeometry(events) }
    mutating func beforeTimeHigh(_ events: Int) { counts.beforeTimeHigh(events) }
    mutating func withoutAddress(_ events: Int) { counts.withoutAddress(events) }
    mutating func unknownWord() { counts.unknownWord() }
    mutating func otherWord() { counts.otherWord() }
    mutating func trigger(_ trigger: Trigger) {
        counts.trigger(trigger)
        if triggers.count < limit { triggers.append(trigger) }
    }

    /// Adds those of a part of the recording that was scanned apart, with times that are `later` us later.
    mutating func add(_ others: [Trigger], later: Int64) {
        for trigger in others.prefix(limit - min(limit, triggers.count)) {
            triggers.append(Trigger(t: trigger.t + later, id: trigger.id, p: trigger.p))
        }
    }
}
