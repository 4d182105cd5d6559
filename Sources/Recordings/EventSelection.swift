// Events of a range of times, countable: what frames of n events are cut from.

/// The events with a time in `times`, numbered in file order from 0. Made by ``EventReader/selection(of:)``.
public final class EventSelection: Sendable {
    public let times: Range<Int64>
    /// The first segment that `before` is about.
    let firstSegment: Int
    /// Events of the selection before each segment, and at last all.
    let before: [Int64]
    /// The latest time, us; nil without events.
    public let highestTime: Int64?

    /// How many events there are.
    public var count: Int64 { before.last ?? 0 }

    init(times: Range<Int64>, firstSegment: Int, before: [Int64], highestTime: Int64?) {
        self.times = times
        self.firstSegment = firstSegment
        self.before = before
        self.highestTime = highestTime
    }
}
