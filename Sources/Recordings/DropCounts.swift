// How much of a recording could not be used, by kind.

/// What was dropped while decoding, by kind. All are 0 in an undamaged recording.
public struct DropCounts: Hashable, Sendable, Codable {
    /// Events outside the geometry.
    public var outsideGeometry: Int64 = 0
    /// Events before the first time high word: their time is unknown.
    public var beforeTimeHigh: Int64 = 0
    /// EVT3 events before the first row address, and vectors before the first vector base.
    public var withoutAddress: Int64 = 0
    /// Words of a type that the encoding does not have.
    public var unknownWords: Int64 = 0
    /// Bytes at the end that make no whole word (EVT4: no whole pair of vector and mask).
    public var truncatedBytes: Int64 = 0

    public init() {}

    /// Every kind with its count, in a fixed order; the names are those of the attributes of a tensor file.
    public var entries: [(name: String, count: Int64)] {
        [
            ("outside_geometry", outsideGeometry), ("before_time_high", beforeTimeHigh),
            ("without_address", withoutAddress),
            ("unknown_words", unknownWords), ("truncated_bytes", truncatedBytes),
        ]
    }

    public static let names = DropCounts().entries.map(\.name)

    /// Over all kinds; events, words and bytes are each counted as one.
    public var total: Int64 { entries.reduce(0) { $0 + $1.count } }
}

/// Told by a decoder what it drops. A tally is a type parameter, so that reading a window counts nothing at no cost.
public protocol DropTally {
    mutating func outsideGeometry(_ events: Int)
    mutating func beforeTimeHigh(_ events: Int)
    mutating func withoutAddress(_ events: Int)
    mutating func unknownWord()
    /// A monitoring, vendor or padding word, or a trigger before the first time high word: no damage, but nothing for
    /// us.
    mutating func otherWord()
    /// An external trigger. Who does not ask for them counts it as another word.
    mutating func trigger(_ trigger: Trigger)
}

extension DropTally {
    @inlinable @inline(__always) public mutating func trigger(_ trigger: Trigger) { otherWord() }
}

/// Counts nothing.
public struct NoTally: DropTally {
    @inlinable @inline(__always) public init() {}
    @inlinable @inline(__always) public mutating func outsideGeometry(_ events: Int) {}
    @inlinable @inline(__always) public mutating func beforeTimeHigh(_ events: Int) {}
    @inlinable @inline(__always) public mutating func withoutAddress(_ events: Int) {}
    @inlinable @inline(__always) public mutating func unknownWord() {}
    @inlinable @inline(__always) public mutating func otherWord() {}
}

/// Counts everything that is dropped or passed over.
public struct CountingTally: DropTally, Hashable, Sendable {
    public var drops = DropCounts()
    /// Trigger, monitoring, vendor and padding words.
    public var otherWords: Int64 = 0
    /// Those of them that are triggers with a time.
    public var triggers: Int64 = 0

    public init() {}
    public mutating func outsideGeometry(_ events: Int) { drops.outsideGeometry &+= Int64(events) }
    public mutating func beforeTimeHigh(_ events: Int) { drops.beforeTimeHigh &+= Int64(events) }
    public mutating func withoutAddress(_ events: Int) { drops.withoutAddress &+= Int64(events) }
    public mutating func unknownWord() { drops.unknownWords &+= 1 }
    public mutating func otherWord() { otherWords &+= 1 }
    public mutating func trigger(_ trigger: Trigger) {
        otherWords &+= 1
        triggers &+= 1
    }

    static func + (a: CountingTally, b: CountingTally) -> CountingTally {
        var sum = a
        sum.drops.outsideGeometry += b.drops.outsideGeometry
        sum.drops.beforeTimeHigh += b.drops.beforeTimeHigh
        sum.drops.withoutAddress += b.drops.withoutAddress
        sum.drops.unknownWords += b.drops.unknownWords
        sum.drops.truncatedBytes += b.drops.truncatedBytes
        sum.otherWords += b.otherWords
        sum.triggers += b.triggers
        return sum
    }
}
