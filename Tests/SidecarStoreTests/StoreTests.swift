// Looking up, writing, snapshots and locks.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import Synchronization
import TensorFile
import Testing

@Suite struct StoreTests {
    @Test func nothingIsThereAndNothingIsMade() throws {
        let place = try Place()
        let store = place.store()
        #expect(try store.model(place.base()) == nil)
        guard case .none = store.peek(try place.base()) else {
            Issue.record("found something")
            return
        }
        #expect(try store.remove(place.base()) == false)
        // Opened for writing, but nothing was written.
        let writer = try store.openForWriting(place.base())
        #expect(try writer.commit(final: true) == nil)
        #expect(try FileModel(writer, like: FileModel(place.base().layout)) == FileModel(place.base().layout))
        writer.close()
        #expect(names(place.directory + "/recordings").isEmpty)
        #expect(place.said(.warning).isEmpty && place.said(.error).isEmpty)
    }

    @Test func sessionsAreIsolatedUntilTheyCommit() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        let other = place.store()
        var model = FileModel(base.layout)
        let writer = try store.openForWriting(base)
        #expect(!writer.hasUncommitted && writer.size == base.layout.size)
        for number in 0..<6 {
            let before = number == 0 ? nil : model
            let edits = SessionSeries.edits(number, &model)
            try writer.apply(edits)
            #expect(writer.hasUncommitted && writer.size == Int64(model.bytes.count))
            for piece in [7, 1000, 100_000] {
                #expect(try FileModel(writer, like: model, piece: piece) == model)
            }
            #expect(try store.model(base) == before && other.model(base) == before)
            let snapshot = try #require(try writer.commit(final: number == 5))
            #expect(snapshot.commit == number + 1 && snapshot.size == writer.size && !writer.hasUncommitted)
            for store in [store, other, place.store(readOnly: true)] { #expect(try store.model(base) == model) }
            guard case .fits(let peeked) = other.peek(base.key, base.recording) else {
                Issue.record("not found")
                return
            }
            #expect(peeked.commit == number + 1)
            #expect(try writer.commit(final: false) == nil)
        }
        writer.close()
        #expect(throws: SidecarError.self) { try writer.apply([.write(10_000, [1])]) }
        #expect(store.statistics.commits == 6 && store.statistics.writers == 0 && store.statistics.sidecars == 1)
        #expect(names(try place.sidecar()) == ["commits", "current", "data", "lock", "manifest.json"])
    }

