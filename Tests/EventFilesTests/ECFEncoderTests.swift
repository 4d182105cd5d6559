// Packed chunks: every event comes back, and no chunk has more bytes than were set aside for it.

import EventFiles
import RandomFixture
import Recordings
import Testing

/// Packs events into a chunk of `size` bytes; nil when they find no room. What is behind the chunk must stay.
private func pack(_ events: [Event], size: Int) -> [UInt8]? {
    let length = ECFEncoder.chunkLength
    var cells = events.map { UInt32($0.y) << 12 | UInt32($0.x) << 1 | UInt32($0.polarity) }
    // Garbage, as memory that was used before has.
    cells += [UInt32](repeating: 0xA5A5A5, count: length - cells.count)
    let times = events.map(\.t) + [Int64](repeating: 77, count: length - events.count)
    var chunk = [UInt8](repeating: 0xA5, count: size + 64)
    let fits = chunk.withUnsafeMutableBytes { memory in
        ECFEncoder.encode(
            &cells, times, count: events.count, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<size]))
    }
    #expect(chunk[size...].allSatisfy { $0 == 0xA5 })
    return fits ? Array(chunk[..<size]) : nil
}

private func stepsBack(_ events: [Event]) -> Int64 {
    Int64(zip(events, events.dropFirst()).filter { $1.t < $0.t }.count)
}

private func size(for events: [Event]) -> Int {
    let times = events.map(\.t)
    return ECFEncoder.chunkSize(
        events: Int64(events.count), backwardSteps: stepsBack(events), span: times.max()! - times.min()!)
}

/// Packs and unpacks.
private func check(_ events: [Event], _ note: String = "") throws {
    let chunk = try #require(pack(events, size: size(for: events)), "\(note)")
    let (unpacked, used) = try unpack(chunk)
    #expect(unpacked.count == ECFEncoder.chunkLength)
    #expect(Array(unpacked.prefix(events.count)) == events, "\(note)")
    // A chunk that is not full ends with events that nobody looks at.
    #expect(unpacked.dropFirst(events.count).allSatisfy { $0 == Event(x: 0, y: 0, polarity: 0, t: events.last!.t) })
    #expect(chunk[used...].allSatisfy { $0 == 0 })
}

private func events(_ times: [Int64], _ random: inout SplitMix) -> [Event] {
    times.map {
        Event(
            x: Int.random(in: 0...2047, using: &random), y: Int.random(in: 0...2047, using: &random),
            polarity: Int.random(in: 0...1, using: &random), t: $0)
    }
}

@Suite struct ECFEncoderTests {
    private static let counts = [1, 2, 3, 4, 5, 14, 15, 16, 254, 255, 256, 257, 4097, 16383, 16384]

    /// Steps around every number of digits, runs of every way to be counted, in chunks of every kind of length.
    @Test(arguments: counts) func `steps and runs`(_ count: Int) throws {
        var random = SplitMix(seed: UInt64(count))
        for steps in [
            [0], [1], [0, 14, 15, 16], [15], [16], [255, 256, 257], [4095, 4096], [1 << 16, 1 << 20, (1 << 24) - 1],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 29], [1 << 40], [0, 1 << 59],
        ] as [[Int64]] {
            var times = [Int64.random(in: 0...1_000_000, using: &random)]
            while times.count < count {
                let (next, overflow) = times.last!.addingReportingOverflow(steps.randomElement(using: &random)!)
                times.append(overflow || next >= 1 << 61 ? times.last! : next)
            }
            try check(events(times, &random), "steps of \(steps)")
        }
    }

    /// Time may go back by any step, also before 0.
    @Test(arguments: counts) func `time that runs backwards`(_ count: Int) throws {
        var random = SplitMix(seed: UInt64(count))
        let places = (0..<Int64(count)).map(\.self)
        let far: Int64 = 1 << 60
        var kinds: [(note: String, times: [Int64])] = []
        kinds.append(("falling", places.map { 1_000_000 - $0 }))
        kinds.append(("falling far", places.map { far - $0 << 40 }))
        kinds.append(("to and fro", places.map { $0 % 2 == 0 ? 5_000_000_000 - $0 : $0 }))
        kinds.append(("in any order", places.map { _ in Int64.random(in: -1_000_000...1_000_000, using: &random) }))
        kinds.append(("far apart", places.map { _ in Int64.random(in: -far...far, using: &random) }))
        kinds.append(("once", places.map { $0 < Int64(count) / 2 ? $0 + 60_000_000 : $0 }))
        for kind in kinds { try check(events(kind.times, &random), kind.note) }
    }

    /// Times of which as many steps as possible have as many bytes as possible: nothing fits less room.
    @Test func `the fullest chunks fit`() throws {
        let length = Int64(ECFEncoder.chunkLength)
        for span: Int64 in [0, 1, 15, 16, 1000, 16 * length, 16 * length + 240 * 77, 60_000_000, 1 << 40, 1 << 60] {
            for back in [0, 1, 2, 100, length / 2, length - 1] {
                var random = SplitMix(seed: UInt64(span) ^ UInt64(back))
                for step: Int64 in [15, 16, 255, 256, 4096, 65536, 1 << 20, 1 << 24] {
                    var (times, steps, rest) = ([Int64(0)], back, Int64(0))
                    while times.count < ECFEncoder.chunkLength {
                        if times.last! + step <= span {
                            times.append(times.last! + step)
                        } else if steps > 0, times.last! > 0 {
                            steps -= 1
                            times.append(0)
                        } else {
                            rest = min(span, times.last! + 15)
                            times.append(rest)
                        }
                    }
                    let all = events(times, &random)
                    let size = ECFEncoder.chunkSize(events: length, backwardSteps: back, span: span)
                    #expect(pack(all, size: size) != nil, "span \(span), \(back) back, steps of \(step)")
                }
            }
        }
    }

    /// A file that was changed while it was read may have other times than its index says.
    @Test func `what does not fit is not written`() throws {
        var random = SplitMix(seed: 3)
        let all = events((0..<16384).map { 100_000 - $0 }, &random)
        let needed = size(for: all)
        for size in [0, 11, 12, 49_164, 49_170, 49_200, 60_000, 70_000, needed / 2] {
            #expect(pack(all, size: size) == nil)
        }
        #expect(pack(all, size: needed) != nil)
    }

    @Test func `how many bytes a chunk has`() {
        let length = Int64(ECFEncoder.chunkLength)
        // A minute of any recording: 8 bytes an event; one whose time always runs backwards: 20.
        #expect(ECFEncoder.chunkSize(events: 1 << 40, backwardSteps: 0, span: 60_000_000) < 8 * 16384)
        #expect(ECFEncoder.chunkSize(events: 1 << 40, backwardSteps: 1 << 40, span: 60_000_000) <= 20 * 16384 + 64)
        var last = 0
        for (events, back, span) in [
            (1, 0, 0), (100, 0, 0), (length, 0, 0), (length, 0, 100), (length, 0, 100_000), (length, 0, 1 << 30),
            (length, 1, 1 << 30), (length, 50, 1 << 30), (length, 50, 1 << 40), (length, 1 << 40, Int64.max),
        ] as [(Int64, Int64, Int64)] {
            let size = ECFEncoder.chunkSize(events: events, backwardSteps: back, span: span)
            #expect(size >= last && size % 16 == 0)
            last = size
        }
    }
}
