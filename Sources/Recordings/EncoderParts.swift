// What the encoders of several formats have in common: when a sensor writes its clock, and what becomes a vector.

import Files

/// Says which time high words a sensor writes until `t`: one each 16 us while events come, and only the changes over a
/// long pause.
struct TimeHighClock {
    static let period: Int64 = 16
    /// Beyond this pause, us, only changes are written.
    static let pause: Int64 = 10_000
    /// us of one time high.
    let unit: Int64
    /// The most that a time high may grow at once, in units, for a reader to see a wrap.
    let stride: Int64
    private var last: Int64

    init(_ start: Int64, unit: Int64, stride: Int64) {
        self.unit = unit
        self.stride = stride
        last = start
    }

    /// Calls `write` with each time high (all bits) from the last event to `t`.
    mutating func advance(to t: Int64, _ write: (Int64) throws(FileError) -> Void) throws(FileError) {
        if t - last > Self.pause {
            var high = last / unit
            while t / unit - high > stride {
                high += stride
                try write(high)
            }
            if t / unit != last / unit { try write(t / unit) }
        } else {
            for tick in (last / Self.period)..<(t / Self.period) { try write((tick + 1) * Self.period / unit) }
        }
        last = t
    }
}

/// Events of one row, polarity and time with x rising: what can become vectors.
struct EventRun {
    private(set) var xs: [Int] = []
    private(set) var y = 0
    private(set) var polarity = 0
    private(set) var t: Int64 = 0

    /// Adds the event when it belongs to the run.
    mutating func add(_ event: Event) -> Bool {
        guard let last = xs.last else {
            (xs, y, polarity, t) = ([Int(event.x)], Int(event.y), Int(event.polarity), event.t)
            return true
        }
        guard Int(event.y) == y, Int(event.polarity) == polarity, event.t == t, Int(event.x) > last else {
            return false
        }
        xs.append(Int(event.x))
        return true
    }

    mutating func clear() { xs.removeAll(keepingCapacity: true) }

    /// The mask of the xs from index `i` on that lie in `base`..<`base` + 32, and how many they are.
    func mask(from i: Int, base: Int) -> (mask: UInt32, count: Int) {
        var mask: UInt32 = 0
        var n = i
        while n < xs.count, xs[n] < base + 32 {
            mask |= 1 << UInt32(xs[n] - base)
            n += 1
        }
        return (mask, n - i)
    }
}
