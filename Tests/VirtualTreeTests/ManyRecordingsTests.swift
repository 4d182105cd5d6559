// Folders of many recordings: sizes told by arithmetic against files that libhdf5 makes, listings, changes, what is not
// shown.

import Foundation
import Logging
import RandomFixture
import Synchronization
import Testing
import VirtualTree

@Suite struct ManyRecordingsTests {
    /// Listings as `ls -l` sees them: the sizes of what a listing knows without being asked name by name.
    private func sizes(_ tree: VirtualFileSystem, _ path: String) throws -> [String: Int64?] {
        let handle = try tree.openDirectory(tree.walk(path).attributes.inode)
        defer { tree.releaseDirectory(handle) }
        var sizes: [String: Int64?] = [:]
        try tree.readDirectory(handle, from: 0, counting: true) {
            sizes[$0.name] = .some($0.entry?.attributes.size)
            if let inode = $0.entry?.attributes.inode { tree.forget(inode, 1) }
            return true
        }
        for own in [".", ".."] { sizes[own] = nil }
        return sizes
    }

    private func age(_ path: String, seconds: Int = 10) {
        let time = timespec(tv_sec: time(nil) - seconds, tv_nsec: 1_234_567)
        #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
    }

    private func openedSize(_ tree: VirtualFileSystem, _ path: String) throws -> Int64 {
        let inode = try tree.walk(path).attributes.inode
        let opened = try tree.open(inode, flags: O_RDONLY)
        defer { tree.release(opened.handle) }
        return try tree.attributes(inode, of: opened.handle, by: { 0 }).attributes.size
    }

    static let preprocessings = [
        "histo", "histo,downsample=2", "timesurface", "timesurface,dtype=uint8", "diff", "event_cube",
        "multi_channel_timesurface", "histo_quantized", "diff_quantized",
    ]
    static let windows = [
        "1ms", "50ms", "10s", "7ev", "1000ev", "20ms,start_ts=30ms", "50ms,start_ts=1s", "5ev,start_ts=30ms",
    ]

    /// What `stat` says before anything is opened is what the file has that libhdf5 made, for all kinds of
    /// specifications and recordings.
    @Test(arguments: preprocessings) func sizesAreThoseOfTheFiles(_ preprocessing: String) throws {
        let source = try Source()
        var random = SplitMix(seed: 3)
        for i in 0..<8 {
            let name = String(repeating: "n", count: [1, 7, 8, 9, 16, 60, 120, 240][i])
            var events = line(Int.random(in: 0..<60, using: &random), step: Int.random(in: 1..<3000, using: &random))
            if i == 3 { events = [] }
            try source.write(name + ".raw", evt2(events, geometry: i % 2 == 0 ? "16x8" : "64x32"))
            if i % 3 > 0 { age(source.path + "/" + name + ".raw") }
        }
        let cache = try Source()
        for _ in 0..<2 {
            let tree = try source.tree { $0.cacheDirectory = cache.path }
            for window in Self.windows {
                let path = "\(preprocessing)/\(window)"
                let listed = try sizes(tree, path)
                #expect(listed.count == 8)
                for (name, size) in listed {
                    let told = try tree.walk("\(path)/\(name)").attributes.size
                    #expect(size == nil || size == told)
                    #expect(try openedSize(tree, "\(path)/\(name)") == told, "\(path)/\(name)")
                }
            }
            for window in ["10ms,max_duration=50ms", "9ev,max_duration=30ms"] {
                for (name, _) in try sizes(tree, "\(preprocessing)/\(window)") {
                    let told = try tree.walk("\(preprocessing)/\(window)/\(name)").attributes.size
                    #expect(try openedSize(tree, "\(preprocessing)/\(window)/\(name)") == told, "\(window)/\(name)")
                }
            }
            tree.catalog.finish()
        }
    }

