// Rates of events: by bookmarks against counting.

import Recordings
import Testing

@Suite struct RateTests {
    /// 200,000 events in 2 s: many in the middle, few at the ends, none from 1.2 s to 1.4 s.
    private func events() -> [Event] {
        (0..<200_000).map { i in
            let share = Double(i) / 200_000
            let t = Int64(2_000_000 * (share + 0.12 * (1 - share) * share * (share - 0.5) * 8))
            return event(i % 640, i % 480, i & 1, t + (t > 1_200_000 ? 200_000 : 0))
        }
        .sorted { $0.t < $1.t }
    }

    private func recording(_ folder: borrowing TemporaryFolder, _ events: [Event]) throws -> Recording {
        let path = folder.path + "/a.raw"
        var writer = try RecordingWriter(path: path, format: .evt2, geometry: Geometry(width: 640, height: 480))
        try writer.append(events)
        try writer.finish()
        return try Recording(path: path, geometry: nil)
    }

    @Test func `counting gives the events of each part`() throws {
        let folder = try TemporaryFolder()
        let events = events()
        let recording = try recording(folder, events)
        let index = try TimeIndex.build(recording)
        for (bins, times) in [(1, 0..<3_000_000), (7, 100_000..<1_900_001), (1000, 0..<2_200_000)]
            as [(Int, Range<Int64>)]
        {
            let found = try EventReader(recording, index).counts(bins: bins, in: times)
            var expected = [Int64](repeating: 0, count: bins)
            let scale = Double(bins) / Double(times.count)
            for event in events where times.contains(event.t) {
                expected[Int(Double(event.t - times.lowerBound) * scale)] += 1
            }
            #expect(found == expected)
        }
    }

    @Test func `bookmarks give nearly the same, and the sum exactly`() throws {
        let folder = try TemporaryFolder()
        let events = events()
        let recording = try recording(folder, events)
        let index = try TimeIndex.build(
            recording, layout: TimeIndex.Layout(segmentSize: 1000, segmentLimit: 1 << 18, chunkSize: 1 << 16))
        let all = index.lowestTime..<index.highestTime + 1
        let exact = try EventReader(recording, index).counts(bins: 50, in: all)
        let found = index.counts(bins: 50, in: all)
        #expect(found.reduce(0, +) == 200_000 && index.isFine(bins: 50, in: all))
        for (one, other) in zip(found, exact) { #expect(abs(one - other) <= 500) }
        #expect(!index.isFine(bins: 10_000, in: all) && index.bytes(in: all) > 700_000)
        // A stretch has its own events, whatever lies outside.
        let part = index.counts(bins: 10, in: 500_000..<1_000_000)
        let counted = try EventReader(recording, index).counts(bins: 10, in: 500_000..<1_000_000)
        for (one, other) in zip(part, counted) { #expect(abs(one - other) <= 500) }
    }

    @Test func `without events there is no rate`() throws {
        let folder = try TemporaryFolder()
        let index = try TimeIndex.build(recording(folder, []))
        #expect(index.counts(bins: 3, in: 0..<100) == [0, 0, 0] && index.bytes(in: 0..<100) == 0)
    }
}
