// The encoders of the formats: the words that decoders read, as dense as a sensor's.

import Files

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

    mutating func append(_ trigger: Trigger, to file: FileWriter) throws(FileError) {
        try start(file)
        try clock.advance(to: trigger.t) { (high) throws(FileError) in try file.append(word: Self.timeHigh(high)) }
        try file.append(word: trigger.wideWord(type: 0xA))
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

    mutating func append(_ trigger: Trigger, to file: FileWriter) throws(FileError) {
        try flush(file)
        let swapped = swapped
        try clock.advance(to: trigger.t) { (high) throws(FileError) in
            try file.append(word: Self.timeHigh(high, swapped))
        }
        try file.append(word: Self.stored(UInt64(trigger.wideWord(type: 0xA)) << 32, swapped))
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

    mutating func append(_ trigger: Trigger, to file: FileWriter) throws(FileError) {
        try flush(file)
        try writeTime(trigger.t, file)
        try file.append(word: 0xA << 12 | UInt16(trigger.id) << 8 | UInt16(trigger.p))
    }

    mutating func finish(to file: FileWriter) throws(FileError) { try flush(file) }

    private mutating func flush(_ file: FileWriter) throws(FileError) {
        if let high = first {
            try file.append(word: Self.timeHigh(high))
            self.high = high
        }
        first = nil
        guard !run.xs.isEmpty else { return }
        try writeTime(run.t, file)
        if y != run.y {
            y = run.y
            try file.append(word: UInt16(y))
        }
        try writeRow(file)
        run.clear()
    }

    /// What brings the reader's time to `t`.
    private mutating func writeTime(_ t: Int64, _ file: FileWriter) throws(FileError) {
        var newest = high
        try clock.advance(to: t) { (high) throws(FileError) in
            try file.append(word: Self.timeHigh(high))
            newest = high
        }
        // A reader sets the low part to 0 when the high part changes.
        if newest != high { low = -1 }
        high = newest
        if low != t & 0xFFF {
            low = t & 0xFFF
            try file.append(word: 6 << 12 | UInt16(low))
        }
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

    mutating func append(_ trigger: Trigger, to file: FileWriter) throws(FileError) {
        try flush(file)
        try clock.advance(to: trigger.t) { (high) throws(FileError) in try file.append(word: Self.timeHigh(high)) }
        try file.append(word: trigger.wideWord(type: 9))
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

    /// There is no such record; the writer has refused it.
    func append(_ trigger: Trigger, to file: FileWriter) throws(FileError) {}

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

extension Trigger {
    /// The word of EVT2 and EVT4, and the half of a word of EVT2.1.
    fileprivate func wideWord(type: UInt32) -> UInt32 {
        type << 28 | UInt32(t & 63) << 22 | UInt32(id) << 8 | UInt32(p)
    }
}
