// Decoders as plain as the descriptions of the formats: one word at a time, nothing but arrays and switches.
//
// https://docs.prophesee.ai/stable/data/encoding_formats/index.html, and for what is kept and dropped,
// docs/ARCHITECTURE.md. They share no code with Sources, so that both can only agree by being right.

import Recordings

struct PlainDecoder {
    private(set) var events: [Event] = []
    private(set) var drops = DropCounts()
    private(set) var otherWords: Int64 = 0
    private(set) var triggers: [Trigger] = []

    private let geometry: Geometry
    private var isStarted = false
    private var shift: Int64 = 0
    /// The counter of the last time high word, and how often it went around.
    private var high: Int64 = 0
    private var turns: Int64 = 0
    private var low: Int64 = 0
    private var row: Int?
    private var base: Int?
    private var basePolarity = 0

    /// Everything in `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, _ format: RecordingFormat, _ geometry: Geometry) {
        self.geometry = geometry
        let size =
            switch format {
            case .evt3: 2
            case .evt2, .evt4: 4
            case .evt21, .evt21Legacy, .dat, .dat1: 8
            }
        let count = bytes.count / size
        func word(_ i: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[i * size + $1]) << UInt64(8 * $1) }
        }
        var used = count
        var i = 0
        while i < count {
            switch format {
            case .evt2: evt2(word(i))
            case .evt21: evt21(word(i))
            case .evt21Legacy: evt21(word(i) >> 32 | word(i) << 32)
            case .evt3: evt3(word(i))
            case .dat: dat(word(i))
            case .dat1: dat1(word(i))
            case .evt4:
                let kind = word(i) >> 28
                let isVector = kind == 0xC || kind == 0xD
                if isVector, i + 1 == count {
                    used = i
                } else {
                    evt4(word(i), isVector ? word(i + 1) : 0)
                    if isVector { i += 1 }
                }
            }
            i += 1
        }
        drops.truncatedBytes = Int64(bytes.count - used * size)
    }

    private mutating func event(_ x: Int, _ y: Int, _ polarity: Int, _ t: Int64) {
        if x < geometry.width, y < geometry.height {
            events.append(Event(x: x, y: y, polarity: polarity, t: t))
        } else {
            drops.outsideGeometry += 1
        }
    }

    private mutating func vector(_ x: Int, _ mask: UInt64, _ y: Int, _ polarity: Int, _ t: Int64) {
        for bit in 0..<32 where mask >> UInt64(bit) & 1 == 1 { event(x + bit, y, polarity, t) }
    }

    private mutating func unknownOrOther(_ kind: UInt64, others: Set<UInt64>) {
        if others.contains(kind) { otherWords += 1 } else { drops.unknownWords += 1 }
    }

    /// Nothing before the first time high word, which tells the time.
    private mutating func trigger(_ time: Int64, _ channel: UInt64, _ edge: UInt64) {
        otherWords += 1
        guard isStarted else { return }
        triggers.append(Trigger(t: time, id: Int16(channel), p: Int16(edge)))
    }

    // MARK: EVT2, EVT2.1 and EVT4: a counter of 28 bits in units of 64 us

    private mutating func wideHigh(_ counter: UInt64) {
        let new = Int64(counter & 0x0FFF_FFFF)
        if !isStarted {
            isStarted = true
            shift = new * 64
        } else if high >= 3 << 26, new < 1 << 26 {
            // From the last quarter of its range to the first.
            turns += 1
        }
        high = new
    }

    private func wideTime(_ low: UInt64) -> Int64 { (turns << 28 + high) * 64 + Int64(low & 0x3F) - shift }

    private mutating func evt2(_ word: UInt64) {
        let kind = word >> 28
        switch kind {
        case 0, 1:
            guard isStarted else {
                drops.beforeTimeHigh += 1
                return
            }
            event(Int(word >> 11 & 0x7FF), Int(word & 0x7FF), Int(kind), wideTime(word >> 22))
        case 8: wideHigh(word)
        case 0xA: trigger(wideTime(word >> 22), word >> 8 & 31, word & 1)
        default: unknownOrOther(kind, others: [0xE, 0xF])
        }
    }

    private mutating func evt21(_ word: UInt64) {
        let (kind, upper, mask) = (word >> 60, word >> 32, word & 0xFFFF_FFFF)
        switch kind {
        case 0, 1:
            guard isStarted else {
                drops.beforeTimeHigh += Int64(mask.nonzeroBitCount)
                return
            }
            vector(Int(upper >> 11 & 0x7FF), mask, Int(upper & 0x7FF), Int(kind), wideTime(upper >> 22))
        case 8: wideHigh(upper)
        case 0xA: trigger(wideTime(upper >> 22), upper >> 8 & 31, upper & 1)
        default: unknownOrOther(kind, others: [0xE, 0xF])
        }
    }

    private mutating func evt4(_ word: UInt64, _ mask: UInt64) {
        let kind = word >> 28
        let (x, y) = (Int(word >> 11 & 0x7FF), Int(word & 0x7FF))
        switch kind {
        case 0xA, 0xB:
            guard isStarted else {
                drops.beforeTimeHigh += 1
                return
            }
            event(x, y, Int(kind & 1), wideTime(word >> 22))
        case 0xC, 0xD:
            guard isStarted else {
                drops.beforeTimeHigh += Int64(mask.nonzeroBitCount)
                return
            }
            vector(x, mask, y, Int(kind & 1), wideTime(word >> 22))
        case 0xE: wideHigh(word)
        case 9: trigger(wideTime(word >> 22), word >> 8 & 31, word & 1)
        default: unknownOrOther(kind, others: [6, 7, 0xF])
        }
    }

    // MARK: EVT3: two counters of 12 bits, the low one in us

    private mutating func evt3(_ word: UInt64) {
        let (kind, value) = (word >> 12, word & 0xFFF)
        let time = (turns << 12 + high) << 12 + low - shift
        switch kind {
        case 2:
            guard isStarted else {
                drops.beforeTimeHigh += 1
                return
            }
            guard let row else {
                drops.withoutAddress += 1
                return
            }
            event(Int(value & 0x7FF), row, Int(value >> 11), time)
        case 4, 5:
            let columns = kind == 4 ? 12 : 8
            let mask = value & (1 << UInt64(columns) - 1)
            guard isStarted else {
                drops.beforeTimeHigh += Int64(mask.nonzeroBitCount)
                return
            }
            if let row, let base {
                vector(base, mask, row, basePolarity, time)
            } else {
                drops.withoutAddress += Int64(mask.nonzeroBitCount)
            }
            if let old = base { base = old + columns }
        case 0: if isStarted { row = Int(value) }
        case 3:
            if isStarted {
                base = Int(value & 0x7FF)
                basePolarity = Int(value >> 11)
            }
        case 6: if isStarted { low = Int64(value) }
        case 8:
            let new = Int64(value)
            if !isStarted {
                isStarted = true
                shift = max(0, new - 1) << 12
            } else if new != high {
                // A fall by half the range or more is a wrap.
                if high - new >= 2048 { turns += 1 }
                low = 0
            }
            high = new
        case 0xA: trigger(time, value >> 8, value & 1)
        default: unknownOrOther(kind, others: [7, 0xE, 0xF])
        }
    }

    // MARK: DAT: times of 32 bits, and no start

    private mutating func dat(_ word: UInt64) {
        let place = word >> 32
        dat(word & 0xFFFF_FFFF, Int(place & 0x3FFF), Int(place >> 14 & 0x3FFF), place >> 28 == 0 ? 0 : 1)
    }

    private mutating func dat1(_ word: UInt64) {
        let place = word >> 32
        guard place < 1 << 18 else {
            drops.unknownWords += 1
            return
        }
        dat(word & 0xFFFF_FFFF, Int(place & 0x1FF), Int(place >> 9 & 0xFF), Int(place >> 17))
    }

    private mutating func dat(_ time: UInt64, _ x: Int, _ y: Int, _ polarity: Int) {
        guard x < geometry.width, y < geometry.height else {
            drops.outsideGeometry += 1
            return
        }
        let new = Int64(time)
        if high >= 3 << 30, new < 1 << 30 { turns += 1 }
        high = new
        event(x, y, polarity, turns << 32 + new)
    }
}
