// Recordings that move or change, and what becomes of their sidecars.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import TensorFile
import Testing

@Suite struct MovedTests {
    private func withSidecar() throws -> (Place, FileModel) {
        let place = try Place()
        var model = FileModel(try place.base().layout)
        for number in 0..<2 { try place.store().session(place.base(), SessionSeries.edits(number, &model)) }
        return (place, model)
    }

    /// What `old` becomes in another layout, as the fixture's helper does it.
    private func carriedOver(_ old: FileModel, to layout: FileLayout) -> FileModel {
        var model = FileModel(layout)
        let tail = Array(old.bytes[old.tailOffset...])
        model.apply([.write(Int64(model.tailOffset), tail), .size(Int64(model.tailOffset + tail.count))])
        model.apply([model.finish])
        return model
    }

    @Test func aRenamedRecordingFindsItsSidecar() throws {
        let (place, model) = try withSidecar()
        let old = try place.sidecar()
        let store = place.store()
        #expect(try store.model(place.base()) == model)
        let target = place.path + "/elsewhere/straße.raw"
        try FileManager.default.createDirectory(atPath: place.path + "/elsewhere", withIntermediateDirectories: true)
        rename(place.recording, target)
        let base = try SidecarFixture.base(target)
        guard case .needsWork = place.store().peek(base) else {
            Issue.record("not found")
            return
        }
        #expect(try place.store().model(base) == model)
        guard case .fits = place.store().peek(base.key, base.recording) else {
            Issue.record("not there")
            return
        }
        #expect(!exists(old) && !exists((old as NSString).deletingLastPathComponent))
        let entry = try place.maintenance.list()[0]
        #expect(entry.recording == target && entry.current == 3)
        #expect(entry.commits.last?.note == "the recording was '\(place.recording)' before")
        #expect(place.said(.notice).count == 1)
        // Back again, by a writer.
        rename(target, place.recording)
        let writer = try place.store().openForWriting(place.base())
        #expect(try FileModel(writer, like: model) == model)
        writer.close()
        #expect(try place.store().model(place.base()) == model)
    }

    @Test func aNewNameIsInTheFile() throws {
        // The head of the file without additions has the name in it.
        let (place, old) = try withSidecar()
        rename(place.recording, place.recording + ".raw")
        let base = try SidecarFixture.base(place.recording + ".raw", note: "y")
        #expect(try place.store().model(base) == carriedOver(old, to: base.layout))
        // If that does not work, the old head is better than nothing.
        rename(place.recording + ".raw", place.recording)
        place.helper.carryOverFailure.withLock { $0 = SidecarError(.invalidResult, "no chance") }
        #expect(try place.store().model(place.base()) == carriedOver(old, to: base.layout))
        #expect(try place.maintenance.list()[0].commits.map(\.commit) == [1, 2, 3, 4])
    }

    @Test func aRecordingMovedToAnotherDiskFindsItsSidecar() throws {
        // Another inode, the same bytes and times.
        let (place, model) = try withSidecar()
        let target = place.path + "/recordings/b.raw"
        let time = try FileManager.default.attributesOfItem(atPath: place.recording)[.modificationDate]!
        try FileManager.default.copyItem(atPath: place.recording, toPath: target)
        var times = [timespec](repeating: timespec(), count: 2)
        let modified = try FileStatus(path: place.recording).modified
        times[0] = timespec(tv_sec: Int(modified / 1_000_000_000), tv_nsec: Int(modified % 1_000_000_000))
        times[1] = times[0]
        utimensat(AT_FDCWD, target, times, 0)
        _ = time
        // A copy is not a move.
        #expect(try place.store().model(SidecarFixture.base(target)) == nil)
        try FileManager.default.removeItem(atPath: place.recording)
        #expect(try place.store().model(SidecarFixture.base(target)) == model)
    }

    @Test func anotherRecordingDoesNotGetIt() throws {
        let (place, _) = try withSidecar()
        // The same inode with other bytes, as file systems give it to the next file.
        rename(place.recording, place.recording + ".moved")
        try write(pattern(100_000, 8), to: place.recording + ".moved")
        #expect(try place.store().model(SidecarFixture.base(place.recording + ".moved")) == nil)
        // Another window of the same recording.
        rename(place.recording + ".moved", place.recording)
        #expect(try place.store().model(place.base(window: "10ms")) == nil)
    }

