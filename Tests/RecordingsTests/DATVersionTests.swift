// DAT files below version 2: packed in one of two ways, which the records tell or a setting says.

import Files
import RandomFixture
import Recordings
import Testing

@Suite struct DATVersionTests {
    private let geometry = Geometry(width: 304, height: 240)

    /// A record by the definition: time, then x 9 bits, y 8, p 1; or x 14, y 14, p 4.
    private func record(_ event: Event, version: Int) -> [UInt32] {
        let (x, y, p) = (UInt32(event.x), UInt32(event.y), UInt32(event.polarity))
        return [UInt32(truncatingIfNeeded: event.t), version == 1 ? p << 17 | y << 9 | x : p << 28 | y << 14 | x]
    }

    private func events(_ count: Int, seed: UInt64 = 1) -> [Event] {
        var random = SplitMix(seed: seed)
        return (0..<count).map { i in
            event(
                Int.random(in: 0..<304, using: &random), Int.random(in: 0..<240, using: &random),
                Int.random(in: 0...1, using: &random), Int64(2_000_000 + 7 * i))
        }
    }

    private func file(
        _ folder: TemporaryFolder, _ events: [Event], packed: Int, says version: String?, _ size: String = "304x240",
        more: [UInt8] = []
    ) throws -> String {
        let sides = size.split(separator: "x")
        let text =
            "% Data file containing CD events.\n" + (version.map { "% Version \($0)\n" } ?? "")
            + "% Width \(sides[0])\n% Height \(sides[1])\n"
        return try folder.file(
            "a_td.dat", Array(text.utf8) + [12, 8] + words(events.flatMap { record($0, version: packed) }) + more)
    }

    @Test(arguments: [1, 2]) func recordsTell(_ packed: Int) throws {
        let folder = try TemporaryFolder()
        let events = events(3000)
        for version in ["1", "1.0", "0", nil] {
            let recording = try Recording(path: file(folder, events, packed: packed, says: version))
            #expect(recording.format == (packed == 1 ? .dat1 : .dat))
            // There is a note where a header says one thing and records another, or version 1 is a guess.
            #expect(recording.notes.isEmpty == ((packed == 1) == (version != nil)))
            let index = try TimeIndex.build(recording)
            #expect(try EventReader(recording, index).all() == events)
            #expect(index.drops.total == 0 && index.suspicions.isEmpty)
        }
        // Version 2 is what it says.
        let two = try Recording(path: file(folder, events, packed: 2, says: "2"))
        #expect(two.format == .dat && two.notes.isEmpty)
    }

    /// A few damaged records change nothing.
    @Test(arguments: [1, 2]) func damagedRecords(_ packed: Int) throws {
        let folder = try TemporaryFolder()
        let damage = words([1, 0xFFFF_FFFF, 2, 0x0FFF_0000] as [UInt32])
        let recording = try Recording(path: file(folder, events(3000), packed: packed, says: "1", more: damage))
        #expect(recording.format == (packed == 1 ? .dat1 : .dat))
        #expect(try TimeIndex.build(recording).eventCount == 3000)
        #expect(try TimeIndex.build(recording).drops.total == 2)
    }

    /// Sensors that version 1 has no room for.
    @Test func largeSensors() throws {
        let folder = try TemporaryFolder()
        for size in ["640x480", "1280x720", "513x240", "304x257"] {
            let path = try file(folder, [event(5, 0, 0, 1), event(6, 0, 0, 2)], packed: 2, says: "1", size)
            let recording = try Recording(path: path)
            #expect(recording.format == .dat && !recording.notes.isEmpty)
            #expect(try EventReader(recording, TimeIndex.build(recording)).all().map(\.x) == [5, 6])
        }
    }

    /// Records that make sense both ways: nobody is shown a guess.
    @Test func recordsThatDoNotTell() throws {
        let folder = try TemporaryFolder()
        // Rows 0 to 15 of version 2 are rows 0, 32, ... of version 1, and off events have no bit in either.
        let both = (0..<5000).map { event($0 % 300, $0 % 7, 0, Int64($0)) }
        let path = try file(folder, both, packed: 2, says: "1")
        do {
            _ = try Recording(path: path)
            Issue.record("a guess was made")
        } catch {
            #expect(error.code == .encodingMissing)
            #expect(error.message.contains("--encoding dat1 or dat2") && error.message.contains("version 1"))
        }
        let one = try Recording(path: path, hints: RecordingHints(encoding: .dat1))
        let two = try Recording(path: path, hints: RecordingHints(encoding: .dat2))
        #expect(one.format == .dat1 && two.format == .dat && one.identity != two.identity)
        #expect(one.readingDigest != two.readingDigest)
        #expect(try EventReader(two, TimeIndex.build(two)).all() == both)
        #expect(
            try EventReader(one, TimeIndex.build(one)).all()
                == both.map { event(Int($0.x), 32 * Int($0.y), 0, $0.t) })
        // Both are kept, also by one store.
        let store = IndexStore(directory: folder.path + "/cache")
        _ = try (store.index(of: one), store.index(of: two))
        #expect(try store.index(of: one).format == .dat1 && store.index(of: two).format == .dat)
        // Records further on tell; nothing at all cannot be read wrongly.
        #expect(throws: RecordingError.self) { try Recording(path: file(folder, both, packed: 2, says: nil)) }
        #expect(try Recording(path: file(folder, [], packed: 2, says: "1")).format == .dat)
        let later = Array(repeating: both, count: 3).joined() + events(2000)
        #expect(try Recording(path: file(folder, later, packed: 2, says: "1")).format == .dat)
    }

    @Test func theWriterPacksVersion1() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/b_td.dat"
        var writer = try RecordingWriter(path: path, format: .dat1, geometry: geometry)
        try writer.append([event(303, 239, 1, 77)])
        try writer.append(events(3000))
        try writer.finish()
        let recording = try Recording(path: path)
        #expect(recording.format == .dat1 && recording.format.displayName == "DAT (version 1)")
        #expect(try EventReader(recording, TimeIndex.build(recording)).all() == [event(303, 239, 1, 77)] + events(3000))
        #expect(
            try File(path: path).bytes(in: recording.header.payloadOffset..<1000).prefix(8)
                == words([77, 1 << 17 | 239 << 9 | 303] as [UInt32])[...])
        #expect(throws: RecordingError.self) {
            try RecordingWriter(path: path, format: .dat1, geometry: Geometry(width: 513, height: 10))
        }
    }

    /// Times go around in version 1 as in version 2, in windows and by several threads too.
    @Test func windowsOfVersion1() throws {
        let folder = try TemporaryFolder()
        let made = events(20_000).enumerated().map { i, e in
            event(Int(e.x), Int(e.y), Int(e.polarity), Int64(i) * 900_000)
        }
        let recording = try Recording(path: file(folder, made, packed: 1, says: "1"))
        let layout = TimeIndex.Layout(
            segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 4096, pieceLength: 8, leadLength: 2)
        let index = try TimeIndex.build(recording, layout: layout)
        #expect(try TimeIndex.build(recording, layout: layout, threads: 3) == index)
        #expect(index.lastTime == made.last?.t && index.lastTime > 1 << 33)
        let windows: [Range<Int64>] = [
            0..<1000, 1 << 32..<(1 << 32) + 77_000_000, 5_000_000_000..<17_000_000_000,
        ]
        for window in windows {
            #expect(try EventReader(recording, index).all(window) == made.filter { window.contains($0.t) })
        }
    }
}
