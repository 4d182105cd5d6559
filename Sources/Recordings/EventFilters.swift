// Sinks that pass on a part of the events.

/// Passes on the events whose time is in a range.
public struct TimeFilter<Inner: EventSink>: EventSink {
    public var inner: Inner
    @usableFromInline let lowest: Int64
    @usableFromInline let length: UInt64

    @inlinable @inline(__always)
    public init(_ inner: consuming Inner, times: Range<Int64>) {
        self.inner = inner
        lowest = times.lowerBound
        length = UInt64(bitPattern: times.upperBound &- times.lowerBound)
    }

    @inlinable @inline(__always)
    public mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if UInt64(bitPattern: t &- lowest) < length { inner.event(x: x, y: y, polarity: polarity, t: t) }
    }

    @inlinable @inline(__always)
    public mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        if UInt64(bitPattern: t &- lowest) < length {
            inner.vector(baseX: baseX, mask: mask, y: y, polarity: polarity, t: t)
        }
    }
}

/// Passes on some events by their number: leaves out the first `skip` and ends after `take` more.
public struct OrdinalFilter<Inner: EventSink>: EventSink {
    public var inner: Inner
    @usableFromInline var skip: Int64
    @usableFromInline var take: Int64

    @inlinable @inline(__always)
    public init(_ inner: consuming Inner, skip: Int64, take: Int64) {
        self.inner = inner
        self.skip = skip
        self.take = take
    }

    @inlinable @inline(__always)
    public mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if skip > 0 {
            skip &-= 1
        } else if take > 0 {
            take &-= 1
            inner.event(x: x, y: y, polarity: polarity, t: t)
        }
    }

    @inlinable
    public mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        let count = Int64(mask.nonzeroBitCount)
        if skip >= count {
            skip &-= count
        } else if skip == 0, take >= count {
            take &-= count
            inner.vector(baseX: baseX, mask: mask, y: y, polarity: polarity, t: t)
        } else {
            var rest = mask
            while rest != 0 {
                event(x: baseX &+ rest.trailingZeroBitCount, y: y, polarity: polarity, t: t)
                rest &= rest &- 1
            }
        }
    }
}

/// Counts events, and finds the latest time.
public struct EventCounter: EventSink {
    public private(set) var count: Int64 = 0
    public private(set) var highest: Int64 = .min

    @inlinable @inline(__always) public init() {}

    public mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        count &+= 1
        highest = max(highest, t)
    }
    public mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        count &+= Int64(mask.nonzeroBitCount)
        highest = max(highest, t)
    }
}

/// Keeps the events, for tests and small windows.
public struct EventCollector: EventSink {
    public var events: [Event] = []

    public init() {}

    public mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        events.append(Event(x: x, y: y, polarity: polarity, t: t))
    }
}
