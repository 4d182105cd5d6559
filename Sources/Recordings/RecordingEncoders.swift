// The encoders of the formats: the words that decoders read, as dense as a sensor's.

import Files

/// Says which time high words a sensor writes until `t`: one each 16 us while events come, and only the changes over a
/// long pause.
private struct TimeHighClock {
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
private struct EventRun {
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

struct EVT2Encoder: EventEncoder {
    private var clock: TimeHighClock
    private var first: Int64?

    init(_ start: Int64) {
        clock = TimeHighClock(start, unit: 64, stride: 1 << 26)
        first = start >> 6
    }

    mutating func append(_ event: Event, to file: FileWriter) throws(FileError) {
        try start(file)
        try clock.advance(to: event.t) { (high) throws(FileError) in try file.append(word: Self.timeHigh(high)) }
        try file.append(
            word: UInt32(event.polarity) << 28 | UInt32(event.t & 63) << 22 | UInt32(event.x) << 11 | UInt32(event.y))
    }

    mutating func finish(to file: FileWriter) throws(FileError) { try start(file) }

    private mutating func start(_ file: FileWriter) throws(FileError) {
        if let high = first { try file.append(word: Self.timeHigh(high)) }
        first = nil
    }

    private static func timeHigh(_ high: Int64) -> UInt32 { 8 << 28 | UInt32(truncatingIfNeeded: high) & 0x0FFF_FFFF }
}

struct EVT21Encoder: EventEncoder {
    private let swapped: Bool
    private var clock: TimeHighClock
    private var first: Int64?
    private var run = EventRun()

    init(_ start: Int64, swapped: Bool) {
        self.swapped = swapped
        clock = TimeHighClock(start, unit: 64, stride: 1 << 26)
        first = start >> 6
    }

    mutating func append(_ event: Event, to file: FileWriter) throws(FileError) {
        if run.add(event) { return }
        try flush(file)
        _ = run.add(event)
    }

    mutating func finish(to file: FileWriter) throws(FileError) { try flush(file) }

    private mutating func flush(_ file: FileWriter) throws(FileError) {
        let swapped = swapped
        if let high = first { try file.append(word: Self.timeHigh(high, swapped)) }
        first = nil
        guard !run.xs.isEmpty else { return }
        try clock.advance(to: run.t) { (high) throws(FileError) in try file.append(word: Self.timeHigh(high, swapped)) }
        var i = 0
        while i < run.xs.count {
            // Sensors cut rows at multiples of 32.
            let base = run.xs[i] & ~31
            let (mask, count) = run.mask(from: i, base: base)
            let upper = UInt64(run.polarity) << 28 | UInt64(run.t & 63) << 22 | UInt64(base) << 11 | UInt64(run.y)
            try file.append(word: Self.stored(upper << 32 | UInt64(mask), swapped))
            i += count
        }
        run.clear()
    }

    private static func timeHigh(_ high: Int64, _ swapped: Bool) -> UInt64 {
        stored((8 << 28 | UInt64(truncatingIfNeeded: high) & 0x0FFF_FFFF) << 32, swapped)
    }

    private static func stored(_ word: UInt64, _ swapped: Bool) -> UInt64 { swapped ? word << 32 | word >> 32 : word }
}

struct EVT3Encoder: EventEncoder {
    private let width: Int
    private var clock: TimeHighClock
    private var first: Int64?
    private var run = EventRun()
    /// What the reader's state is; -1 when it is unknown.
    private var high: Int64 = -1
    private var low: Int64 = -1
    private var y = -1
    private var base = -1
    private var basePolarity = -1

    init(_ start: Int64, width: Int) {
        self.width = width
        clock = TimeHighClock(start, unit: 4096, stride: 1)
        first = start >> 12
    }

    mutating func append(_ event: Event, to file: FileWriter) throws(FileError) {
        if run.add(event) { return }
        try flush(file)
        _ = run.add(event)
    }

    mutating func finish(to file: FileWriter) throws(FileError) { try flush(file) }