    @Test func writingWhatIsThereChangesNothing() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        var model = FileModel(base.layout)
        func writeSame() throws {
            let writer = try store.openForWriting(base)
            defer { writer.close() }
            try writer.setSize(Int64(model.bytes.count))
            #expect(!writer.hasUncommitted)
            try writer.apply([.write(0, Array(model.bytes[..<96])), .write(4500, Array(model.bytes[4500..<4600]))])
            #expect(writer.hasUncommitted)
            #expect(try writer.commit(final: true) == nil)
            #expect(!writer.hasUncommitted && writer.size == Int64(model.bytes.count))
        }
        try writeSame()
        #expect(try store.model(base) == nil && names(place.directory + "/recordings").isEmpty)
        try store.session(base, SessionSeries.edits(0, &model))
        try writeSame()
        // Zeros in place of bytes are no bytes, but a change.
        let writer = try store.openForWriting(base)
        let size = Int64(model.bytes.count)
        try writer.apply([.size(size - 100), .size(size)])
        model.apply([.size(size - 100), .size(size)])
        #expect(try writer.commit(final: true)?.commit == 2)
        writer.close()
        #expect(try store.model(base) == model)
        #expect(try place.maintenance.list()[0].torn.isEmpty)
    }

    @Test func readersKeepTheirSnapshot() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        var model = FileModel(base.layout)
        var snapshots: [(SidecarSnapshot, FileModel)] = []
        for number in 0..<30 {
            try store.session(base, SessionSeries.edits(number, &model))
            // As another daemon has it: a writer has the files of the state it changes open.
            let snapshot = try #require(try place.store().snapshot(base))
            if number % 3 == 0 { try snapshot.prepareForReading() }
            snapshots.append((snapshot, model))
        }
        for (number, (snapshot, model)) in snapshots.enumerated() where number % 3 == 0 {
            #expect(try FileModel(snapshot) == model)
        }
        // One that was not prepared and whose files are gone.
        #expect(try failure { try snapshots[1].0.prepareForReading() }?.code == .outdated)
        _ = try store.remove(base)
        #expect(try FileModel(snapshots[27].0) == snapshots[27].1)
        #expect(try store.model(base) == nil)
        // Another sidecar takes its place, with files of the same names.
        var fresh = FileModel(base.layout)
        try store.session(base, fresh.change([.write(Int64(fresh.bytes.count), pattern(50_000, 1))]))
        #expect(try failure { try snapshots[28].0.prepareForReading() }?.code == .outdated)
        #expect(try FileModel(snapshots[27].0) == snapshots[27].1)
        #expect(try store.model(base) == fresh)
    }

    @Test func oneWriterAtATime() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        let writer = try store.openForWriting(base)
        for other in [store, place.store()] {
            let error = try #require(try failure { _ = try other.openForWriting(base) })
            #expect(error.code == .busy && error.errno == EBUSY)
            #expect(error.message.contains("process \(getpid()) on "))
        }
        #expect(try failure { _ = try store.remove(base) }?.code == .busy)
        // Another window is another file.
        try store.openForWriting(place.base(window: "100ms")).close()
        writer.close()
        try store.openForWriting(base).close()
    }

    @Test func writesThatMustNotCommit() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        var model = FileModel(base.layout)
        try store.session(base, SessionSeries.edits(0, &model))
        let tail = base.layout.map.tailOffset

        // Into the tensor.
        var writer = try store.openForWriting(base)
        try writer.apply([.write(Int64(model.bytes.count), [1, 2, 3])])
        for offset in [base.layout.dataOffset, tail - 1, base.layout.dataOffset - 2] {
            let error = try #require(try failure { try writer.apply([.write(offset, [9, 9, 9])]) })
            #expect(error.code == .tensorChanged && error.errno == EPERM)
        }
        #expect(try failure { try writer.setSize(tail - 1) }?.errno == EPERM)
        #expect(try failure { _ = try writer.commit(final: false) }?.errno == EPERM)
        #expect(writer.hasUncommitted)
        #expect(try failure { _ = try writer.commit(final: true) }?.errno == EPERM)
        #expect(!writer.hasUncommitted && writer.size == Int64(model.bytes.count))
        // What is written after that is a session of its own.
        try writer.apply(model.change([.write(tail + 10, pattern(20, 4))]))
        _ = try writer.commit(final: true)
        writer.close()
        #expect(try store.model(base) == model)

        // A superblock that does not say where the file ends.
        writer = try store.openForWriting(base)
        try writer.apply([.write(Int64(model.bytes.count), [1, 2, 3])])
        #expect(try failure { _ = try writer.commit(final: true) }?.code == .invalidResult)
        // One that the helper refuses, and one that is closed without a commit.
        place.helper.refusal.withLock { $0 = SidecarError(.invalidResult, "no file") }
        var refused = model
        try writer.apply(refused.change([.write(Int64(model.bytes.count), [7])]))
        #expect(try failure { _ = try writer.commit(final: false) }?.message == "no file")
        #expect(writer.hasUncommitted)
        writer.close()
        place.helper.refusal.withLock { $0 = nil }
        writer = try store.openForWriting(base)
        writer.poison("somebody said so")
        try writer.apply([.write(Int64(model.bytes.count), [1, 2, 3])])
        #expect(try failure { _ = try writer.commit(final: true) }?.message == "somebody said so")
        writer.close()

        #expect(try place.store().model(base) == model)
        let entry = try #require(try place.maintenance.list().first)
        #expect(entry.torn.count == 4 && store.statistics.rolledBack == 4)
        #expect(entry.torn.contains { $0.reason.contains("the tensor of histo/50ms of ") })
        #expect(entry.torn.contains { $0.reason == "the file was closed without a commit" })
        #expect(place.said(.warning).count == 4)
        // The torn bytes are all there.
        let torn = try entry.torn.map { try FileModel(place.maintenance.open(entry, .torn($0.name))) }
        #expect(torn.contains(refused))
    }

    @Test func aFailedWriteIsNotCommitted() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        try place.store().session(base, SessionSeries.edits(0, &model))
        let edits = SessionSeries.edits(4, &model)
        let before = SessionSeries.state(before: 1, base.layout)
        var failures = 0
        for number in 5...60 {
            let writer = try place.store(FaultyCalls(.fails(ENOSPC), at: number)).openForWriting(base)
            defer { writer.close() }
            let error = try failure { try writer.apply(edits) }
            guard let error else { continue }
            failures += 1
            #expect(error.errno == ENOSPC)
            // Even if the rest can be written.
            try? writer.apply(edits)
            #expect(try failure { _ = try writer.commit(final: true) }?.errno == ENOSPC)
            #expect(try place.store().model(base) == before)
        }
        #expect(failures > 20)
    }

    @Test func aFailedSyncIsNotTriedAgain() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        let edits = SessionSeries.edits(0, &model)
        let plain = FaultyCalls(.fails(EIO), at: 0)
        try place.store(plain).session(base, edits)
        // All but the last, which comes after the rename.
        let syncs = plain.log.indices.filter { plain.log[$0].hasPrefix("sync ") }.dropLast()
        #expect(syncs.count >= 8)
        for index in syncs {
            try FileManager.default.removeItem(atPath: place.directory)
            let writer = try place.store(FaultyCalls(.fails(EIO), at: index + 1)).openForWriting(base)
            defer { writer.close() }
            try writer.apply(edits)
            #expect(try failure { _ = try writer.commit(final: false) }?.errno == EIO)
            #expect(try failure { _ = try writer.commit(final: false) }?.errno == EIO)
            #expect(try place.store().model(base) == nil)
        }
    }

    @Test func committedButPerhapsNotDurable() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        let edits = SessionSeries.edits(0, &model)
        let plain = FaultyCalls(.fails(EIO), at: 0)
        try place.store(plain).session(base, edits)
        let last = try #require(plain.log.lastIndex { $0.hasPrefix("sync ") })
        try FileManager.default.removeItem(atPath: place.directory)
        let store = place.store(FaultyCalls(.fails(EIO), at: last + 1))
        let writer = try store.openForWriting(base)
        try writer.apply(edits)
        let error = try #require(try failure { _ = try writer.commit(final: false) })
        #expect(error.errno == EIO && error.message.contains("is committed, but it is not certain"))
        #expect(!writer.hasUncommitted && writer.base?.commit == 1)
        // It goes on.
        try writer.apply(SessionSeries.edits(1, &model))
        #expect(try writer.commit(final: true)?.commit == 2)
        writer.close()
        #expect(try place.store().model(base) == model)
        #expect(try place.maintenance.list()[0].torn.isEmpty)
    }

    @Test func withoutHardLinks() throws {
        let place = try Place()
        let base = try place.base()
        let store = place.store(CallsWithoutLinks())
        var model = FileModel(base.layout)
        for number in 0..<4 {
            try store.session(base, SessionSeries.edits(number, &model))
            #expect(try place.store().model(base) == model)
        }
        let entry = try place.maintenance.list()[0]
        #expect(place.maintenance.verify(entry).problems == [])
    }

    @Test func shortWritesAreContinued() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        // Each write writes half of what is left.
        try place.store(FaultyCalls(.shortWrite)).session(base, SessionSeries.edits(0, &model))
        #expect(try place.store().model(base) == model)
        #expect(place.maintenance.verify(try place.maintenance.list()[0]).problems == [])
    }

    @Test func onePlainWritePerPieceInASequence() throws {
        let place = try Place()
        let base = try place.base()
        let calls = FaultyCalls()
        let writer = try place.store(calls).openForWriting(base)
        let start = base.layout.size
        try writer.apply([.write(start, pattern(1000, 0))])
        let before = calls.count
        try writer.apply((1..<100).map { .write(start + $0 * 1000, pattern(1000, Int($0))) })
        #expect(calls.count - before == 99)
        // In place, too.
        try writer.apply((1..<100).map { .write(start + $0 * 1000, pattern(1000, Int($0))) })
        #expect(calls.count - before == 198)
        writer.close()
    }
}