    @Test func aRecordingThatOnlyHasAnotherTimeKeepsIt() throws {
        let (place, model) = try withSidecar()
        try write(contents(place.recording), to: place.recording)
        #expect(try place.store().model(place.base()) == model)
        // It is written down once what the recording is now: it may be moved next.
        #expect(try place.store().model(place.base()) == model)
        #expect(try place.maintenance.list()[0].current == 3)
        rename(place.recording, place.recording + ".moved")
        #expect(try place.store().model(SidecarFixture.base(place.recording + ".moved")) == model)
    }

    @Test func touchingPushesNoStateOutOfTheHistory() throws {
        let (place, model) = try withSidecar()
        let store = place.store()
        for _ in 0..<30 {
            try write(contents(place.recording), to: place.recording)
            #expect(try store.model(place.base()) == model)
        }
        let commits = try place.maintenance.list()[0].commits.map(\.commit)
        #expect(commits.count == 10 && commits.first == 1 && commits.last == 32)
    }

    /// What a running store knows of its sidecars follows each change, whoever made it.
    @Test func aReplacedRecordingIsKnownByWhatItIsNow() throws {
        let (place, old) = try withSidecar()
        let (store, other) = (place.store(), place.store())
        #expect(try store.model(place.base()) == old)
        // Nobody is there yet; what is known of the store is remembered.
        let target = place.recording + ".moved"
        for frames in [5, 4, 6, 3] {
            try write(pattern(120_000 + frames, frames), to: place.path + "/new")
            rename(place.path + "/new", place.recording)
            let base = try place.base(frames: frames)
            #expect(try store.snapshot(base) != nil)
            rename(place.recording, target)
            let moved = try SidecarFixture.base(target, frames: frames)
            #expect(try (frames == 4 ? other : store).snapshot(moved) != nil)
            rename(target, place.recording)
            #expect(try store.snapshot(base) != nil)
        }
    }

    @Test func aProgramThatMakesAnotherHeadKeepsIt() throws {
        let (place, model) = try withSidecar()
        #expect(try place.store().model(place.base(note: "y")) == model)
    }

