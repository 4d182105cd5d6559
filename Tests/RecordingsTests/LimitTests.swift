// Numbers from outside that are as large as they can be: counters that never end to go around, index files, sizes.

import Files
import Foundation
import Recordings
import Testing

@Suite struct LimitTests {
    private static let turns: [(format: RecordingFormat, range: Int64, words: [UInt8])] = [
        (.evt2, 1 << 34, LimitTests.wraps(0x8FFF_FFFF as UInt32, 0x8000_0000, 0x1000_0801)),
        (.evt4, 1 << 34, LimitTests.wraps(0xEFFF_FFFF as UInt32, 0xE000_0000, 0xB000_0801)),
        (.evt21, 1 << 34, LimitTests.wraps(0x8FFF_FFFF << 32 as UInt64, 0x8000_0000 << 32, 0x1000_0801_0000_0001)),
        (.evt3, 1 << 24, LimitTests.wraps(0x8FFF as UInt16, 0x8000, 0x2001)),
        (.dat, 1 << 32, LimitTests.wraps(0x4001_FFFF_FFFF as UInt64, 0x4001_0000_0000, 0x4001_0000_0001)),
        (.dat1, 1 << 32, LimitTests.wraps(0x0201_FFFF_FFFF as UInt64, 0x0201_0000_0000, 0x0201_0000_0001)),
    ]

    private static func wraps<T: FixedWidthInteger>(_ late: T, _ early: T, _ event: T) -> [UInt8] {
        words((0..<40).flatMap { _ in [late, early, event] })
    }

    /// A state of `format` a few turns before the end, in the last quarter of its range.
    private func state(_ format: RecordingFormat, _ range: Int64, turns: Int64) -> DecoderState {
        var state = DecoderState()
        state.timeHigh = DecoderState.turnLimit - turns * range
        state.started = !format.isDAT
        state.y = 1
        return state
    }

