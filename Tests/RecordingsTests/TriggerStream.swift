// Made-up recordings with external triggers among the events, and which those are.

import RandomFixture
import Recordings

/// A recording's words with triggers on channels 1 and 6 among them, and those triggers.
struct TriggerStream {
    private(set) var payload: [UInt8] = []
    private(set) var triggers: [Trigger] = []
    private let format: RecordingFormat
    private var high: Int64 = -1
    private let shift: Int64
    private var t: Int64

    /// A trigger about every `every` steps in time. The clock goes around on the way.
    init(_ format: RecordingFormat, steps: Int, every: Int, seed: UInt64) {
        self.format = format
        t = (format == .evt3 ? 1 << 24 : 1 << 34) - 3000
        shift = format == .evt3 ? (t >> 12 - 1) << 12 : (t >> 6) << 6
        var random = SplitMix(seed: seed)
        func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
        for _ in 0..<steps {
            clock()
            if below(every) == 0 { trigger(channel: below(2) == 0 ? 1 : 6, edge: below(2)) }
            for _ in 0..<below(4) { event(below(640), below(480), below(2), UInt32(below(1 << 32))) }
            if below(50) == 0 { other() }
            t += Int64(below(below(40) == 0 ? 900 : 30))
        }
    }

    private mutating func put(_ word: UInt32, mask: UInt32? = nil) {
        switch format {
        case .evt21: payload += words([UInt64(word) << 32 | UInt64(mask ?? 0)])
        case .evt21Legacy: payload += words([UInt64(mask ?? 0) << 32 | UInt64(word)])
        case .evt3: payload += words([UInt16(word)])
        default: payload += words([word]) + (mask.map { words([$0]) } ?? [])
        }
    }

    private var low: UInt32 { UInt32(t & 63) << 22 }

    private mutating func clock() {
        let now = format == .evt3 ? t >> 12 : t >> 6
        if now != high { put(format == .evt3 ? 0x8000 | UInt32(now & 0xFFF) : kind(8, 14) | UInt32(now & 0x0FFF_FFFF)) }
        high = now
        if format == .evt3 { put(0x6000 | UInt32(t & 0xFFF)) }
    }

    /// The type of a word of EVT2 and EVT2.1, and of EVT4.
    private func kind(_ evt2: UInt32, _ evt4: UInt32) -> UInt32 { (format == .evt4 ? evt4 : evt2) << 28 }

    private mutating func trigger(channel: Int, edge: Int) {
        // Bits that mean nothing are set.
        if format == .evt3 {
            put(0xA000 | UInt32(channel << 8 | 0xFE | edge))
        } else {
            put(kind(10, 9) | low | 0x3F_E000 | UInt32(channel << 8 | 0xFE | edge), mask: format == .evt4 ? nil : noise)
        }
        triggers.append(Trigger(t: t - shift, id: Int16(channel), p: Int16(edge)))
    }

    /// For the half of EVT2.1's words that says nothing; EVT2 has none.
    private var noise: UInt32? { format == .evt2 ? nil : 0xA123_4567 }

    private mutating func event(_ x: Int, _ y: Int, _ p: Int, _ mask: UInt32) {
        switch format {
        case .evt3:
            put(UInt32(y))
            put(UInt32(0x2000 | p << 11 | x))
        case .evt2: put(UInt32(p) << 28 | low | UInt32(x << 11 | y))
        case .evt4:
            // A mask looks like a trigger.
            put((0xC | UInt32(p)) << 28 | low | UInt32(x / 32 * 32 << 11 | y), mask: 0x9000_0000 | mask & 0x0FFF_FFFF)
        default:
            put(UInt32(p) << 28 | low | UInt32(x / 32 * 32 << 11 | y), mask: 0xA000_0000 | mask & 0x0FFF_FFFF)
        }
    }

    private mutating func other() { put(format == .evt3 ? 0xE123 : kind(14, 6) | 0x123) }
}
