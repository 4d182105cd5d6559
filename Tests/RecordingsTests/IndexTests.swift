// The time index: totals, windows, numbers, growth, storage; against a plain decode of everything.

import Files
import Foundation
import RandomFixture
import Recordings
import Synchronization
import Testing

private let geometry = Geometry(width: 640, height: 480)

/// Words that are mostly sensible, with time that wraps, jumps and runs backwards.
private func stream(_ format: RecordingFormat, _ count: Int, _ seed: UInt64) -> [UInt8] {
    var random = SplitMix(seed: seed)
    func below(_ n: UInt32) -> UInt32 { UInt32.random(in: 0..<n, using: &random) }
    var high: UInt32 = 4000
    func step(_ mask: UInt32) -> UInt32 {
        switch below(400) {
        case 0: high = below(mask)
        case 1: high = high &- below(8)
        case 2: high = high &+ below(3000)
        default: high = high &+ 1
        }
        high &= mask
        return high
    }
    switch format {
    case .evt3:
        return words(
            (0..<count).map { i -> UInt16 in
                switch i == 0 ? 20 : below(24) {
                case 0...8: return UInt16(0x2000 | below(2) << 11 | below(650))
                case 9, 10: return UInt16(0x3000 | below(2) << 11 | below(640))
                case 11...14: return UInt16(0x4000 | below(4096))
                case 15, 16: return UInt16(0x5000 | below(4096))
                case 17: return UInt16(below(490))
                case 18, 19: return UInt16(0x6000 | below(4096))
                case 20: return UInt16(0x8000 | step(0xFFF))
                case 21: return UInt16(0xE000 | below(4096))
                case 22: return UInt16(below(65536))
                default: return UInt16(below(480))
                }
            })
    case .evt2, .evt4:
        let (off, time): (UInt32, UInt32) = format == .evt2 ? (0, 8) : (0xA, 0xE)
        return words(
            (0..<count).map { i -> UInt32 in
                switch i == 0 ? 18 : below(20) {
                case 0...14: return (off + below(2)) << 28 | below(64) << 22 | below(644) << 11 | below(484)
                case 15, 16:
                    return format == .evt2
                        ? below(.max) : (0xC + below(2)) << 28 | below(64) << 22 | below(640) << 11 | below(480)
                case 17: return below(.max)
                default: return time << 28 | step(0x0FFF_FFFF)
                }
            })
    case .evt21, .evt21Legacy:
        return words(
            (0..<count).map { i -> UInt64 in
                let upper: UInt32 =
                    switch i == 0 ? 18 : below(20) {
                    case 0...16: below(2) << 28 | below(64) << 22 | below(644) << 11 | below(484)
                    case 17: below(.max)
                    default: 8 << 28 | step(0x0FFF_FFFF)
                    }
                let mask = below(.max) & below(.max) & below(.max)
                return format == .evt21 ? UInt64(upper) << 32 | UInt64(mask) : UInt64(mask) << 32 | UInt64(upper)
            })
    case .dat, .dat1:
        var t: UInt32 = 0xFFFF_0000
        return words(
            (0..<count).map { _ -> UInt64 in
                t = below(300) == 0 ? t &- below(5000) : t &+ below(20)
                return UInt64(below(2) << 28 | below(484) << 14 | below(644)) << 32 | UInt64(t)
            })
    }
}

private let layouts = [
    TimeIndex.Layout.standard,
    TimeIndex.Layout(segmentSize: 8, segmentLimit: 1 << 18, chunkSize: 100),
    TimeIndex.Layout(segmentSize: 24, segmentLimit: 16, chunkSize: 4096),
    TimeIndex.Layout(segmentSize: 1000, segmentLimit: 64, chunkSize: 777),
    TimeIndex.Layout(segmentSize: 4096, segmentLimit: 1 << 18, chunkSize: 1 << 16),
]

@Suite struct IndexTests {
    private func recording(_ format: RecordingFormat, _ payload: [UInt8], _ folder: TemporaryFolder) throws -> Recording
    {
        try Recording(path: folder.file("a.raw", header(format, "640x480") + payload))
    }

