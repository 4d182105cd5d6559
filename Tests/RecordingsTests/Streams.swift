// Made-up recordings without headers: as sensors write them, damaged, of vectors, and noise.

import RandomFixture
import Recordings

/// Streams as sensors write them: rows of single events and vectors of 32, forward in time, few of them odd.
func sensorStream(_ format: RecordingFormat, _ count: Int, _ seed: UInt64, oddity: Int) -> [UInt8] {
    var random = SplitMix(seed: seed)
    func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    func isOdd() -> Bool { oddity > 0 && below(oddity) == 0 }
    var t = 4096 * 7 + below(4096)
    var (shorts, ints, longs): ([UInt16], [UInt32], [UInt64]) = ([], [], [])
    var high = -1
    if format == .dat, oddity > 0 { t = (1 << 32) - 3000 }
    while shorts.count + ints.count + longs.count < count {
        t += below(4) == 0 ? below(60) : 0
        if isOdd() { t += below(9) == 0 ? -min(t, below(9000)) : below(30_000) }
        switch format {
        case .evt3:
            if high != t >> 12 || below(16) == 0 {
                shorts.append(0x8000 | UInt16(t >> 12 & 0xFFF))
                high = t >> 12
            }
            shorts.append(0x6000 | UInt16(t & 0xFFF))
            shorts.append(UInt16(below(isOdd() ? 4096 : 480)))
            for _ in 0..<below(5) { shorts.append(UInt16(0x2000 | below(2) << 11 | below(isOdd() ? 2048 : 640))) }
            if below(3) == 0 {
                shorts.append(UInt16(0x3000 | below(2) << 11 | 32 * below(isOdd() ? 64 : 19)))
                for _ in 0...(below(3) / 2) {
                    shorts.append(UInt16(0x4000 | below(4096) & below(4096)))
                    if isOdd() { shorts.append(UInt16(below(65536))) }
                    shorts.append(UInt16(0x4000 | below(4096) & below(4096)))
                    if !isOdd() { shorts.append(UInt16(0x5000 | below(256))) }
                    if below(9) == 0 { break }
                }
            }
            if isOdd() { shorts.append(UInt16(below(65536))) }
        case .evt2:
            if high != t >> 6 || below(8) == 0 {
                ints.append(0x8000_0000 | UInt32(t >> 6 & 0x0FFF_FFFF))
                high = t >> 6
            }
            for _ in 0..<below(6) {
                ints.append(
                    UInt32(below(2) << 28 | (t & 63) << 22 | below(isOdd() ? 2048 : 640) << 11 | below(480)))
            }
            if isOdd() { ints.append(UInt32(truncatingIfNeeded: below(1 << 32))) }
        case .evt21, .evt21Legacy:
            func put(_ upper: UInt32, _ mask: UInt32) {
                let (high, low) = format == .evt21 ? (upper, mask) : (mask, upper)
                longs.append(UInt64(high) << 32 | UInt64(low))
            }
            let mask = UInt32(truncatingIfNeeded: below(1 << 32) & below(1 << 32))
            if high != t >> 6 || below(8) == 0 {
                put(0x8000_0000 | UInt32(t >> 6 & 0x0FFF_FFFF), 0)
                high = t >> 6
            }
            for _ in 0..<below(4) {
                put(UInt32(below(2) << 28 | (t & 63) << 22 | below(isOdd() ? 2048 : 640) << 11 | below(480)), mask)
            }
            if isOdd() { put(UInt32(truncatingIfNeeded: below(1 << 32)), mask) }
        case .evt4:
            if high != t >> 6 || below(8) == 0 {
                ints.append(0xE000_0000 | UInt32(t >> 6 & 0x0FFF_FFFF))
                high = t >> 6
            }
            let isVector = below(3) == 0
            for _ in 0..<below(9) {
                let place = (t & 63) << 22 | below(isOdd() ? 2048 : 640) << 11 | below(480)
                ints.append(UInt32((isVector ? 12 : 10) + below(2)) << 28 | UInt32(place))
                if isVector { ints.append(UInt32(truncatingIfNeeded: below(1 << 32) & below(1 << 32))) }
            }
            if isOdd() { ints.append(UInt32(truncatingIfNeeded: below(1 << 32))) }
        case .dat, .dat1:
            let place = below(isOdd() ? 16 : 2) << 28 | below(isOdd() ? 16384 : 480) << 14 | below(640)
            longs.append(UInt64(place) << 32 | UInt64(t & 0xFFFF_FFFF))
        }
    }
    return words(shorts) + words(ints) + words(longs)
}

/// EVT3 that is mostly vectors: long runs of them after one base, some of 12 columns only, some at and beyond the end
/// of the row, some after other words or at the border of what is scanned at once.
func vectorStream(_ count: Int, _ seed: UInt64, width: Int, longest: Int, oddity: Int) -> [UInt8] {
    var random = SplitMix(seed: seed)
    func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    var stream: [UInt16] = [0x8007, 0x6000, 0]
    var t = 4096 * 7
    while stream.count < count {
        t += below(9)
        if below(oddity) == 0 { t += below(2) == 0 ? 5000 : -min(t, below(60)) }
        if below(4) == 0 { stream.append(UInt16(0x8000 | t >> 12 & 0xFFF)) }
        if below(3) == 0 { stream.append(UInt16(0x6000 | t & 0xFFF)) }
        stream.append(UInt16(below(33)))
        let length = below(longest)
        let columns = length * 11
        let base =
            below(oddity) == 0 ? below(2048) : below(3) == 0 ? max(0, width - columns) : below(max(1, width - columns))
        stream.append(UInt16(0x3000 | below(2) << 11 | base))
        let isMixed = below(oddity) == 0
        for k in 0..<length {
            let isTwelve = isMixed ? below(2) == 0 : k % 3 < 2
            stream.append(UInt16(isTwelve ? 0x4000 | below(4096) : 0x5000 | below(256)))
            if below(20 * oddity) == 0 { stream.append(UInt16(below(9) << 12 | below(33))) }
        }
        for _ in 0..<below(4) { stream.append(UInt16(0x2000 | below(2) << 11 | below(width))) }
    }
    return words(stream)
}

/// Streams of all kinds: as a sensor writes, more and more damaged, and noise.
func streams(_ format: RecordingFormat, share: Int = 1) -> [[UInt8]] {
    var random = SplitMix(seed: 71)
    var noise = (0..<30_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    // A first time high, else all of it comes before one.
    let high: UInt8 = format == .evt4 ? 0xE0 : 0x80
    noise.replaceSubrange(0..<4, with: format == .evt3 ? [0x07, 0x80, 0x07, 0x80] : [0x07, 0, 0, high])
    return [
        sensorStream(format, 60_000 / share, 1, oddity: 0), sensorStream(format, 30_000 / share, 2, oddity: 500),
        sensorStream(format, 20_000 / share, 3, oddity: 40), sensorStream(format, 10_000 / share, 4, oddity: 4), noise,
    ]
}
