// The source: what of it is shown, links in it, and what happens when it changes.

import Foundation
import Recordings
import Synchronization
import Testing
import VirtualTree

@Suite struct SourceFolderTests {
    @Test func onlyRecordingsAndCompanionsAreShown() throws {
        let source = try Source()
        try source.write("train/good.raw", evt2(line(10, step: 20_000)))
        try source.write("train/empty.raw", [])
        try source.write("train/random.raw", (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 37 ^ $0 >> 3) })
        try source.write("train/nogeometry.dat", Array("% Version 2\n".utf8) + [12, 8])
        try source.write("train/label_map_dictionary.json", Array("{}".utf8))
        try source.write("train/large.bin", [UInt8](repeating: 0, count: 2000))
        let tree = try source.tree { $0.companionSizeLimit = 1000 }
        #expect(try tree.names("histo/50ms") == ["train"])
        #expect(try tree.names("histo/50ms/train") == ["good.h5", "label_map_dictionary.json"])
        #expect(tree.failure("histo/50ms/train/random.h5") == ENOENT)
        #expect(tree.failure("histo/50ms/train/large.bin") == ENOENT)
        #expect(try tree.bytes("histo/50ms/train/label_map_dictionary.json") == Array("{}".utf8))
    }

    @Test func geometryRulesMatchNamesAndPaths() throws {
        let source = try Source()
        try source.write("cars/x.dat", Array("% Version 2\n".utf8) + [12, 8])
        try source.write("other/x.dat", Array("% Version 2\n".utf8) + [12, 8])
        let rule = RecordingRules.Rule(glob: "cars/*", Geometry(width: 120, height: 100))
        let tree = try source.tree { $0.recordingRules.geometries = [rule] }
        #expect(tree.failure("histo/50ms/cars/x.h5") == 0)
        #expect(tree.failure("histo/50ms/other/x.h5") == ENOENT)
    }

    @Test func linksAreFollowedAndLoopsEnd() throws {
        let source = try Source()
        try source.write("farm/real/a.raw", evt2(line(10, step: 20_000)))
        try source.link("farm/b.raw", to: "real/a.raw")
        try source.link("farm/back", to: "..")
        try source.link("farm/self", to: "self")
        try source.link("farm/there", to: "real")
        try source.link("farm/real/across", to: "../there")
        let tree = try source.tree()
        #expect(try tree.bytes("histo/50ms/farm/b.h5").count == tree.bytes("histo/50ms/farm/there/a.h5").count)
        #expect(tree.failure("histo/50ms/farm/back") == ELOOP)
        #expect(tree.failure("histo/50ms/farm/self") == ELOOP)
        #expect(tree.failure("histo/50ms/farm/there/across") == ELOOP)
    }

    @Test func linksIntoTheMountAreRefused() throws {
        let source = try Source()
        try source.write("recordings/a.raw", evt2(line(10, step: 20_000)))
        try FileManager.default.createDirectory(atPath: source.path + "/m/inner", withIntermediateDirectories: true)
        try source.link("recordings/mount", to: "../m/inner")
        try source.link("recordings/above", to: "..")
        let recordings = Source(path: source.path + "/recordings")
        let tree = try recordings.tree { $0.mountPoint = source.path + "/m" }
        #expect(tree.failure("histo/50ms/mount") == ELOOP)
        #expect(tree.failure("histo/50ms/above/m") == ELOOP)
        #expect(try tree.names("histo/50ms") == ["a.h5", "above"])
    }

    @Test func linksOutOfTheSourceAreRefusedWhereOthersRead() throws {
        let outside = try Source()
        try outside.write("secret.raw", evt2(line(10, step: 20_000)))
        try outside.write("folder/secret.txt", [1])
        let source = try Source()
        try source.link("out.raw", to: outside.path + "/secret.raw")
        try source.link("folder", to: outside.path + "/folder")
        let closed = try source.tree { $0.linksMayLeaveSource = false }
        #expect(closed.failure("histo/50ms/out.h5") != 0)
        #expect(closed.failure("histo/50ms/folder") == EACCES)
        #expect(closed.failure("histo/50ms/folder/secret.txt") == EACCES)
        #expect(try closed.names("histo/50ms") == [])
        let open = try source.tree()
        #expect(try open.names("histo/50ms").sorted() == ["folder", "out.h5"])
    }

    @Test func recordingsThatAppearGrowAndVanishAreFollowed() throws {
        let source = try Source()
        let tree = try source.tree()
        #expect(tree.failure("histo/50ms/a.h5") == ENOENT)
        try source.write("a.raw", evt2(line(16, step: 20_000)))
        let short = try tree.walk("histo/50ms/a.h5").attributes
        let held = try tree.open(short.inode, flags: O_RDONLY)
        let before = try tree.bytes(held.handle)
        #expect(before.count == Int(short.size))

        // The same inode of the source, longer: what was opened stays, what is opened now is longer.
        let longer = evt2(line(32, step: 20_000))
        let file = try #require(FileHandle(forWritingAtPath: source.path + "/a.raw"))
        try file.seekToEnd()
        try file.write(contentsOf: longer.dropFirst(evt2(line(16, step: 20_000)).count))
        try file.close()
        let opened = try tree.open(short.inode, flags: O_RDONLY)
        #expect(opened.contentChanged)
        // Pages that all readers share take the new bytes only.
        #expect(tree.isCurrent(opened.handle, 0..<4096) && !tree.isCurrent(held.handle, 0..<4096))
        #expect(try tree.attributes(short.inode).attributes.size > short.size)
        let frame = 2 * 8 * 16 * 4
        #expect(try tree.bytes(opened.handle).count == before.count + 7 * frame)
        #expect(try tree.bytes(held.handle) == before)
        tree.release(opened.handle)
        tree.release(held.handle)

        try FileManager.default.removeItem(atPath: source.path + "/a.raw")
        #expect(tree.failure("histo/50ms/a.h5") == ENOENT)
        #expect(throws: FileSystemError.self) { try tree.attributes(short.inode) }
    }

    @Test func aRecordingCutShortUnderAReaderIsStale() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(16, step: 20_000)))
        let tree = try source.tree()
        let opened = try tree.open(tree.walk("histo/50ms/a.h5").attributes.inode, flags: O_RDONLY)
        #expect(truncate(source.path + "/a.raw", 60) == 0)
        let failure = #expect(throws: FileSystemError.self) { try tree.bytes(opened.handle) }
        #expect(failure?.errno == ESTALE)
        tree.release(opened.handle)
        // Opened anew, it is what it is now.
        #expect(tree.failure("histo/50ms/a.h5") == 0)
    }

    @Test func deletedRecordingsAreLetGo() throws {
        let source = try Source()
        let tree = try source.tree()
        func openRecordings() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0))?
                    .hasPrefix(source.path + "/") == true
            }
        }
        for i in 0..<5 {
            try source.write("\(i).raw", evt2(line(16, step: 20_000)))
            _ = try tree.bytes("histo/50ms/\(i).h5")
        }
        #expect(try openRecordings() == 5)
        // Six frames of each, in one block.
        #expect(tree.catalog.status().frames.framesHeld == 5)
        for i in 0..<5 { try FileManager.default.removeItem(atPath: source.path + "/\(i).raw") }
        #expect(try tree.names("histo/50ms") == [])
        #expect(try openRecordings() == 0)
        #expect(tree.catalog.status().frames.framesHeld == 0)
    }

    /// One that grows keeps its first bytes; one that is written anew does not, also when it is longer then.
    @Test func aRecordingRewrittenLongerUnderAReaderIsStale() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(16, step: 20_000)))
        let tree = try source.tree()
        let opened = try tree.open(tree.walk("histo/50ms/a.h5").attributes.inode, flags: O_RDONLY)
        defer { tree.release(opened.handle) }
        let before = try tree.bytes(opened.handle, chunk: 4096 + 1024)
        let other = evt2(line(40, step: 20_000).map { (x: 15 - $0.x, y: $0.y, p: $0.p, t: $0.t + 7) })
        let file = try #require(FileHandle(forWritingAtPath: source.path + "/a.raw"))
        try file.write(contentsOf: other)
        try file.close()
        // The frames in memory are still right; those of another tensor of the same state are not to be had any more.
        #expect(try tree.bytes(opened.handle) == before)
        let late = try source.tree()
        let fresh = try late.bytes("histo/50ms/a.h5")
        #expect(fresh.count > before.count)
        #expect(try tree.bytes("histo/50ms/a.h5") == fresh)
        let failure = #expect(throws: FileSystemError.self) { try tree.bytes(opened.handle) }
        #expect(failure?.errno == ESTALE)
    }

    /// A folder that somebody writes to all the time is not listed anew for each of its names.
    @Test func listingABusyFolderTakesOneListing() throws {
        let source = try Source()
        let bytes = evt2(line(4, step: 20_000))
        for i in 0..<3000 { try source.write("r\(i).raw", bytes) }
        // Its time stamp lies ahead: whatever is known of it counts as uncertain.
        let ahead = Date(timeIntervalSinceNow: 3600)
        try FileManager.default.setAttributes([.modificationDate: ahead], ofItemAtPath: source.path)
        let tree = try source.tree()
        let watch = inotify_init1(Int32(IN_NONBLOCK))
        defer { close(watch) }
        #expect(inotify_add_watch(watch, source.path, UInt32(IN_OPEN | IN_CLOSE_NOWRITE)) > 0)
        let names = try tree.names("histo/50ms")
        #expect(names.count == 3000)
        let opens = openings(of: watch)
        #expect((1..<100).contains(opens), "the folder was opened \(opens) times")
    }

    /// How often the watched folder itself was opened.
    private func openings(of watch: Int32) -> Int {
        var count = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let size = read(watch, &buffer, buffer.count)
            guard size > 0 else { return count }
            var at = 0
            while at < size {
                let event = buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: inotify_event.self) }
                if event.mask & UInt32(IN_OPEN) != 0, event.len == 0 { count += 1 }
                at += 16 + Int(event.len)
            }
        }
    }

    /// With --allow-other: a companion and a recording change places with links to files outside, while others read
    /// them.
    @Test func nothingOutsideIsShownWhileLinksComeAndGo() throws {
        let source = try Source()
        let secret = Array("a secret".utf8)
        let recording = evt2(line(40, step: 2_000))
        try source.write("notes.txt", Array("my notes".utf8))
        try source.write("a.raw", recording)
        try source.write("../outside/secret.txt", secret)
        try source.write("../outside/other.raw", evt2(line(400, step: 2_000)))
        try source.link("notes.link", to: source.path + "/../outside/secret.txt")
        try source.link("a.link", to: source.path + "/../outside/other.raw")
        let expected = try source.tree().bytes("histo/50ms/a.h5")
        let isOver = Atomic(false)
        let swapper = Thread {
            while !isOver.load(ordering: .relaxed) {
                for name in ["notes", "a"] {
                    let file = source.path + (name == "a" ? "/a.raw" : "/notes.txt")
                    rename(file, source.path + "/" + name + ".kept")
                    rename(source.path + "/" + name + ".link", file)
                    rename(file, source.path + "/" + name + ".link")
                    rename(source.path + "/" + name + ".kept", file)
                }
            }
        }
        swapper.start()
        defer { isOver.store(true, ordering: .relaxed) }
        var shown = 0
        for _ in 0..<300 {
            // Each its own: nothing that an earlier one found out helps.
            let tree = try source.tree { $0.linksMayLeaveSource = false }
            if let bytes = try? tree.bytes("histo/50ms/notes.txt") {
                #expect(bytes == Array("my notes".utf8))
                shown += 1
            }
            if let bytes = try? tree.bytes("histo/50ms/a.h5") {
                #expect(bytes.count == expected.count)
                shown += 1
            }
        }
        #expect(shown > 0)
    }
}
