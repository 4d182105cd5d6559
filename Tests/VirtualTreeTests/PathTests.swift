// Names: canonical ones, their other spellings, and those that do not exist.

import Foundation
import Testing
import VirtualTree

@Suite struct PathTests {
    @Test func otherSpellingsLinkToTheCanonicalName() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(10, step: 20_000)))
        let tree = try source.tree()
        for spelling in ["250000", "0.25s", "250000us"] {
            #expect(try tree.link("histo/\(spelling)") == "250ms")
        }
        #expect(try tree.link("histo,max_incr_per_pixel=5") == "histo")
        #expect(
            try tree.link("event_cube,split_polarity=false,num_utbins=4")
                == "event_cube,num_utbins=4,split_polarity=false")
        let canonical = try tree.walk("histo/250ms/a.h5").attributes
        #expect(try tree.walk("histo,max_incr_per_pixel=5.0/0.25s/a.h5").attributes == canonical)
    }

    @Test func sizesGivenAsHeightAndWidthLinkToTheDivisor() throws {
        let source = try Source()
        try source.write("inner/a.raw", evt2(line(10, step: 20_000)))
        try source.write("inner/b.raw", evt2(line(10, step: 20_000), geometry: "32x8"))
        let tree = try source.tree()
        let path = "histo,height=4,width=8/50ms/inner/a.h5"
        #expect(try tree.link(path) == "../../../histo,downsample=2/50ms/inner/a.h5")
        #expect(
            try tree.walk(path).attributes.inode == tree.walk("histo,downsample=2/50ms/inner/a.h5").attributes.inode)
        #expect(tree.failure("histo,height=4,width=8/50ms/inner/b.h5") == ENOENT)
    }

    @Test(arguments: [
        "0ms", "-5ms", "1e99s", "..", "", " ", "250ms,", "250ms,x=1", "10000000000000000000000ms", "0ev", "ms",
        "250ms,max_duration=333ms", "𝟓ms", "nan", "infs",
    ])
    func invalidWindowsDoNotExist(_ name: String) throws {
        let tree = try Source().tree()
        let histo = try tree.walk("histo").attributes.inode
        #expect(throws: FileSystemError.self) { try tree.lookup(histo, name) }
    }

    @Test(arguments: [
        "histo,foo=1", "nothing", "histo,", "histo,,", "histo=", "histo,downsample=3", "diff,dtype=uint8",
    ])
    func invalidPreprocessingsDoNotExist(_ name: String) throws {
        #expect(try Source().tree().failure(name) == ENOENT)
    }

    @Test(arguments: [
        ("", "..x", true), ("", ".Trash", false), ("histo", "..", true), ("histo", ".hidden", false),
        ("histo/10ms", "a..h5", true),
        ("histo/10ms", "labels.npy", false),
    ])
    func namesThatNobodyLooksForAreWorthAWarning(_ folder: String, _ name: String, _ isWarning: Bool) throws {
        let tree = try Source().tree()
        let parent = try tree.walk(folder).attributes.inode
        let error = #expect(throws: FileSystemError.self) { try tree.lookup(parent, name) }
        #expect(error?.errno == ENOENT && error?.level == (isWarning ? .warning : .debug))
    }

    @Test func extensionsAreKeptWhereNamesWouldCollide() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(10, step: 20_000)))
        try source.write("a_td.dat", Array("% Height 8\n% Width 16\n".utf8) + [12, 8])
        try source.write("b_cd.dat", Array("% Height 8\n% Width 16\n".utf8) + [12, 8])
        try source.write("c.raw", evt2(line(10, step: 20_000)))
        try source.write("c.dat", Array("no recording".utf8))
        let tree = try source.tree()
        #expect(try tree.names("histo/50ms") == ["a.raw.h5", "a_td.dat.h5", "b.h5", "c.h5"])
        #expect(tree.failure("histo/50ms/a.h5") == ENOENT)
        #expect(tree.failure("histo/50ms/a_td.dat.h5") == 0)
        #expect(tree.failure("histo/50ms/c.raw.h5") == ENOENT)
    }

    @Test func aNameThatAnotherKeepsItsExtensionForIsNotTaken() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(10, step: 20_000)))
        try source.write("a.dat", Array("% Height 8\n% Width 16\n".utf8) + [12, 8])
        try source.write("a.raw.raw", evt2(line(10, step: 50_000)))
        try source.write("b.raw.raw", evt2(line(10, step: 50_000)))
        let tree = try source.tree()
        #expect(try tree.names("histo/50ms") == ["a.dat.h5", "a.raw.h5", "a.raw.raw.h5", "b.raw.h5"])
        #expect(
            try tree.walk("histo/10ms/a.raw.h5").attributes.size < tree.walk("histo/10ms/a.raw.raw.h5").attributes.size)
        #expect(tree.failure("histo/10ms/b.raw.raw.h5") == ENOENT)
    }

    @Test func listingsShowWhatIsRegisteredConfiguredAndUsed() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(10, step: 20_000)))
        let tree = try source.tree { $0.windows = ["10ms", "0.25s"] }
        #expect(try tree.names("").starts(with: ["histo", "diff", "timesurface"]))
        #expect(try tree.names("histo") == ["10ms", "250ms"])
        // Who only looks, or opens and closes, leaves nothing behind.
        let looked = try tree.walk("histo,downsample=4/9ms/a.h5").attributes.inode
        tree.release(try tree.open(looked, flags: O_RDONLY).handle)
        #expect(try !tree.names("").contains("histo,downsample=4"))
        _ = try tree.bytes("histo,downsample=2/7ms/a.h5")
        #expect(try tree.names("").last == "histo,downsample=2")
        #expect(try tree.names("histo,downsample=2") == ["10ms", "250ms", "7ms"])
        #expect(try tree.names("histo") == ["10ms", "250ms"])
    }

    /// As HDF5's driver for families of files does, which takes a number in a path for that of a file.
    @Test func whoOpensOneWindowAfterTheOtherMeetsAnEnd() throws {
        let source = try Source()
        for name in ["a.raw", "b.raw"] { try source.write(name, evt2(line(10, step: 20_000))) }
        let tree = try source.tree { $0.windows = ["50ms"] }
        func open(_ window: Int, _ name: String = "a.h5") throws -> Handle {
            try tree.open(tree.walk("histo/\(window)ms/\(name)").attributes.inode, flags: O_RDONLY).handle
        }
        var handles: [Handle] = []
        var failure: Int32 = 0
        for window in 51... {
            do { handles.append(try open(window)) } catch let error as FileSystemError { failure = error.errno }
            if failure != 0 || window == 1000 { break }
        }
        #expect(failure == EMFILE && handles.count == 64)
        #expect(try tree.names("histo") == ["50ms"])
        // The other recordings, and the same file once more, are not concerned.
        tree.release(try open(700, "b.h5"))
        tree.release(try open(51))
        // Who closes one or reads from one may open another.
        tree.release(handles.removeLast())
        handles.append(try open(800))
        #expect(throws: FileSystemError.self) { try open(801) }
        _ = try tree.read(handles[0], offset: 0, size: 8)
        handles.append(try open(801))
        #expect(try tree.names("histo") == ["50ms", "51ms"])
        // Pages of a window that was read from may be the kernel's: nobody asks here for what is read of them.
        for _ in 0..<2 { tree.release(try open(51)) }
        for handle in handles { tree.release(handle) }
        for window in 900..<900 + 64 { tree.release(try open(window)) }
    }

    @Test func partsOfAMaximalDuration() throws {
        let source = try Source()
        // 16 events, 20 ms apart: the last one at 300 ms, so 6 frames of 50 ms.
        try source.write("a.raw", evt2(line(16, step: 20_000)))
        let tree = try source.tree()
        #expect(try tree.names("histo/50ms,max_duration=100ms") == ["a_0.h5", "a_1.h5", "a_2.h5"])
        #expect(tree.failure("histo/50ms,max_duration=100ms/a_3.h5") == ENOENT)
        #expect(tree.failure("histo/50ms,max_duration=100ms/a_00.h5") == ENOENT)
        #expect(tree.failure("histo/50ms,max_duration=100ms/a.h5") == ENOENT)
    }

    @Test func theDaemonTellsAboutItself() throws {
        let source = try Source()
        let tree = try source.tree()
        #expect(try !tree.names("").contains(".evh5"))
        let text = try tree.bytes(".evh5/status.json")
        #expect(try text.count == Int(tree.walk(".evh5/status.json").attributes.size))
        let status = try JSONDecoder().decode(MountStatus.self, from: Data(text))
        #expect(status.pid == getpid())
    }
}
