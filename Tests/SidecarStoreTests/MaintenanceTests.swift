// Listing, selecting, removing, restoring and checking sidecars.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import Testing

@Suite struct MaintenanceTests {
    private func withSidecar(_ sessions: Int = 3) throws -> (Place, [FileModel]) {
        let place = try Place()
        var model = FileModel(try place.base().layout)
        var models: [FileModel] = []
        for number in 0..<sessions {
            try place.store().session(place.base(), SessionSeries.edits(number, &model))
            models.append(model)
        }
        return (place, models)
    }

    @Test func listsWhatThereIs() throws {
        #expect(try Place().maintenance.list().isEmpty)
        let (place, models) = try withSidecar()
        let writer = try place.store().openForWriting(place.base())
        let entry = try #require(try place.maintenance.list().first)
        #expect(try entry.key == place.base().key)
        #expect(entry.current == 3 && entry.removed == nil && entry.problem == nil)
        #expect(entry.size == Int64(models[2].bytes.count))
        #expect(entry.commits.map(\.commit) == [1, 2, 3])
        #expect(entry.commits.map(\.size) == models.map { Int64($0.bytes.count) })
        #expect(entry.commits.allSatisfy { $0.time.hasSuffix("Z") && $0.evh5Version == "1.0" && $0.note == nil })
        #expect(entry.heldBytes >= 60_000 && entry.heldBytes < 200_000)
        #expect(entry.inUse?.hasPrefix("process \(getpid()) on ") == true)
        writer.close()
        #expect(try place.maintenance.list()[0].inUse == nil)

        let manifest = String(decoding: try contents(entry.folder + "/manifest.json"), as: UTF8.self)
        #expect(
            manifest.contains("\"recording\" : \"\(place.recording)\"") && manifest.contains("\"window\" : \"50ms\""))
        #expect(manifest.hasSuffix("}\n"))
        #expect(
            String(decoding: try contents(place.directory + "/README"), as: UTF8.self).contains("evh5 sidecar list"))
        #expect(try FileStatus(path: place.directory).permissions == 0o700)
    }

    @Test func selectsByManyNames() throws {
        let place = try Place()
        let path = place.path + "/recordings/train/traffic_td.dat"
        try FileManager.default.createDirectory(
            atPath: place.path + "/recordings/train", withIntermediateDirectories: true)
        try write(pattern(1000, 1), to: path)
        let base = try SidecarFixture.base(path, preprocessing: "timesurface", window: "250ms")
        try place.store().session(base, [.size(base.layout.size + 8), .write(40, Array(FileModel.end(base, 8)))])
        let entry = try place.maintenance.list()[0]
        for text in [
            "timesurface/250ms/train/traffic.h5", "/mnt/h5/timesurface/250ms/train/traffic.h5", "traffic.h5",
            "timesurface/250ms/traffic_td.dat.h5", "train/traffic.h5", path, "traffic_td.dat", "train/traffic_td.dat",
            entry.name, entry.folder, entry.folder + "/",
        ] {
            #expect(entry.matches(text), "\(text)")
        }
        for text in [
            "", "/", "histo/250ms/train/traffic.h5", "timesurface/50ms/train/traffic.h5", "val/traffic.h5", "raffic.h5",
            "timesurface/250ms/val/traffic.h5", "/train/traffic.h5", "/traffic_td.dat", "traffic", "traffic_0.h5",
        ] {
            #expect(!entry.matches(text), "\(text)")
        }
    }

    @Test func removesAndRestores() throws {
        let (place, models) = try withSidecar()
        let maintenance = place.maintenance
        let store = place.store()
        #expect(try store.model(place.base()) == models[2])
        let removed = try maintenance.remove(maintenance.list()[0])
        #expect(try store.model(place.base()) == nil)
        var entry = try maintenance.list()[0]
        #expect(entry.folder == removed && entry.removed?.reason == "it was removed" && entry.matches("a.h5"))
        #expect(entry.removed?.time.hasSuffix("Z") == true)
        #expect(try FileModel(maintenance.open(entry, .commit(1))) == models[0])
        #expect(maintenance.verify(entry).problems == [])

        // Something else is there meanwhile.
        var other = FileModel(try place.base().layout)
        try store.session(place.base(), other.change([.write(5000, [1])]))
        #expect(try failure { _ = try maintenance.restore(entry) }?.code == .exists)
        #expect(try store.model(place.base()) == other)
        _ = try maintenance.remove(maintenance.list()[0])
        _ = try maintenance.restore(entry)
        #expect(try store.model(place.base()) == models[2])

        // For good.
        entry = try #require(try maintenance.list().last)
        #expect(try failure { try maintenance.purge(maintenance.list()[0]) }?.code == .exists)
        try maintenance.purge(entry)
        #expect(try maintenance.list().map(\.removed?.reason) == [nil])
    }

    @Test func restoresAnEarlierState() throws {
        let (place, models) = try withSidecar()
        let store = place.store()
        #expect(try store.model(place.base()) == models[2])
        #expect(try place.maintenance.restore(place.maintenance.list()[0], commit: 1) == 4)
        #expect(try store.model(place.base()) == models[0])
        #expect(try place.maintenance.restore(place.maintenance.list()[0], commit: 3) == 5)
        #expect(try store.model(place.base()) == models[2])
        let entry = try place.maintenance.list()[0]
        #expect(entry.commits.map(\.note) == [nil, nil, nil, "state 1 was restored", "state 3 was restored"])
        #expect(try failure { _ = try place.maintenance.restore(entry, commit: 9) }?.code == .notFound)
        let writer = try store.openForWriting(place.base())
        #expect(try failure { _ = try place.maintenance.restore(entry, commit: 1) }?.code == .busy)
        #expect(try failure { _ = try place.maintenance.remove(entry) }?.code == .busy)
        writer.close()
    }

    @Test func findsEveryDamagedByte() throws {
        let (place, models) = try withSidecar(2)
        let folder = try place.sidecar()
        let files = names(folder + "/data").map { "data/" + $0 } + names(folder + "/commits").map { "commits/" + $0 }
        #expect(files.count == 4)
        #expect(place.maintenance.verify(try place.maintenance.list()[0]).files == 4)
        for file in files {
            let path = folder + "/" + file
            let good = try contents(path)
            for position in stride(from: 0, to: good.count, by: file.hasPrefix("data") ? 997 : 1) {
                var bad = good
                bad[position] ^= 0x40
                // In place: `current` is the same file.
                try overwrite(path, bad)
                let check = place.maintenance.verify(try place.maintenance.list()[0])
                #expect(!check.problems.isEmpty, "\(file) \(position)")
            }
            try overwrite(path, Array(good.dropLast()))
            #expect(!place.maintenance.verify(try place.maintenance.list()[0]).problems.isEmpty)
            try overwrite(path, good)
        }
        #expect(place.maintenance.verify(try place.maintenance.list()[0]).problems == [])
        // A cut data file is noticed by readers, too.
        truncate(folder + "/data/1", 10)
        #expect(try failure { _ = try place.store().model(place.base()) }?.code == .damaged)
        _ = models
    }

    private func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.write(contentsOf: Data(bytes))
        try handle.truncate(atOffset: UInt64(bytes.count))
        try handle.close()
    }

    @Test func aDamagedCurrentCanBeReplaced() throws {
        let (place, models) = try withSidecar()
        let folder = try place.sidecar()
        try overwrite(folder + "/current", pattern(300, 1))
        for body in [
            { _ = try place.store().snapshot(place.base()) }, { _ = try place.store().openForWriting(place.base()) },
        ] {
            let error = try #require(try failure(body))
            #expect(error.code == .damaged && error.errno == EIO && error.message.contains("evh5 sidecar restore"))
        }
        var entry = try place.maintenance.list()[0]
        #expect(entry.problem?.contains("damaged") == true)
        #expect(try entry.key == place.base().key)
        #expect(try place.maintenance.restore(entry, commit: 2) == 4)
        #expect(try place.store().model(place.base()) == models[1])
        // And a lost one.
        unlink(folder + "/current")
        #expect(try failure { _ = try place.store().openForWriting(place.base()) }?.code == .damaged)
        entry = try place.maintenance.list()[0]
        #expect(entry.problem?.contains("is missing") == true)
        #expect(!place.maintenance.verify(entry).problems.isEmpty)
        #expect(try place.maintenance.restore(entry, commit: 1) == 5)
        #expect(try place.store().model(place.base()) == models[0])
    }

    @Test func tornSessionsAreKeptWithWhatTheyChange() throws {
        let (place, models) = try withSidecar(1)
        var model = models[0]
        let writer = try place.store().openForWriting(place.base())
        try writer.apply(SessionSeries.edits(1, &model))
        writer.rollBack("as a test")
        writer.close()
        let torn = model
        model = models[0]
        for number in 1..<16 { try place.store().session(place.base(), SessionSeries.edits(number, &model)) }
        let entry = try place.maintenance.list()[0]
        // Ten states, and the one that the torn session is about.
        #expect(entry.commits.map(\.commit) == [1] + (7...16))
        #expect(entry.torn.map(\.reason) == ["as a test"] && entry.torn[0].base == 1)
        #expect(try FileModel(place.maintenance.open(entry, .torn(entry.torn[0].name))) == torn)
        #expect(try failure { try place.maintenance.purge(entry, torn: "..") }?.code == .notFound)
        #expect(try failure { _ = try place.maintenance.open(entry, .torn("../torn")) }?.code == .notFound)
        try place.maintenance.purge(entry, torn: entry.torn[0].name)
        try place.store().session(place.base(), SessionSeries.edits(16, &model))
        #expect(try place.maintenance.list()[0].commits.map(\.commit) == Array(8...17))
        #expect(try place.store().model(place.base()) == model)
    }

    @Test func fewDataFilesAndLittleGarbage() throws {
        let place = try Place()
        let base = try place.base()
        var model = FileModel(base.layout)
        // A big one first, which small sessions must not copy.
        try place.store().session(base, model.change([.write(base.layout.size, pattern(6 << 20, 1))]))
        for number in 0..<40 {
            let calls = FaultyCalls()
            try place.store(calls).session(
                base, model.change([.write(Int64(model.bytes.count), pattern(1000, number))]))
            let written = calls.log.filter { $0.hasPrefix("write ") }.compactMap { Int($0.split(separator: " ")[1]) }
            #expect(written.reduce(0, +) < 200_000)
            let entry = try place.maintenance.list()[0]
            #expect(try place.maintenance.dataFiles(entry) <= 9)
        }
        #expect(try place.store().model(base) == model)
        #expect(place.maintenance.verify(try place.maintenance.list()[0]).problems == [])
        // Most of the big one is overwritten by a session that is larger than what is left of it: that is taken along.
        try place.store().session(
            base, model.change([.write(base.layout.size, pattern(4 << 20, 2))]))
        let entry = try place.maintenance.list()[0]
        #expect(try #require(entry.commits.last).heldBytes < 7 << 20)
        #expect(try place.store().model(base) == model)
    }
}

extension FileModel {
    /// The end of file address of a file that has `more` bytes than it has without additions.
    fileprivate static func end(_ base: SidecarBase, _ more: Int64) -> [UInt8] {
        withUnsafeBytes(of: (base.layout.size + more).littleEndian, Array.init)
    }
}

extension SidecarMaintenance {
    /// How many data files the current state needs.
    fileprivate func dataFiles(_ entry: SidecarEntry) throws -> Int {
        let bytes = try contents(entry.folder + "/current")
        return Int(bytes[24])
    }
}
