// Summaries: of which recordings they are the whole index, what of damaged, old and foreign files is believed, several
// writers.

import Files
import Foundation
import RandomFixture
import Recordings
import Synchronization
import Testing

@Suite struct SummaryTests {
    /// A recording whose time stamp is old enough to be believed.
    private func recording(_ folder: TemporaryFolder, _ name: String, _ bytes: [UInt8]) throws -> Recording {
        let path = try folder.file(name, bytes)
        try age(path)
        return try Recording(path: path)
    }

    private func age(_ path: String, seconds: Int = 10) throws {
        let time = timespec(tv_sec: time(nil) - seconds, tv_nsec: 123_456_789)
        #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
    }

    /// Made once: that takes a while.
    private static let made = Mutex<[RecordingFormat: [[UInt8]]]>([:])

    private func payload(_ format: RecordingFormat, _ count: Int, _ seed: UInt64) -> [UInt8] {
        let all = Self.made.withLock { made in
            let all = made[format] ?? streams(format)
            made[format] = all
            return all
        }
        return Array(all[Int(seed % 2)].prefix(count))
    }

    @Test(arguments: wideFormats) func isTheWholeIndexOfShortRecordings(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        for (i, count) in [0, 1, 3, 8, 12, 4000, 4001, 65528, 65534, 65535, 65536, 65540, 65544, 80_000].enumerated() {
            let file = try recording(folder, "\(i).raw", header(format, "640x480") + payload(format, count, UInt64(i)))
            let index = try TimeIndex.build(file)
            let summary = RecordingSummary(file, index)
            #expect(summary.isScanned)
            #expect(summary.isWholeIndex == (index.segmentCount < 2), "\(count)")
            #expect(summary.triggerCount == index.triggerCount)
            if summary.isWholeIndex { #expect(summary.index(of: file) == index, "\(count)") }
            #expect(summary.eventCount == index.eventCount && summary.highestTime == index.highestTime)
            #expect(summary.lastTime == index.lastTime && summary.firstTime == index.firstTime)
            #expect(summary.drops == index.drops && summary.timeShift == index.timeShift)
            #expect(summary.contentsDigest == index.contentsDigest)
            // Through the bytes of a file, and what the header alone says as well.
            let table = try #require(SummaryTable(["b.raw": summary, "a.raw": RecordingSummary(file)], folder: "/x"))
            let read = try #require(SummaryTable(table.bytes, folder: "/x"))
            #expect(read.find("b.raw") == summary && read.find("a.raw") == RecordingSummary(file))
            #expect(read.find("a.raw")?.isScanned == false && read.find("a.raw")?.index(of: file) == nil)
            #expect(read.find("c.raw") == nil && read.find("") == nil && read.find("a") == nil)
        }
    }

    @Test func aTableIsOfOneFolderAndVersion() throws {
        let folder = try TemporaryFolder()
        let file = try recording(folder, "a.raw", header(.evt2, "64x64") + payload(.evt2, 400, 0))
        let bytes = try #require(SummaryTable(["a.raw": RecordingSummary(file)], folder: "/x")).bytes
        #expect(SummaryTable(bytes, folder: "/x") != nil)
        #expect(SummaryTable(bytes, folder: "/y") == nil && SummaryTable(bytes, folder: "/xx") == nil)
        for place in [8, 12] {
            var other = bytes
            other[place] &+= 1
            #expect(SummaryTable(other, folder: "/x") == nil)
        }
    }

    @Test func tablesAreMerged() throws {
        let folder = try TemporaryFolder()
        var random = SplitMix(seed: 5)
        let kinds = try (0..<8).map { i in
            RecordingSummary(
                try recording(folder, "\(i).raw", header(.evt3, "64x64") + payload(.evt3, 400 * i + 2, UInt64(i))))
        }
        for _ in 0..<200 {
            func some() -> [String: RecordingSummary] {
                var all: [String: RecordingSummary] = [:]
                for _ in 0..<Int.random(in: 0..<20, using: &random) {
                    all["f\(Int.random(in: 0..<30, using: &random))"] = kinds.randomElement(using: &random)
                }
                return all
            }
            let (older, newer) = (some(), some())
            let merged = SummaryTable.merged(
                try #require(SummaryTable(older, folder: "/x")), SummaryTable(newer, folder: "/x"),
                keeping: { $0 != "f7" })
            var expected = older.merging(newer) { $1 }
            expected["f7"] = nil
            #expect(merged.count == expected.count)
            for i in 0..<30 { #expect(merged.find("f\(i)") == expected["f\(i)"]) }
        }
    }

    @Test func damageIsSeenOrHarmless() throws {
        let folder = try TemporaryFolder()
        let file = try recording(folder, "a.raw", header(.evt3, "64x64") + payload(.evt3, 4000, 1))
        let summary = RecordingSummary(file, try TimeIndex.build(file))
        let good = try #require(SummaryTable(["a.raw": summary, "b.raw": summary, "c.raw": summary], folder: "/x"))
            .bytes
        var random = SplitMix(seed: 12)
        for round in 0..<6_000 {
            var bad = good
            switch round % 3 {
            case 0: bad[Int.random(in: 0..<bad.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bad.removeLast(Int.random(in: 1...bad.count, using: &random))
            default:
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bad[Int.random(in: 24..<bad.count, using: &random)] = .random(in: .min ... .max, using: &random)
                }
                SummaryTable.seal(&bad)
            }
            guard let table = SummaryTable(bad, folder: "/x") else { continue }
            #expect(round % 3 == 2, "damage was not seen")
            for name in ["a.raw", "b.raw", "c.raw", ""] {
                guard let found = table.find(name) else { continue }
                // Whatever it says, it is arithmetic on numbers in bounds, and reading by it stays in the file.
                #expect(found.eventCount >= 0 && (1...16384).contains(found.geometry.width))
                if let index = found.index(of: file) {
                    var sink = EventCollector()
                    do { try EventReader(file, index).events(in: .min / 2 ..< .max / 2, into: &sink) } catch {
                        #expect(error.code == .changed)
                    }
                }
            }
        }
    }

    // MARK: The store

    private func store(_ folder: TemporaryFolder) -> RecordingSummaries {
        RecordingSummaries(directory: folder.path + "/cache")
    }

    private func files(_ folder: TemporaryFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache")
            .filter { $0.hasSuffix(RecordingSummaries.suffix) }.map { folder.path + "/cache/" + $0 }
    }

    private func known(_ store: RecordingSummaries, _ recording: Recording) -> RecordingSummary? {
        let path = recording.path as NSString
        return store.find(
            path.lastPathComponent, in: path.deletingLastPathComponent, recording.status, settings: recording.settings)
    }

    @Test func isFoundByTheNextStore() throws {
        let folder = try TemporaryFolder()
        let all = try (0..<300).map {
            try recording(folder, "\($0).raw", header(.evt3, "64x64") + payload(.evt3, 10 * $0, 0))
        }
        do {
            let store = IndexStore(directory: folder.path + "/cache")
            for one in all {
                #expect(store.indexIfKnown(of: one) == nil)
                _ = try store.index(of: one)
                #expect(store.indexIfKnown(of: one) != nil)
            }
        }
        // One file for all of them, and none for each.
        #expect(try files(folder).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache").count == 1)
        let other = IndexStore(directory: folder.path + "/cache")
        for one in all {
            var scanned: Int64 = 0
            #expect(try other.index(of: one) { scanned = $0 } == TimeIndex.build(one))
            #expect(scanned == 0)
            #expect(known(other.summaries, one)?.eventCount == (try TimeIndex.build(one).eventCount))
        }
        #expect(other.lastProblem == nil && other.summaries.count == 300)
    }

    @Test func anotherStateOfTheFileIsNotKnown() throws {
        let folder = try TemporaryFolder()
        let bytes = header(.evt3, "64x64") + payload(.evt3, 4000, 0)
        let store = store(folder)
        func note() throws -> Recording {
            let file = try recording(folder, "a.raw", bytes)
            #expect(store.note(RecordingSummary(file, try TimeIndex.build(file)), of: file))
            #expect(known(store, file) != nil && store.index(of: file) != nil)
            return file
        }
        func isUnknown() throws -> Bool {
            let now = try Recording(path: folder.path + "/a.raw")
            return known(store, now) == nil && store.index(of: now) == nil
        }
        let path = try note().path
        try age(path, seconds: 9)
        #expect(try isUnknown(), "touched")
        _ = try note()
        try append([0, 0], to: path)
        #expect(try isUnknown(), "grown")
        let before = try note().status
        // Replaced by one of the same size and time.
        let other = try recording(folder, "b.raw", bytes.dropLast(2) + [0, 0])
        let time = timespec(tv_sec: Int(before.modified / 1_000_000_000), tv_nsec: Int(before.modified % 1_000_000_000))
        #expect(utimensat(AT_FDCWD, other.path, [time, time], 0) == 0)
        #expect(rename(other.path, path) == 0)
        #expect(try FileStatus(path: path).modified == before.modified)
        #expect(try isUnknown(), "replaced")
        // Known under another geometry of the settings.
        let bare = Array("% evt 3.0\n% end\n".utf8) + payload(.evt3, 4000, 0)
        let file = try folder.file("c.raw", bare)
        try age(file)
        let narrow = try Recording(path: file, geometry: Geometry(width: 64, height: 64))
        store.note(RecordingSummary(narrow, try TimeIndex.build(narrow)), of: narrow)
        #expect(known(store, narrow) != nil)
        #expect(known(store, try Recording(path: file, geometry: Geometry(width: 128, height: 64))) == nil)
    }

    @Test func whatWasJustWrittenIsNotRemembered() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("a.raw", header(.evt3, "64x64") + payload(.evt3, 400, 0))
        let now = try Recording(path: path)
        // Unless this machine stood still in between.
        if FileTime.now() - now.status.modified < 40_000_000 {
            #expect(!store(folder).note(RecordingSummary(now, try TimeIndex.build(now)), of: now))
        }
        // It is known to who scanned it all the same.
        let indexes = IndexStore(directory: folder.path + "/cache")
        _ = try indexes.index(of: now)
        #expect(indexes.indexIfKnown(of: now) != nil)
    }

    @Test func severalWriteTheSameFolder() throws {
        let folder = try TemporaryFolder()
        let all = try (0..<120).map {
            try recording(folder, "\($0).raw", header(.evt3, "64x64") + payload(.evt3, 10 * $0, 0))
        }
        let stores = (0..<3).map { _ in store(folder) }
        for (i, one) in all.enumerated() {
            stores[i % 3].note(RecordingSummary(one, try TimeIndex.build(one)), of: one)
            if i % 7 == 0 { stores[i % 2].flush() }
        }
        for store in stores { store.flush() }
        // Each wrote what the others had written before.
        let fresh = store(folder)
        for one in all { #expect(known(fresh, one) != nil) }
        #expect(try files(folder).count == 1)
    }

    @Test func manyThreadsAndWritersAtOnce() async throws {
        let folder = try TemporaryFolder()
        let all = try (0..<64).map {
            try recording(folder, "\($0).raw", header(.evt3, "64x64") + payload(.evt3, 10 * $0, 0))
        }
        let store = store(folder)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for (i, one) in all.enumerated() where i % 4 == worker {
                        store.note(RecordingSummary(one), of: one)
                        store.flush()
                        _ = self.known(store, one)
                    }
                }
            }
        }
        store.flush()
        let fresh = self.store(folder)
        for one in all { #expect(known(fresh, one) == RecordingSummary(one) && known(store, one) != nil) }
    }

    @Test func damagedFilesAreReplacedAndSaidSo() throws {
        let folder = try TemporaryFolder()
        let one = try recording(folder, "a.raw", header(.evt3, "64x64") + payload(.evt3, 400, 0))
        let summary = RecordingSummary(one, try TimeIndex.build(one))
        func write() { store(folder).note(summary, of: one) }
        write()
        let path = try #require(try files(folder).first)
        for damage in [[], [1, 2, 3], Array("evh5fold".utf8), [UInt8](repeating: 0xFF, count: 5000)] {
            try Data(damage).write(to: URL(fileURLWithPath: path))
            let told = Mutex<[String]>([])
            do {
                let store = RecordingSummaries(directory: folder.path + "/cache") { text in
                    told.withLock { $0.append(text) }
                }
                #expect(known(store, one) == nil)
                store.note(summary, of: one)
            }
            #expect(told.withLock { $0.count } >= 1)
            #expect(known(store(folder), one) == summary)
        }
    }

    @Test func aFolderThatCannotBeWrittenIsSaidOnce() throws {
        let folder = try TemporaryFolder()
        let one = try recording(folder, "a.raw", header(.evt3, "64x64") + payload(.evt3, 400, 0))
        let blocked = try folder.file("blocked", [])
        let told = Mutex<[String]>([])
        let store = RecordingSummaries(directory: blocked + "/below") { text in told.withLock { $0.append(text) } }
        store.note(RecordingSummary(one), of: one)
        store.flush()
        #expect(known(store, one) == RecordingSummary(one))
        #expect(told.withLock { !$0.isEmpty })
        // Without a folder all is in memory.
        let memory = RecordingSummaries(directory: nil)
        memory.note(RecordingSummary(one), of: one)
        memory.flush()
        #expect(known(memory, one) == RecordingSummary(one))
    }

    @Test func whatIsGoneIsForgotten() throws {
        let folder = try TemporaryFolder()
        let all = try (0..<200).map {
            try recording(folder, "\($0).raw", header(.evt3, "64x64") + payload(.evt3, 100, 0))
        }
        for directory in [folder.path + "/cache", nil] {
            let store = RecordingSummaries(directory: directory)
            for one in all { store.note(RecordingSummary(one), of: one) }
            store.flush()
            store.prune(folder.path, count: 10) { $0.hasPrefix("1") && $0.utf8.count == 6 }
            store.flush()
            if directory != nil { #expect(known(store, all[20]) == nil) }
            #expect(known(store, all[15]) != nil)
        }
    }
}
