// What a plan must know of a recording's events before it reads any.

import Recordings

/// Totals of a recording's events; times in us.
public struct EventTotals: Hashable, Sendable {
    public let count: Int64
    /// The first event's in file order; 0 when there are no events.
    public let firstTime: Int64
    /// The last event's in file order; 0 when there are no events.
    public let lastTime: Int64
    /// The latest of all; 0 when there are no events.
    public let highestTime: Int64

    public init(count: Int64, firstTime: Int64 = 0, lastTime: Int64, highestTime: Int64) {
        self.count = count
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.highestTime = highestTime
    }

    public init(_ events: [Event]) {
        self.init(
            count: Int64(events.count), firstTime: events.first?.t ?? 0, lastTime: events.last?.t ?? 0,
            highestTime: events.map(\.t).max() ?? 0)
    }
}
