// Packed chunks as they are stored: in the shortest of the codec's ways, with nothing behind.

import EventFiles
import RandomFixture
import Recordings
import Testing

private let length = ECFEncoder.chunkLength

/// Packs events; what is behind the room must stay.
private func pack(_ events: [Event], room: Int = ECFEncoder.largestChunk) -> [UInt8]? {
    var cells = events.map { UInt32($0.y) << 12 | UInt32($0.x) << 1 | UInt32($0.polarity) }
    // Garbage, as memory that was used before has.
    cells += [UInt32](repeating: 0xA5A5A5, count: length - cells.count)
    let times = events.map(\.t) + [Int64](repeating: 77, count: length - events.count)
    var chunk = [UInt8](repeating: 0xA5, count: room + 64)
    let size = chunk.withUnsafeMutableBytes { memory in
        ECFEncoder.encodeSmallest(
            &cells, times, count: events.count, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<room]))
    }
    #expect(chunk[room...].allSatisfy { $0 == 0xA5 })
    return size.map { Array(chunk[..<$0]) }
}

/// Packs and unpacks; returns the bytes and the way: 2 together, 1 rows and pairs, 0 rows, columns and polarities.
@discardableResult
private func check(_ events: [Event], _ note: String = "") throws -> (count: Int, way: UInt8) {
    let chunk = try #require(pack(events), "\(note)")
    let (unpacked, used) = try unpack(chunk)
    #expect(used == chunk.count && unpacked.count == length, "\(note)")
    #expect(Array(unpacked.prefix(events.count)) == events, "\(note)")
    #expect(unpacked.dropFirst(events.count).allSatisfy { $0 == Event(x: 0, y: 0, polarity: 0, t: events.last!.t) })
    return (chunk.count, chunk[0] & 3)
}

@Suite struct ECFSmallestTests {
    /// Runs of every length around those that are written in another way, of rows, neighbours and polarities.
    @Test(arguments: [1, 2, 5, 6, 7, 30, 31, 32, 126, 127, 128, 1000, 16384], [1, 2, 3, 5, 6, 700])
    func `runs and neighbours`(_ run: Int, _ step: Int) throws {
        var random = SplitMix(seed: UInt64(run * 1000 + step))
        for count in [1, 2, 3, 4, 5, 100, 16383, 16384] {
            for (rows, polarities) in [(run, run), (run, 1), (1, run), (100, run)] {
                let events = (0..<count).map { i in
                    Event(
                        x: min(2047, i % run * step), y: i / rows % 2048, polarity: i / polarities % 2,
                        t: Int64(i / 3) * Int64.random(in: 0...1, using: &random))
                }
                try check(events, "\(count) events, \(rows), \(polarities)")
            }
        }
    }

    /// Each way is taken where it is the shortest.
    @Test func `ways`() throws {
        var random = SplitMix(seed: 4)
        func events(_ place: (Int) -> (x: Int, y: Int, polarity: Int)) -> [Event] {
            (0..<length).map { i in
                let (x, y, polarity) = place(i)
                return Event(x: x, y: y, polarity: polarity, t: Int64(i / 20))
            }
        }
        func any(_ bits: Int) -> Int { Int.random(in: 0..<1 << bits, using: &random) }
        let scattered = try check(events { _ in (any(11), any(11), any(1)) })
        #expect(scattered.way == 2 && scattered.count > 3 * length)
        let inRows = try check(events { i in (any(11), i / 9, any(1)) })
        #expect(inRows.way == 1 && inRows.count < 2 * length)
        let neighbours = try check(events { i in (i % 300 * 2, i / 300, 1) })
        #expect(neighbours.way == 0 && neighbours.count < length)
    }

    /// Time may go back by any step: sixteen bytes each, and no chunk is larger than the largest.
    @Test func `any times`() throws {
        var random = SplitMix(seed: 5)
        let far: Int64 = 1 << 60
        for count in [1, 100, 16384] {
            try check(
                (0..<count).map { i in
                    Event(
                        x: Int.random(in: 0...2047, using: &random), y: Int.random(in: 0...2047, using: &random),
                        polarity: i & 1, t: i & 1 == 0 ? far - Int64(i) : -far + Int64(i))
                })
        }
    }

    @Test func `too little room is refused`() {
        let events = [Event(x: 1, y: 1, polarity: 1, t: 1)]
        #expect(pack(events, room: ECFEncoder.largestChunk - 1) == nil)
        #expect(pack(events, room: 0) == nil)
        #expect(pack([]) == nil)
    }
}