    @Test(arguments: wideFormats) func totalsAreThoseOfAPlainDecode(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let payload = stream(format, 20_000, 1) + [1, 2, 3]
        let plain = decode(format, payload, geometry)
        #expect(plain.events.count > 5000)
        let recording = try recording(format, payload, folder)
        for layout in layouts {
            let index = try TimeIndex.build(recording, layout: layout)
            #expect(index.eventCount == Int64(plain.events.count))
            #expect(index.firstTime == plain.events.first?.t)
            #expect(index.lastTime == plain.events.last?.t)
            #expect(index.lowestTime == plain.events.map(\.t).min())
            #expect(index.highestTime == plain.events.map(\.t).max())
            #expect(index.backwardSteps == plain.events.stepsBack)
            #expect(index.timeShift == plain.state.timeShift)
            #expect(index.otherWords == plain.otherWords)
            var drops = plain.drops
            drops.truncatedBytes = Int64(payload.count - plain.used)
            #expect(index.drops == drops)
            #expect(drops.truncatedBytes > 0)
        }
    }

    @Test(arguments: wideFormats) func windowsAreAFilterOfEverything(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let payload = stream(format, 20_000, 2)
        let events = decode(format, payload, geometry).events
        let times = events.map(\.t).sorted()
        let recording = try recording(format, payload, folder)
        var random = SplitMix(seed: 3)
        for layout in layouts {
            let reader = EventReader(recording, try TimeIndex.build(recording, layout: layout))
            #expect(try reader.all() == events)
            #expect(try reader.all(5..<5).isEmpty)
            for _ in 0..<12 {
                let a = times[Int.random(in: 0..<times.count, using: &random)]
                let b = times[Int.random(in: 0..<times.count, using: &random)]
                let window = min(a, b)..<max(a, b)
                let expected = events.filter { window.contains($0.t) }
                #expect(try reader.all(window) == expected)

                let selection = try reader.selection(of: window)
                #expect(selection.count == Int64(expected.count))
                guard !expected.isEmpty else { continue }
                for _ in 0..<3 {
                    let first = Int.random(in: 0..<expected.count, using: &random)
                    let last = min(expected.count, first + Int.random(in: 0...3000, using: &random))
                    var sink = EventCollector()
                    try reader.events(numbered: Int64(first)..<Int64(last), of: selection, into: &sink)
                    #expect(sink.events == Array(expected[first..<last]))
                }
            }
        }
    }

    @Test(arguments: wideFormats) func aResumedIndexEqualsAFreshOne(_ format: RecordingFormat) throws {
        let payload = stream(format, 12_000, 4)
        var random = SplitMix(seed: 5)
        for layout in layouts {
            let folder = try TemporaryFolder()
            var size = Int.random(in: 0..<payload.count / 4, using: &random)
            let path = try folder.file("a.raw", header(format, "640x480") + payload[..<size])
            var index = try TimeIndex.build(Recording(path: path), layout: layout)
            while size < payload.count {
                let more = min(payload.count - size, Int.random(in: 1..<payload.count / 3, using: &random))
                try append(Array(payload[size..<size + more]), to: path)
                size += more
                let recording = try Recording(path: path)
                let resumed = try #require(try index.extended(to: recording, layout: layout))
                #expect(resumed == (try TimeIndex.build(recording, layout: layout)))
                index = resumed
            }
            #expect(try EventReader(Recording(path: path), index).all() == decode(format, payload, geometry).events)
        }
    }

    /// SplitMix bytes, and good streams with bits flipped: every window still is a filter of a plain decode.
    @Test(arguments: wideFormats) func damageIsDecodedTheSameByEveryPath(_ format: RecordingFormat) throws {
        var random = SplitMix(seed: 13)
        for round in 0..<12 {
            let folder = try TemporaryFolder()
            var payload = stream(format, 6000, UInt64(100 + round))
            if round % 3 == 0 {
                payload = payload.map { _ in UInt8.random(in: .min ... .max, using: &random) }
            } else {
                for _ in 0..<(round * 20) {
                    payload[Int.random(in: 0..<payload.count, using: &random)] ^=
                        1 << UInt8.random(in: 0..<8, using: &random)
                }
                payload.removeSubrange(500..<500 + round)
            }
            let plain = decode(format, payload, geometry)
            #expect(plain.events.allSatisfy { $0.x < 640 && $0.y < 480 && $0.polarity < 2 })
            let recording = try recording(format, payload, folder)
            for layout in layouts {
                let index = try TimeIndex.build(recording, layout: layout)
                var drops = plain.drops
                drops.truncatedBytes = Int64(payload.count - plain.used)
                #expect(index.drops == drops)
                #expect(index.eventCount == Int64(plain.events.count))
                #expect(index.lowestTime == plain.events.map(\.t).min() ?? 0)
                #expect(index.highestTime == plain.events.map(\.t).max() ?? 0)
                let reader = EventReader(recording, index)
                for window in [
                    0..<5000, -10_000..<max(0, index.lastTime), index.firstTime..<Int64.max,
                    Int64.min / 2..<Int64.max / 2,
                ] {
                    guard !window.isEmpty else { continue }
                    #expect(try reader.all(window) == plain.events.filter { window.contains($0.t) })
                }
            }
        }
    }