    @Test func whatWasAddedIsCarriedOver() throws {
        let (place, old) = try withSidecar()
        try write(pattern(150_000, 7), to: place.recording)
        let base = try place.base(frames: 7)
        guard case .needsWork = place.store().peek(base) else {
            Issue.record("fits")
            return
        }
        let expected = carriedOver(old, to: base.layout)
        #expect(try place.store().model(base) == expected)
        let entry = try place.maintenance.list()[0]
        #expect(
            entry.current == 3 && entry.commits.last?.note == "\(old.bytes.count - old.tailOffset) bytes taken along")
        // The state before can still be had, and be carried over once more.
        #expect(try FileModel(place.maintenance.open(entry, .commit(2))) == old)
        _ = try place.maintenance.restore(entry, commit: 1)
        let first = SessionSeries.state(before: 1, try place.base().layout)
        #expect(try place.store().model(base) == carriedOver(first, to: base.layout))
        // A writer needs it as well.
        try write(pattern(10_000, 7), to: place.recording)
        let shorter = try place.base(frames: 1)
        let writer = try place.store().openForWriting(shorter)
        #expect(try FileModel(writer, like: FileModel(shorter.layout)).tailOffset == Int(shorter.layout.map.tailOffset))
        writer.close()
        #expect(try place.maintenance.list()[0].torn.isEmpty)
    }

    @Test func whatCannotBeCarriedOverIsSetAside() throws {
        let (place, old) = try withSidecar()
        place.helper.carryOverFailure.withLock { $0 = SidecarError(.invalidResult, "no chance") }
        let base = try place.base(frames: 7)
        let store = place.store()
        #expect(try store.model(base) == nil)
        let entries = try place.maintenance.list()
        #expect(entries.count == 1 && entries[0].removed?.reason == "it could not be carried over: no chance")
        #expect(place.said(.warning).count == 1 && place.said(.warning)[0].contains(entries[0].folder))
        #expect(try FileModel(place.maintenance.open(entries[0], .current)) == old)
        // It can be brought back when the recording is as it was.
        _ = try place.maintenance.restore(entries[0])
        #expect(try place.store().model(place.base()) == old)
    }

    @Test func aHelperThatFailsChangesNothing() throws {
        let (place, old) = try withSidecar()
        place.helper.carryOverFailure.withLock { $0 = SidecarError(.io, errno: ENOSPC, "disk full") }
        #expect(try failure { _ = try place.store().model(place.base(frames: 7)) }?.errno == ENOSPC)
        #expect(try place.store().model(place.base()) == old)
        #expect(try place.maintenance.list()[0].torn.isEmpty)
    }

    @Test func busyWhileSomebodyWritesToTheOldOne() throws {
        let (place, _) = try withSidecar()
        let writer = try place.store().openForWriting(place.base())
        #expect(try failure { _ = try place.store().snapshot(place.base(frames: 7)) }?.code == .busy)
        writer.close()
        #expect(try place.store().snapshot(place.base(frames: 7)) != nil)
    }

    @Test func readOnlyStoresAreNeverChanged() throws {
        let (place, model) = try withSidecar()
        let before = tree(place.directory)
        let store = place.store(readOnly: true)
        #expect(try store.model(place.base()) == model)
        let error = try #require(try failure { _ = try store.openForWriting(place.base()) })
        #expect(error.code == .readOnly && error.errno == EROFS)
        #expect(try failure { _ = try store.remove(place.base()) }?.errno == EROFS)
        for _ in 0..<3 {
            #expect(try store.model(place.base(frames: 7)) == nil)
            guard case .none = store.peek(try place.base(frames: 7)) else {
                Issue.record("shown")
                return
            }
        }
        rename(place.recording, place.recording + ".moved")
        #expect(try store.model(SidecarFixture.base(place.recording + ".moved")) == nil)
        #expect(tree(place.directory) == before)
        // Once for each of the two.
        #expect(place.said(.warning).count == 2)
    }

    @Test(.enabled(if: getuid() != 0, "root may read and write everywhere"))
    func withoutPermission() throws {
        let (place, model) = try withSidecar()
        chmod(try place.sidecar(), 0o500)
        defer { chmod((try? place.sidecar()) ?? "", 0o700) }
        #expect(try place.store().model(place.base()) == model)
        #expect(try failure { try place.store().session(place.base(), [.write(0, [1])]) }?.errno == EROFS)
    }

    @Test func aFileWhereTheStoreShouldBe() throws {
        let place = try Place()
        try write([1, 2, 3], to: place.directory)
        #expect(try place.store().model(place.base()) == nil)
        #expect(try failure { _ = try place.store().openForWriting(place.base()) }?.errno == EROFS)
        #expect(place.store().accessProblem()?.contains("'\(place.directory)' cannot be looked into") == true)
        #expect(try contents(place.directory) == [1, 2, 3])
    }

    @Test func longAndStrangeNames() throws {
        let place = try Place()
        let folder = place.path + "/recordings/"
        for name in [
            String(repeating: "ä", count: 120) + ".raw", "a b\n.raw", String(repeating: "x", count: 250) + ".raw",
        ] {
            let path = folder + name
            try write(pattern(1000, name.count), to: path)
            let long = String(repeating: "parameter=1,", count: 40)
            for preprocessing in ["histo", long, long + "z=1"] {
                let base = try SidecarFixture.base(path, preprocessing: preprocessing, part: 2)
                var model = FileModel(base.layout)
                let edits = model.change([.write(base.layout.size, pattern(100, preprocessing.count))])
                try place.store().session(base, edits)
                #expect(try place.store().model(base) == model)
                let entry = try #require(try place.maintenance.list().first { $0.key == base.key })
                #expect(entry.name.split(separator: "/").allSatisfy { $0.utf8.count <= 217 })
                #expect(try place.store().remove(base))
            }
        }
        #expect(try place.maintenance.list().filter { $0.removed != nil }.count == 9)
    }
}