    private mutating func flush(_ file: FileWriter) throws(FileError) {
        if let high = first {
            try file.append(word: Self.timeHigh(high))
            self.high = high
        }
        first = nil
        guard !run.xs.isEmpty else { return }
        var newest = high
        try clock.advance(to: run.t) { (high) throws(FileError) in
            try file.append(word: Self.timeHigh(high))
            newest = high
        }
        // A reader sets the low part to 0 when the high part changes.
        if newest != high { low = -1 }
        high = newest
        if low != run.t & 0xFFF {
            low = run.t & 0xFFF
            try file.append(word: 6 << 12 | UInt16(low))
        }
        if y != run.y {
            y = run.y
            try file.append(word: UInt16(y))
        }
        try writeRow(file)
        run.clear()
    }

    private mutating func writeRow(_ file: FileWriter) throws(FileError) {
        let polarity = UInt16(run.polarity) << 11
        var i = 0
        while i < run.xs.count {
            let x = run.xs[i]
            // A vector is three words, and one more for a new base, which must leave it inside the row.
            let continues = basePolarity == run.polarity && base <= x && x < base + 32 && base + 32 <= width
            let start = continues ? base : min(x, width - 32)
            let (mask, count) = start >= 0 ? run.mask(from: i, base: start) : (0, 0)
            if count > (continues ? 3 : 4) {
                if !continues { try file.append(word: 3 << 12 | polarity | UInt16(start)) }
                try file.append(word: 4 << 12 | UInt16(mask & 0xFFF))
                try file.append(word: 4 << 12 | UInt16(mask >> 12 & 0xFFF))
                try file.append(word: 5 << 12 | UInt16(mask >> 24))
                (base, basePolarity) = (start + 32, run.polarity)
                i += count
            } else {
                try file.append(word: 2 << 12 | polarity | UInt16(x))
                i += 1
            }
        }
    }

    private static func timeHigh(_ high: Int64) -> UInt16 { 8 << 12 | UInt16(truncatingIfNeeded: high) & 0xFFF }
}

struct EVT4Encoder: EventEncoder {
    private let width: Int
    private var clock: TimeHighClock
    private var first: Int64?
    private var run = EventRun()

    init(_ start: Int64, width: Int) {
        self.width = width
        clock = TimeHighClock(start, unit: 64, stride: 1 << 26)
        first = start >> 6
    }

    mutating func append(_ event: Event, to file: FileWriter) throws(FileError) {
        if run.add(event) { return }
        try flush(file)
        _ = run.add(event)
    }

    mutating func finish(to file: FileWriter) throws(FileError) { try flush(file) }

    private mutating func flush(_ file: FileWriter) throws(FileError) {
        if let high = first { try file.append(word: Self.timeHigh(high)) }
        first = nil
        guard !run.xs.isEmpty else { return }
        try clock.advance(to: run.t) { (high) throws(FileError) in try file.append(word: Self.timeHigh(high)) }
        var i = 0
        while i < run.xs.count {
            let x = run.xs[i]
            let rest = UInt32(run.t & 63) << 22 | UInt32(run.y)
            let start = min(x, width - 32)
            let (mask, count) = start >= 0 ? run.mask(from: i, base: start) : (0, 0)
            if count > 2 {
                try file.append(word: (0xC | UInt32(run.polarity)) << 28 | rest | UInt32(start) << 11)
                try file.append(word: mask)
                i += count
            } else {
                try file.append(word: (0xA | UInt32(run.polarity)) << 28 | rest | UInt32(x) << 11)
                i += 1
            }
        }
        run.clear()
    }

    private static func timeHigh(_ high: Int64) -> UInt32 { 0xE << 28 | UInt32(truncatingIfNeeded: high) & 0x0FFF_FFFF }
}

struct DATEncoder: EventEncoder {
    /// The place of an event as a word.
    let word: (Event) -> UInt32

    func append(_ event: Event, to file: FileWriter) throws(FileError) {
        try file.append(word: UInt32(truncatingIfNeeded: event.t))
        try file.append(word: word(event))
    }

    func finish(to file: FileWriter) throws(FileError) {}
}

extension DATVersion1 {
    static func word(_ event: Event) -> UInt32 {
        UInt32(event.polarity) << 17 | UInt32(event.y) << 9 | UInt32(event.x)
    }
}

extension DATVersion2 {
    static func word(_ event: Event) -> UInt32 {
        UInt32(event.polarity) << 28 | UInt32(event.y) << 14 | UInt32(event.x)
    }
}