    @Test func mergingKeepsTheNumberOfSegmentsBounded() throws {
        let folder = try TemporaryFolder()
        let payload = stream(.evt2, 40_000, 6)
        let recording = try recording(.evt2, payload, folder)
        let index = try TimeIndex.build(recording, layout: .init(segmentSize: 8, segmentLimit: 16, chunkSize: 1024))
        #expect(index.memorySize - index.triggers.count * MemoryLayout<Trigger>.stride < 4096)
        #expect(try EventReader(recording, index).all() == decode(.evt2, payload, geometry).events)
    }

    @Test func whatIsNoContinuationIsNotResumed() throws {
        let folder = try TemporaryFolder()
        let payload = stream(.evt3, 5000, 7)
        let path = try folder.file("a.raw", header(.evt3, "640x480") + payload)
        let index = try TimeIndex.build(Recording(path: path))
        #expect(try index.extended(to: Recording(path: path)) == nil)
        // Other bytes where the old recording ended, in the same file.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seek(toOffset: UInt64(header(.evt3, "640x480").count + payload.count - 10))
        try handle.write(contentsOf: Data([UInt8](repeating: 0x20, count: 100)))
        try handle.close()
        #expect(try index.extended(to: Recording(path: path)) == nil)
        let other = try folder.file("b.raw", header(.evt3, "640x480") + payload + payload)
        #expect(try index.extended(to: Recording(path: other)) == nil)
    }

    @Test func aRecordingThatShrinksIsAnError() throws {
        let folder = try TemporaryFolder()
        let payload = stream(.evt2, 200_000, 8)
        let recording = try recording(.evt2, payload, folder)
        let reader = EventReader(recording, try TimeIndex.build(recording))
        #expect(truncate(recording.path, 100_000) == 0)
        #expect(throws: RecordingError.self) { try reader.all() }
        do {
            try recording.checkUnchanged()
            Issue.record("a shrunken recording passed for unchanged")
        } catch { #expect(error.code == .changed) }
    }

    @Test func emptyRecordings() throws {
        let folder = try TemporaryFolder()
        for format in wideFormats {
            for payload in [[], [1], words([0, 0] as [UInt64])] {
                let path = try folder.file("a.raw", header(format, "640x480") + payload)
                let recording = try Recording(path: path)
                let index = try TimeIndex.build(recording)
                let events = decode(format, payload, geometry).events
                #expect(index.eventCount == Int64(events.count))
                #expect(index.lastTime == events.last?.t ?? 0 && index.lowestTime == 0 && index.highestTime == 0)
                #expect(index.rate == 0)
                #expect(try EventReader(recording, index).all() == events)
                #expect(try EventReader(recording, index).selection(of: 0..<10).count == Int64(events.count))
            }
        }
    }
}

@Suite struct IndexStoreTests {
    private func make(_ folder: TemporaryFolder, _ count: Int = 60_000) throws -> (path: String, payload: [UInt8]) {
        let payload = stream(.evt3, count, 9)
        return (try folder.file("a.raw", header(.evt3, "640x480") + payload), payload)
    }

    private func indexFile(_ folder: TemporaryFolder) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache/index")
            .filter { $0.hasSuffix(".evh5index") }
        #expect(names.count == 1)
        return folder.path + "/cache/index/" + (try #require(names.first))
    }

    @Test func isReadBackFromDisk() throws {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: make(folder).path)
        let built = try TimeIndex.build(recording)
        let store = IndexStore(directory: folder.path + "/cache/index")
        #expect(store.indexIfKnown(of: recording) == nil)
        #expect(try store.index(of: recording) == built)
        #expect(try store.index(of: recording) === store.indexIfKnown(of: recording))

        let other = IndexStore(directory: folder.path + "/cache/index")
        #expect(other.indexIfKnown(of: recording) == built)
        var scanned: Int64 = 0
        let third = IndexStore(directory: folder.path + "/cache/index")
        #expect(try third.index(of: recording) { scanned = $0 } == built)
        #expect(scanned == 0)
        #expect(store.lastProblem == nil && other.lastProblem == nil && third.lastProblem == nil)
    }