    @Test(arguments: turns.indices) func timeStaysInItsLastTurn(_ i: Int) {
        let (format, range, payload) = Self.turns[i]
        var sink = EventCollector()
        var tally = CountingTally()
        var state = state(format, range, turns: 5)
        let used = payload.withUnsafeBytes {
            format.decode($0, geometry: Geometry(width: 300, height: 200), state: &state, into: &sink, tally: &tally)
        }
        #expect(used == payload.count && sink.events.count >= 40 && tally.drops.total == 0)
        let times = sink.events.map(\.t)
        #expect(times.max() ?? 0 < DecoderState.turnLimit + range)
        #expect(times.max() ?? 0 >= DecoderState.turnLimit)
        #expect(state.timeHigh >= DecoderState.turnLimit && state.timeHigh < DecoderState.turnLimit + range)
        // Until then every wrap counts.
        for k in 1..<5 where !format.isDAT { #expect(times[k] == times[k - 1] + range) }
    }

    /// An index on disk whose last state is near the end, and a recording that has grown by words that go around:
    /// scanned by several threads and by none it gives what a plain decode from there gives.
    @Test func aScanNearTheEndOfTime() throws {
        let folder = try TemporaryFolder()
        let layout = TimeIndex.Layout(
            segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 4096, pieceLength: 4, leadLength: 1)
        let start = words((0..<1024).map { $0 == 0 ? 0x8000_0007 : 0x1000_0801 } as [UInt32])
        let path = try folder.file("a.raw", header(.evt2, "640x480") + start)
        let cache = folder.path + "/cache"
        _ = try IndexStore(directory: cache, layout: layout).index(of: Recording(path: path))
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: cache).first { $0.hasSuffix("evh5index") })
        var file = try File(path: cache + "/" + name).bytes(in: 0..<1 << 20)
        let timeHigh = DecoderState.turnLimit - 300 << 34
        // Where the last whole segment ends: identity (52 bytes), steps back (16), numbers of triggers (24),
        // format, segment size,
        // digest and offset stand before it.
        patch(&file, at: 16 + 52 + 16 + 24 + 1 + 8 + 4 + 8, timeHigh)
        try Data(file).write(to: URL(fileURLWithPath: cache + "/" + name))
        let more = words((0..<40_000).flatMap { _ in [0x8FFF_FFFF, 0x8000_0000, 0x1000_0801] } as [UInt32])
        try append(more, to: path)
        let recording = try Recording(path: path)
        let index = try IndexStore(directory: cache, layout: layout).index(of: recording)
        var state = DecoderState()
        (state.timeHigh, state.timeShift, state.started) = (timeHigh, 7 * 64, true)
        var sink = EventCollector()
        var tally = CountingTally()
        _ = more.withUnsafeBytes {
            RecordingFormat.evt2.decode($0, geometry: recording.geometry, state: &state, into: &sink, tally: &tally)
        }
        #expect(index.eventCount == 1023 + 40_000 && index.lastTime == sink.events.last?.t)
        #expect(index.highestTime == sink.events.map(\.t).max())
        #expect(index.highestTime >= DecoderState.turnLimit - 7 * 64)
        #expect(index.duration > 0 && index.rate >= 0)
    }

    private func patch(_ file: inout [UInt8], at offset: Int, _ value: Int64) {
        file.replaceSubrange(offset..<offset + 8, with: words([value]))
        file.replaceSubrange(12..<16, with: words([crc32(Array(file[16...]))]))
    }

    /// Index files of right checksums and wrong numbers: refused, or read without a trap.
    @Test func indexFilesWithAnyNumbers() throws {
        let folder = try TemporaryFolder()
        let layout = TimeIndex.Layout(
            segmentSize: 512, segmentLimit: 64, chunkSize: 4096, pieceLength: 4, leadLength: 1)
        let payload = sensorStream(.evt2, 2000, 1, oddity: 0)
        let path = try folder.file("a.raw", header(.evt2, "640x480") + payload.prefix(6000))
        let cache = folder.path + "/cache"
        let early = try IndexStore(directory: cache, layout: layout).index(of: Recording(path: path))
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: cache).first { $0.hasSuffix("evh5index") })
        let file = try File(path: cache + "/" + name).bytes(in: 0..<1 << 20)
        let old = try Recording(path: path)
        try append(Array(payload.dropFirst(6000)), to: path)
        let grown = try Recording(path: path)
        var taken = 0
        for offset in 16..<min(file.count - 8, 300) {
            for value in [Int64.max, .min, -1, 0, (1 << 60) - 1, 1 << 56] {
                var bytes = file
                patch(&bytes, at: offset, value)
                try Data(bytes).write(to: URL(fileURLWithPath: cache + "/" + name))
                let store = IndexStore(directory: cache, layout: layout)
                if let index = store.indexIfKnown(of: old) {
                    taken += index == early ? 0 : 1
                    _ = try? EventReader(old, index).all()
                    _ = try? EventReader(old, index).selection(of: 0..<5000).count
                    _ = (index.suspicions, index.duration, index.rate, index.contentsDigest)
                }
                _ = try? store.index(of: grown)
            }
        }
        #expect(taken > 0)
    }

    /// Files that say they are larger than any disk.
    @Test(.enabled(if: access("/dev/shm", W_OK) == 0)) func sizes() throws {
        // A file system in memory takes files of any size, unlike those of many disks.
        let path = "/dev/shm/evh5-recordings-\(UUID().uuidString).raw"
        try Data(header(.evt2, "640x480")).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        for size in [1 << 56 + 1, Int.max] {
            try #require(truncate(path, size) == 0)
            #expect(throws: RecordingError.self) { try Recording(path: path) }
        }
        try #require(truncate(path, 1 << 56) == 0)
        #expect(try Recording(path: path).identity.size == 1 << 56)
    }

    @Test func headerNumbers() throws {
        for number in ["9223372036854775807", "9223372036854775808", "-1", "1e300", "nan", "0x10", ""] {
            for key in ["system_ID", "Version", "Width", "geometry"] {
                let text = "% evt 2.1\n% \(key) \(number)\n% Height 48\n"
                _ = try? RecordingHeader(bytes: Array(text.utf8), name: "a.raw")
            }
        }
        #expect(try RecordingHeader(bytes: Array("% evt 2.0\n% Version nan\n".utf8), name: "a").version == nil)
    }
}
