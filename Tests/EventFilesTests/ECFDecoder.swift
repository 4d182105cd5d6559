// A decoder of Prophesee's packed chunks, written from their description and not from the encoder.

import Recordings

/// A chunk is not one.
struct BadChunk: Error {}

/// The events of a packed chunk, and how many of its bytes they take. Refuses packings that evh5 does not write.
func unpack(_ chunk: [UInt8]) throws -> (events: [Event], used: Int) {
    func number(_ place: Int, _ count: Int) throws -> UInt64 {
        guard place + count <= chunk.count else { throw BadChunk() }
        return chunk[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let head = try number(0, 4)
    guard head & 3 == 2 else { throw BadChunk() }
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
    var events: [Event] = []
    for group in 0..<(count + 3) / 4 {
        let (a, b, c) = (
            try number(place + 12 * group, 4), try number(place + 12 * group + 4, 4),
            try number(place + 12 * group + 8, 4)
        )
        let cells = [a >> 8, a & 0xFF | (b >> 16) << 8, b & 0xFFFF | (c >> 24) << 16, c & 0xFF_FFFF]
        for (i, cell) in cells.enumerated() where 4 * group + i < count {
            events.append(
                Event(
                    x: Int(cell >> 1 & 0x7FF), y: Int(cell >> 12), polarity: Int(cell & 1), t: times[4 * group + i]))
        }
    }
    return (events, place + 12 * ((count + 3) / 4))
}
