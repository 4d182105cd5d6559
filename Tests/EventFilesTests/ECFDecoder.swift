// A decoder of Prophesee's packed chunks, written from their description and not from the encoder.

import Recordings

/// A chunk is not one.
struct BadChunk: Error {}

/// The events of a packed chunk, in whichever of the three ways, and how many of its bytes they take.
func unpack(_ chunk: [UInt8]) throws -> (events: [Event], used: Int) {
    func number(_ place: Int, _ count: Int) throws -> UInt64 {
        guard place + count <= chunk.count else { throw BadChunk() }
        return chunk[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let head = try number(0, 4)
    guard head & 3 != 3 else { throw BadChunk() }
    let count = Int(head >> 2)
    var time = try number(4, 8)
    var (place, times) = (12, [Int64]())
    while times.count < count {
        var (step, shift) = (UInt64(0), UInt64(0))
        while try number(place, 1) >> 4 == 15 {
            guard shift < 64 else { throw BadChunk() }
            step |= (try number(place, 1) & 15) << shift
            shift += 4
            place += 1
        }
        time &+= step
        let byte = try number(place, 1)
        place += 1
        if shift > 0, byte >> 4 != 0 { throw BadChunk() }
        time &+= byte >> 4
        var repeats = Int(byte & 15)
        if repeats == 15 {
            repeats = Int(try number(place, 2))
            place += 2
        }
        guard repeats > 0, times.count + repeats <= count else { throw BadChunk() }
        times += [Int64](repeating: Int64(bitPattern: time), count: repeats)
    }
    /// Runs of a value, whose length is in the lower bits, or in a u16 behind where these are full.
    func runs(_ bytes: Int, _ bits: Int) throws -> [Int] {
        var values: [Int] = []
        while values.count < count {
            let word = Int(try number(place, bytes))
            place += bytes
            var length = word & (1 << bits - 1)
            if length == 1 << bits - 1 {
                length = Int(try number(place, 2))
                place += 2
            }
            guard length > 0, values.count + length <= count else { throw BadChunk() }
            values += [Int](repeating: word >> bits, count: length)
        }
        return values
    }
    /// Groups of four cells of `bits` bits, in three words.
    func cells(_ bits: Int) throws -> [Int] {
        let (size, third) = (bits / 6, bits / 3)
        var values: [Int] = []
        for _ in 0..<(count + 3) / 4 {
            let words = try (0..<3).map { Int(try number(place + size * $0, size)) }
            place += 3 * size
            let low = { (word: Int, bits: Int) in word & (1 << bits - 1) }
            values += [
                words[0] >> third, low(words[0], third) | (words[1] >> (2 * third)) << third,
                low(words[1], 2 * third) | (words[2] >> bits) << (2 * third), low(words[2], bits),
            ]
        }
        return Array(values.prefix(count))
    }
    var (ys, xs, ps): ([Int], [Int], [Int])
    switch head & 3 {
    case 2:
        let all = try cells(24)
        (ys, xs, ps) = (all.map { $0 >> 12 }, all.map { $0 >> 1 & 0x7FF }, all.map { $0 & 1 })
    case 1:
        ys = try runs(2, 5)
        let all = try cells(12)
        (xs, ps) = (all.map { $0 >> 1 }, all.map { $0 & 1 })
    default:
        ys = try runs(2, 5)
        xs = []
        while xs.count < count {
            let word = Int(try number(place, 2))
            place += 2
            xs.append(word >> 5)
            for right in 1...5 where word >> (5 - right) & 1 == 1 { xs.append(word >> 5 + right) }
        }
        guard xs.count == count else { throw BadChunk() }
        ps = try runs(1, 7)
    }
    let events = (0..<count).map { Event(x: xs[$0], y: ys[$0], polarity: ps[$0], t: times[$0]) }
    return (events, place)
}