    /// Stores an index as a machine would that has other numbers in its identity: the device's at byte 0, the inode's
    /// at byte 8.
    private func rewrite(_ path: String, _ offset: Int) throws {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[16 + offset] ^= 0x55
        let digest = crc32(Array(bytes[16...]))
        bytes.replaceSubrange(12..<16, with: withUnsafeBytes(of: digest.littleEndian) { Array($0) })
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func scanned(_ folder: TemporaryFolder, _ recording: Recording) throws -> (index: TimeIndex, bytes: Int64) {
        var bytes: Int64 = 0
        let store = IndexStore(directory: folder.path + "/cache/index")
        let isKnown = IndexStore(directory: folder.path + "/cache/index").indexIfKnown(of: recording) != nil
        let index = try store.index(of: recording) { bytes = $0 }
        #expect(isKnown == (bytes == 0))
        return (index, bytes)
    }

    @Test func otherMachinesHaveOtherNumbersForTheDevice() throws {
        let folder = try TemporaryFolder()
        let made = try make(folder)
        let recording = try Recording(path: made.path)
        let built = try IndexStore(directory: folder.path + "/cache/index").index(of: recording)
        let path = try indexFile(folder)
        try rewrite(path, 0)
        let shared = try scanned(folder, recording)
        #expect(shared.bytes == 0 && shared.index == built && shared.index.identity == recording.identity)
        // Another inode is another file.
        try rewrite(path, 8)
        #expect(try scanned(folder, recording).bytes > 0)
        // And so is one of the same size and time with another end.
        try rewrite(path, 0)
        let handle = try #require(FileHandle(forUpdatingAtPath: made.path))
        try handle.seek(toOffset: UInt64(recording.status.size - 2))
        try handle.write(contentsOf: [made.payload[made.payload.count - 2] ^ 1, made.payload[made.payload.count - 1]])
        try handle.close()
        var times = [timespec(), timespec()]
        for i in 0..<2 {
            times[i] = timespec(
                tv_sec: Int(recording.status.modified / 1_000_000_000),
                tv_nsec: Int(recording.status.modified % 1_000_000_000))
        }
        #expect(utimensat(AT_FDCWD, made.path, times, 0) == 0)
        let changed = try Recording(path: made.path)
        #expect(changed.identity == recording.identity)
        #expect(try scanned(folder, changed).bytes > 0)
    }

    @Test func contentsHaveOneDigestEverywhere() throws {
        let folder = try TemporaryFolder()
        let made = try make(folder)
        let bytes = header(.evt3, "640x480") + made.payload
        func digest(_ name: String, _ bytes: [UInt8]) throws -> UInt64 {
            try TimeIndex.build(Recording(path: folder.file(name, bytes))).contentsDigest
        }
        let first = try digest("b.raw", bytes)
        #expect(try first == digest("c.raw", bytes))
        #expect(try first == TimeIndex.build(Recording(path: made.path), threads: 2).contentsDigest)
        var changed = bytes
        changed[changed.count - 100] ^= 1
        #expect(try first != digest("d.raw", changed))
        #expect(try first != digest("e.raw", Array(bytes.dropLast(2))))
    }

    @Test func damagedFilesAreRebuilt() throws {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: make(folder, 100_000).path)
        let built = try TimeIndex.build(recording)
        _ = try IndexStore(directory: folder.path + "/cache/index").index(of: recording)
        let path = try indexFile(folder)
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var random = SplitMix(seed: 10)
        for round in 0..<300 {
            var bad = good
            switch round % 3 {
            case 0: bad[Int.random(in: 0..<bad.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bad = bad.prefix(Int.random(in: 0..<bad.count, using: &random))
            default:
                // Damage with a checksum that is right: every number is checked as well.
                let place = Int.random(in: 16..<bad.count, using: &random)
                bad[place] = UInt8.random(in: .min ... .max, using: &random)
                withUnsafeBytes(of: crc32(Array(bad[16...])).littleEndian) { bad.replaceSubrange(12..<16, with: $0) }
            }
            try bad.write(to: URL(fileURLWithPath: path))
            let store = IndexStore(directory: folder.path + "/cache/index")
            let index = try store.index(of: recording)
            if round % 3 < 2 {
                #expect(index == built)
                #expect(bad == good || store.lastProblem != nil)
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
            } else {
                // Whatever it says, reading by it stays in bounds.
                var sink = BoundsSink()
                do { try EventReader(recording, index).events(in: .min / 2 ..< .max / 2, into: &sink) } catch {
                    #expect(error.code == .changed)
                }
                #expect(sink.isInside)
            }
        }
    }

    private struct BoundsSink: EventSink {
        var isInside = true
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            if !(0..<640).contains(x) || !(0..<480).contains(y) || !(0..<2).contains(polarity) { isInside = false }
        }
    }

    @Test func growthIsScannedFromWhereItStopped() throws {
        let folder = try TemporaryFolder()
        let (path, payload) = try make(folder, 200_000)
        _ = try IndexStore(directory: folder.path + "/cache/index").index(of: Recording(path: path))
        try append(payload, to: path)
        let recording = try Recording(path: path)
        let store = IndexStore(
            directory: folder.path + "/cache/index",
            layout: .init(segmentSize: 65536, segmentLimit: 1 << 18, chunkSize: 4096))
        var first: Int64 = 0
        #expect(store.indexIfKnown(of: recording) == nil)
        let index = try store.index(of: recording) { if first == 0 { first = $0 } }
        #expect(index == (try TimeIndex.build(recording)))
        // 400,000 bytes are six whole segments; the scan begins after them.
        #expect(first >= 6 * 65536)
        // The file on disk is that of the grown recording now.
        #expect(IndexStore(directory: folder.path + "/cache/index").indexIfKnown(of: recording) == index)
    }

    @Test func aRewrittenRecordingIsScannedAgain() throws {
        let folder = try TemporaryFolder()
        let (path, payload) = try make(folder)
        let store = IndexStore(directory: folder.path + "/cache/index")
        _ = try store.index(of: Recording(path: path))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seek(toOffset: UInt64(header(.evt3, "640x480").count))
        try handle.write(contentsOf: Data(stream(.evt3, payload.count / 2, 11)))
        try handle.close()
        let recording = try Recording(path: path)
        #expect(try store.index(of: recording) == TimeIndex.build(recording))
    }

    @Test func aFolderThatCannotBeUsedDoesNoHarm() throws {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: make(folder).path)
        let built = try TimeIndex.build(recording)
        // A file where the folder should be: nobody can write there, not even root.
        let blocked = try folder.file("blocked", [])
        for directory in [blocked, blocked + "/below"] {
            let told = Mutex<[String]>([])
            let store = IndexStore(directory: directory) { problem in told.withLock { $0.append(problem) } }
            #expect(try store.index(of: recording) == built)
            #expect(store.lastProblem != nil)
            #expect(told.withLock { $0.last } == store.lastProblem)
        }
        let store = IndexStore(directory: nil)
        #expect(try store.index(of: recording) == built)
        #expect(store.lastProblem == nil)
    }

