// The map of extents against an array that says for each byte where it lies.

import SidecarStore
import Testing

@Suite struct ExtentMapTests {
    /// The same by the simplest means: one place per byte.
    private struct Bytes: Equatable {
        var places = [[Int64]](repeating: [], count: 4096)

        mutating func insert(_ extent: Extent) {
            for index in 0..<extent.length { places[Int(extent.start + index)] = [extent.file, extent.offset + index] }
        }

        mutating func remove(_ range: Range<Int64>) { for index in range { places[Int(index)] = [] } }

        init() {}

        init(_ map: ExtentMap) {
            map.visit { insert($0) }
        }
    }

    private struct Random {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int64(state >> 33) % Int64(bound)
        }
    }

    @Test(arguments: 1...40)
    func changesAsAnArrayDoes(seed: UInt64) {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
        var map = ExtentMap()
        var bytes = Bytes()
        var copy = map
        var copiedBytes = bytes
        for step in 0..<2000 {
            let start = random.below(4000)
            let length = 1 + random.below(seed % 2 == 0 ? 6 : 90)
            if random.below(5) == 0 {
                map.remove(start..<start + length)
                bytes.remove(start..<start + length)
            } else {
                // Often where the one before in the file ends, so that they join.
                let extent = Extent(start: start, length: length, file: 1 + random.below(3), offset: start + 10_000)
                map.insert(extent)
                bytes.insert(extent)
            }
            if step == 1000 {
                copy = map
                copiedBytes = bytes
            }
            if step % 50 == 0 {
                #expect(Bytes(map) == bytes)
                check(map, &random, bytes)
            }
        }
        #expect(Bytes(map) == bytes)
        #expect(Bytes(copy) == copiedBytes)
    }

    private func check(_ map: ExtentMap, _ random: inout Random, _ bytes: Bytes) {
        var count = 0
        var last: Extent?
        map.visit { extent in
            #expect(extent.length > 0 && extent.start >= last?.end ?? 0)
            if let last {
                #expect(
                    !(last.end == extent.start && last.file == extent.file
                        && last.offset + last.length == extent.offset))
            }
            last = extent
            count += 1
        }
        #expect(count == map.count && map.end == last?.end ?? 0)
        for _ in 0..<20 {
            let start = random.below(4000)
            let range = start..<start + 1 + random.below(90)
            var part = Bytes()
            map.visit(in: range) { part.insert($0) }
            var expected = bytes
            expected.remove(0..<range.lowerBound)
            expected.remove(range.upperBound..<4096)
            #expect(part == expected)
            let own = map.first(of: 2, in: range)
            #expect(own?.start == range.first { bytes.places[Int($0)].first == 2 })
        }
    }

    @Test func sequentialPiecesAreOneExtent() {
        var map = ExtentMap()
        for index in 0..<Int64(10_000) {
            map.insert(Extent(start: index * 10, length: 10, file: 1, offset: index * 10))
        }
        #expect(map.count == 1 && map.end == 100_000)
        // Backwards, and the last gap filled in the middle.
        var other = ExtentMap()
        for index in (0..<Int64(1000)).reversed() where index != 500 {
            other.insert(Extent(start: index * 10, length: 10, file: 1, offset: index * 10))
        }
        #expect(other.count == 2)
        other.insert(Extent(start: 5000, length: 10, file: 1, offset: 5000))
        #expect(other.count == 1)
    }

    @Test func manyExtentsInAnyOrder() {
        var map = ExtentMap()
        let count: Int64 = 200_000
        for index in 0..<count {
            map.insert(Extent(start: index * 7919 % count * 1000, length: 500, file: 1, offset: index * 500))
        }
        #expect(map.count == Int(count))
        var last: Int64 = -1000
        map.visit { extent in
            #expect(extent.start == last + 1000)
            last = extent.start
        }
        map.remove(1_000_250..<150_000_000)
        #expect(map.count == Int(count) - 149_000 + 1 && map.end == (count - 1) * 1000 + 500)
    }

    @Test func refusesWhatIsNoMap() {
        let good = Extent(start: 10, length: 5, file: 1, offset: 0)
        #expect(ExtentMap(sorted: [good])?.count == 1)
        for bad in [
            [good, Extent(start: 14, length: 5, file: 1, offset: 0)], [Extent(start: 1, length: 0, file: 1, offset: 0)],
            [Extent(start: -1, length: 5, file: 1, offset: 0)], [Extent(start: 1, length: -5, file: 1, offset: 0)],
            [Extent(start: 1, length: 5, file: 1, offset: -1)], [Extent(start: 1, length: 5, file: 0, offset: 0)],
            [Extent(start: .max - 1, length: 5, file: 1, offset: 0)],
            [Extent(start: 1, length: 5, file: 1, offset: .max - 1)],
        ] {
            #expect(ExtentMap(sorted: bad)?.count == nil)
        }
    }
}