    @Test func listingsAnswerForShortRecordingsAtOnceAndForAllAfterARestart() throws {
        let source = try Source()
        let cache = try Source()
        for i in 0..<500 {
            try source.write("a/\(i).raw", evt2(line(10 + i % 50, step: 20_000)))
            age(source.path + "/a/\(i).raw")
        }
        try source.write("a/long.raw", evt2(line(40_000, step: 10)))
        age(source.path + "/a/long.raw")
        let tree = try source.tree { $0.cacheDirectory = cache.path }
        var listed = try sizes(tree, "histo/50ms/a")
        #expect(listed.count == 501)
        #expect(listed.filter { $0.value == nil }.map(\.key) == ["long.h5"])
        let size = try tree.walk("histo/50ms/a/long.h5").attributes.size
        listed["long.h5"] = size
        #expect(try sizes(tree, "histo/50ms/a") == listed)
        for i in [0, 77, 499] { #expect(try tree.walk("histo/50ms/a/\(i).h5").attributes.size == listed["\(i).h5"]) }
        tree.catalog.finish()
        let again = try source.tree { $0.cacheDirectory = cache.path }
        #expect(try sizes(again, "histo/50ms/a") == listed)
        #expect(try sizes(again, "timesurface/20ms/a").allSatisfy { $0.value != nil })
        // A file for the folder, the index of the long one, no other.
        let files = try FileManager.default.contentsOfDirectory(atPath: cache.path).filter { $0 != "frames" }
        #expect(files.filter { $0.hasSuffix(".evh5summary") }.count == 1 && files.count == 2)
    }

    /// Every change shows: a size is never that of another state.
    @Test func changesAreSeen() throws {
        let source = try Source()
        let cache = try Source()
        var events: [Int: Int] = [:]
        func write(_ i: Int, _ count: Int, aged: Bool) throws {
            try source.write("new", evt2(line(count, step: 20_000), geometry: "64x32"))
            if aged { age(source.path + "/new") }
            #expect(rename(source.path + "/new", source.path + "/r\(i).raw") == 0)
            events[i] = count
        }
        for i in 0..<40 { try write(i, 3 * i, aged: true) }
        var random = SplitMix(seed: 8)
        var tree = try source.tree { $0.cacheDirectory = cache.path }
        for round in 0..<60 {
            let i = Int.random(in: 0..<40, using: &random)
            let path = source.path + "/r\(i).raw"
            switch Int.random(in: 0..<7, using: &random) {
            case 0: try write(i, Int.random(in: 0..<200, using: &random), aged: .random(using: &random))
            case 1:
                unlink(path)
                events[i] = nil
            case 2:
                let j = Int.random(in: 40..<50, using: &random)
                if rename(path, source.path + "/r\(j).raw") == 0 {
                    events[j] = events[i]
                    events[i] = nil
                }
            case 3 where events[i] != nil: age(path, seconds: Int.random(in: 1..<1000, using: &random))
            case 4 where events[i] != nil:
                // Grown: a later state of a recording of the same events.
                let count = (events[i] ?? 0) + 40
                let bytes = evt2(line(count, step: 20_000), geometry: "64x32")
                let old = try Data(contentsOf: URL(fileURLWithPath: path)).count
                if old < bytes.count {
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.seekToEnd()
                    try handle.write(contentsOf: Data(bytes[old...]))
                    try handle.close()
                    events[i] = count
                }
            case 5:
                tree.catalog.finish()
                tree = try source.tree { $0.cacheDirectory = cache.path }
            default: break
            }
            var expected: [String: Int64] = [:]
            for (i, count) in events {
                // Frames of 50 ms up to the last event.
                let frames = count == 0 ? 0 : ((count - 1) * 20_000 + 49_999) / 50_000
                expected["r\(i).h5"] = Int64(frames)
            }
            // Views of folders that change may be a tenth of a second old.
            var listed: [String: Int64?] = [:]
            for _ in 0..<40 {
                listed = try sizes(tree, "histo/50ms")
                if Set(listed.keys) == Set(expected.keys) { break }
                usleep(10_000)
            }
            #expect(Set(listed.keys) == Set(expected.keys), "round \(round)")
            for (name, frames) in expected {
                let told = try tree.walk("histo/50ms/\(name)").attributes.size
                if let size = listed[name] ?? nil { #expect(size == told, "round \(round), \(name)") }
                // Head and tail are less than a frame.
                #expect(told / (2 * 64 * 32 * 4) == frames, "round \(round), \(name)")
            }
        }
    }

    @Test func aMillionNamesAreNotListedForEachThatIsLookedUp() throws {
        // Some thousands here; what is asserted is that the folder is not read again.
        let source = try Source()
        let bytes = evt2(line(3, step: 20_000))
        for i in 0..<3000 { try source.write("x\(i).raw", bytes) }
        age(source.path)
        let tree = try source.tree { $0.cacheDirectory = nil }
        #expect(try tree.names("histo/50ms").count == 3000)
        // Its own time says that nothing came: what is put aside and back without a trace is not missed.
        for i in 0..<3000 { #expect(tree.failure("histo/50ms/x\(i).h5") == 0) }
        #expect(tree.failure("histo/50ms/x3000.h5") == ENOENT)
        #expect(tree.catalog.status().recordingsKnown > 0)
    }

    // MARK: What is not shown

    @Test func filesThatAreNotShownAreSaidOnce() throws {
        let source = try Source()
        for i in 0..<100 { try source.write("bad/\(i).raw", [1, 2, 3]) }
        try source.write("bad/good.raw", evt2(line(3, step: 20_000)))
        try source.write("fine/good.raw", evt2(line(3, step: 20_000)))
        let lines = LogLines()
        let logger = Logger(label: "test") { _ in lines }
        let tree = try VirtualFileSystem(source: source.path, options: .init(), logger: logger)
        for _ in 0..<3 { #expect(try tree.names("histo/50ms/bad") == ["good.h5"]) }
        #expect(try tree.names("histo/50ms/fine") == ["good.h5"])
        let said = lines.all.filter { $0.contains("not shown") }
        #expect(said.count == 1)
        #expect(said.first?.contains("100 of 101 files in folder 'bad'") == true)
        #expect(said.first?.contains("and 97 more") == true)
        let status = tree.catalog.status()
        #expect(status.recordingsNotShown == 100 && status.notShown.count == 3)
        #expect(status.notShown.first?.path == "bad/0.raw" && status.notShown.first?.reason.contains("header") == true)
        // One more is worth another line; when all are well again nothing is left.
        try source.write("bad/x.raw", [])
        for _ in 0..<40 where tree.catalog.status().recordingsNotShown != 101 {
            _ = try tree.names("histo/50ms/bad")
            usleep(10_000)
        }
        #expect(tree.catalog.status().recordingsNotShown == 101)
        #expect(lines.all.count { $0.contains("not shown") } == 2)
    }

    @Test func aFileWithTheNameOfATensorIsShownUnderAnother() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(10, step: 20_000)))
        try source.write("a.h5", Array("mine".utf8))
        try source.write("b.h5", Array("alone".utf8))
        try source.write("c.raw", evt2(line(10, step: 20_000)))
        try source.write("c.h5", Array("first".utf8))
        try source.write("c.h5.source", Array("second".utf8))
        try source.write("d.raw", [1])
        try source.write("d.h5", Array("no recording".utf8))
        let tree = try source.tree()
        let names = ["a.h5", "a.h5.source", "b.h5", "c.h5", "c.h5.source", "c.h5.source.source", "d.h5"]
        #expect(try tree.names("histo/50ms").sorted() == names)
        #expect(try tree.bytes("histo/50ms/a.h5").starts(with: [0x89, 0x48, 0x44, 0x46]))
        #expect(try tree.bytes("histo/50ms/a.h5.source") == Array("mine".utf8))
        #expect(try tree.bytes("histo/50ms/b.h5") == Array("alone".utf8))
        #expect(try tree.bytes("histo/50ms/c.h5.source") == Array("second".utf8))
        #expect(try tree.bytes("histo/50ms/c.h5.source.source") == Array("first".utf8))
        #expect(try tree.bytes("histo/50ms/d.h5") == Array("no recording".utf8))
        for name in ["b.h5.source", "a.h5.source.source", "d.h5.source", ".source"] {
            #expect(tree.failure("histo/50ms/\(name)") == ENOENT, "\(name)")
        }
        // Where parts have other names, nothing is in the way but for who has a part's.
        try source.write("a_0.h5", Array("part".utf8))
        #expect(try tree.bytes("histo/10ms,max_duration=50ms/a.h5") == Array("mine".utf8))
        #expect(try tree.bytes("histo/10ms,max_duration=50ms/a_0.h5.source") == Array("part".utf8))
        #expect(tree.failure("histo/10ms,max_duration=50ms/a.h5.source") == ENOENT)
    }
}

/// What was logged.
final class LogLines: LogHandler, @unchecked Sendable {
    private let lines = Mutex<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    var all: [String] { lines.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
}