    @Test func onlyOneScanHoweverManyAsk() async throws {
        let folder = try TemporaryFolder()
        let path = try make(folder, 400_000).path
        let store = IndexStore(
            directory: nil, layout: .init(segmentSize: 65536, segmentLimit: 1 << 18, chunkSize: 4096))
        let indexes = try await withThrowingTaskGroup(of: (TimeIndex, Bool).self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var scanned = false
                    let index = try store.index(of: Recording(path: path)) { _ in scanned = true }
                    return (index, scanned)
                }
            }
            var all: [(TimeIndex, Bool)] = []
            for try await one in group { all.append(one) }
            return all
        }
        #expect(indexes.count { $0.1 } == 1)
        #expect(indexes.allSatisfy { $0.0 === indexes[0].0 })
    }

    @Test func memoryIsBounded() throws {
        let folder = try TemporaryFolder()
        let store = IndexStore(directory: nil, memoryLimit: 4000)
        var recordings: [Recording] = []
        for i in 0..<10 {
            let path = try folder.file("\(i).raw", header(.evt3, "640x480") + stream(.evt3, 400_000, UInt64(i)))
            recordings.append(try Recording(path: path))
        }
        for recording in recordings { _ = try store.index(of: recording) }
        #expect(store.indexIfKnown(of: recordings[9]) != nil)
        #expect(store.indexIfKnown(of: recordings[0]) == nil)
    }

    /// A scan that began on one recording and ended on another, longer one in the same file gives no index.
    @Test func rewrittenLongerWhileScanned() throws {
        let folder = try TemporaryFolder()
        func recording(_ y: UInt32, _ count: Int) -> [UInt8] {
            header(.evt2, "64x64") + words([0x8000_0000] + (0..<count).map { UInt32($0 & 63) << 22 | y })
        }
        let path = try folder.file("a.raw", recording(1, 200_000))
        let opened = try Recording(path: path)
        var isRewritten = false
        let failure = #expect(throws: RecordingError.self) {
            _ = try TimeIndex.build(opened, layout: .init(segmentSize: 4096, segmentLimit: 1 << 18, chunkSize: 65536)) {
                guard $0 > 300_000, !isRewritten else { return }
                isRewritten = true
                // In place: the same inode.
                let file = FileHandle(forWritingAtPath: path)
                file?.write(Data(recording(2, 300_000)))
                file?.closeFile()
            }
        }
        #expect(isRewritten)
        #expect(failure?.code == .changed)
    }
}
