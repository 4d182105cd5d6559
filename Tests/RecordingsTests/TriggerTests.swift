// External triggers: the index has those that were written, by every kernel, any number of threads, and however the
// recording is cut, grows or is damaged.

import Files
import Foundation
import RandomFixture
import Recordings
import Testing

/// The encodings that have triggers.
private let formats = wideFormats.filter { !$0.isDAT }

/// Keeps what a decoder says.
private struct Collector: DropTally {
    var triggers: [Trigger] = []
    mutating func outsideGeometry(_ events: Int) {}
    mutating func beforeTimeHigh(_ events: Int) {}
    mutating func withoutAddress(_ events: Int) {}
    mutating func unknownWord() {}
    mutating func otherWord() {}
    mutating func trigger(_ trigger: Trigger) { triggers.append(trigger) }
}

@Suite struct TriggerTests {
    private let layouts = [
        TimeIndex.Layout.standard,
        TimeIndex.Layout(segmentSize: 8, segmentLimit: 64, chunkSize: 100),
        TimeIndex.Layout(segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 4096, pieceLength: 8, leadLength: 2),
        TimeIndex.Layout(segmentSize: 512, segmentLimit: 64, chunkSize: 777, pieceLength: 16, leadLength: 1),
    ]

    private func recording(_ folder: TemporaryFolder, _ format: RecordingFormat, _ payload: [UInt8]) throws -> Recording
    {
        try Recording(path: folder.file("a.raw", header(format, "640x480") + payload))
    }

    /// The index by every kernel of this machine, one and three threads, and each layout.
    private func indexes(_ recording: Recording, _ body: (TimeIndex, Comment) throws -> Void) throws {
        let before = KernelVariant.current
        defer { KernelVariant.current = before }
        for variant in KernelVariant.available {
            KernelVariant.current = variant
            for (i, layout) in layouts.enumerated() {
                for threads in [1, 3] {
                    let index = try TimeIndex.build(recording, layout: layout, threads: threads)
                    try body(index, "\(variant), layout \(i), \(threads) threads")
                }
            }
        }
    }

    @Test(arguments: formats) func areThoseThatWereWritten(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        for (seed, every) in [1, 7, 300].enumerated() {
            let stream = TriggerStream(format, steps: 6000, every: every, seed: UInt64(seed))
            #expect(stream.triggers.count > 8 && Set(stream.triggers.map(\.id)) == [1, 6])
            let recording = try recording(folder, format, stream.payload + [1])
            try indexes(recording) { index, what in
                #expect(index.triggers == stream.triggers, what)
                #expect(index.triggerCount == stream.triggers.count, what)
                #expect(index.otherWords > index.triggerCount && index.drops.unknownWords == 0, what)
            }
        }
    }

    @Test(arguments: formats) func ofDamagedRecordingsTheyAreTheDecoders(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        var random = SplitMix(seed: 3)
        for round in 0..<4 {
            var payload = TriggerStream(format, steps: 5000, every: 9, seed: UInt64(round)).payload
            for _ in 0..<round * round * 60 {
                payload[Int.random(in: 0..<payload.count, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
            }
            payload.removeSubrange(5000..<5000 + 8 * round)
            let recording = try recording(folder, format, payload)
            var (state, sink, tally) = (DecoderState(), EventCollector(), Collector())
            payload.withUnsafeBytes {
                _ = format.decode($0, geometry: recording.geometry, state: &state, into: &sink, tally: &tally)
            }
            #expect(tally.triggers.count > 100)
            try indexes(recording) { index, what in
                #expect(index.triggers == tally.triggers, what)
                #expect(index.triggerCount == tally.triggers.count, what)
            }
        }
    }

    @Test(arguments: formats) func ofGrowingRecordingsNoneIsLostOrTwice(_ format: RecordingFormat) throws {
        let stream = TriggerStream(format, steps: 6000, every: 5, seed: 4)
        var random = SplitMix(seed: 5)
        for layout in layouts {
            for threads in [1, 3] {
                let folder = try TemporaryFolder()
                var size = 11
                let path = try folder.file("a.raw", header(format, "640x480") + stream.payload[..<size])
                var index = try TimeIndex.build(Recording(path: path), layout: layout)
                while size < stream.payload.count {
                    let more = min(stream.payload.count - size, Int.random(in: 1..<20_000, using: &random))
                    try append(Array(stream.payload[size..<size + more]), to: path)
                    size += more
                    let recording = try Recording(path: path)
                    index = try #require(try index.extended(to: recording, layout: layout, threads: threads))
                    #expect(index == (try TimeIndex.build(recording, layout: layout)))
                }
                #expect(index.triggers == stream.triggers)
            }
        }
    }

    @Test func beyondTheLimitTheyAreCounted() throws {
        let stream = TriggerStream(.evt2, steps: 6000, every: 3, seed: 6)
        let count = stream.triggers.count
        let half = stream.payload.count / 8 * 4
        for limit in [0, 1, 64, count / 2, count - 1, count, count + 1] {
            let folder = try TemporaryFolder()
            let layout = TimeIndex.Layout(
                segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 1000, pieceLength: 8, leadLength: 2,
                triggerLimit: limit)
            let early = try TimeIndex.build(recording(folder, .evt2, Array(stream.payload[..<half])), layout: layout)
            try append(Array(stream.payload[half...]), to: folder.path + "/a.raw")
            let recording = try Recording(path: folder.path + "/a.raw")
            for index in [
                try TimeIndex.build(recording, layout: layout),
                try TimeIndex.build(recording, layout: layout, threads: 3),
                try #require(try early.extended(to: recording, layout: layout, threads: 2)),
            ] {
                #expect(index.triggers == Array(stream.triggers.prefix(limit)))
                #expect(index.triggerCount == count)
            }
        }
    }

    @Test func withoutATimeTheyAreOtherWords() throws {
        let folder = try TemporaryFolder()
        let early = try TimeIndex.build(
            recording(folder, .evt2, words([0xA000_0001, 0xA000_0101, 0x8000_0005] as [UInt32])))
        #expect(early.triggers.isEmpty && early.triggerCount == 0 && early.otherWords == 2)
        let evt3 = try TimeIndex.build(
            recording(folder, .evt3, words([0xA001, 0x8003, 0xA301, 0x6007, 0xAF00] as [UInt16])))
        #expect(evt3.triggers == [Trigger(t: 4096, id: 3, p: 1), Trigger(t: 4103, id: 15, p: 0)])
        #expect(evt3.triggerCount == 2 && evt3.otherWords == 3)
    }

    @Test(arguments: wideFormats) func theWriterWritesThem(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.raw"
        var writer = try RecordingWriter(path: path, format: format, geometry: Geometry(width: 640, height: 480))
        guard !format.isDAT else {
            #expect(throws: RecordingError.self) { try writer.append(Trigger(t: 1, id: 0, p: 1)) }
            return
        }
        var triggers: [Trigger] = []
        for i in 0..<5000 as Range<Int64> {
            let t = i * 37 + i / 100 * 20_000
            for x in 0..<i % 9 { try writer.append(event(Int(3 * x), Int(i % 480), Int(i & 1), t)) }
            guard i % 3 == 0 else { continue }
            triggers.append(Trigger(t: t + 5, id: Int16(i % 16), p: Int16(i & 1)))
            try writer.append(triggers[triggers.count - 1])
        }
        #expect(throws: RecordingError.self) { try writer.append(Trigger(t: 1 << 40, id: 32, p: 1)) }
        #expect(throws: RecordingError.self) { try writer.append(Trigger(t: 0, id: 0, p: 1)) }
        try writer.finish()
        let index = try TimeIndex.build(Recording(path: path))
        #expect(index.triggers == triggers && index.eventCount == writer.eventCount && index.drops.total == 0)
    }

    // MARK: What is kept on disk

    private func indexFile(_ folder: TemporaryFolder) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache")
        let name = try #require(names.first { $0.hasSuffix(".evh5index") })
        return folder.path + "/cache/" + name
    }

    @Test(arguments: formats) func areReadBackFromDisk(_ format: RecordingFormat) throws {
        for seed in 8..<10 as Range<UInt64> {
            let folder = try TemporaryFolder()
            let stream = TriggerStream(format, steps: 12_000, every: 4, seed: seed)
            let recording = try recording(folder, format, stream.payload)
            #expect(stream.payload.count > 65536)
            _ = try IndexStore(directory: folder.path + "/cache").index(of: recording)
            // The format before had no triggers and is not read.
            let path = try indexFile(folder)
            let good = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(good.count > 12 * stream.triggers.count)
            let stored = try #require(IndexStore(directory: folder.path + "/cache").indexIfKnown(of: recording))
            #expect(stored.triggers == stream.triggers)
            #expect(try stored == TimeIndex.build(recording))
            var old = good
            old[8] = 1
            try old.write(to: URL(fileURLWithPath: path))
            let store = IndexStore(directory: folder.path + "/cache")
            #expect(store.indexIfKnown(of: recording) == nil && store.lastProblem != nil)
            #expect(try store.index(of: recording).triggers == stream.triggers)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
        }
    }

    /// A recording that was scanned before has no index file of its own when it is short, with triggers or without.
    @Test(arguments: formats) func areThoseOfShortRecordingsWithoutAFile(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let stream = TriggerStream(format, steps: 200, every: 4, seed: 8)
        let path = try recording(folder, format, stream.payload).path
        let time = timespec(tv_sec: time(nil) - 10, tv_nsec: 0)
        #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
        let recording = try Recording(path: path)
        #expect(try IndexStore(directory: folder.path + "/cache").index(of: recording).triggers == stream.triggers)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache")
        #expect(files.count == 1 && files[0].hasSuffix(RecordingSummaries.suffix))
        let store = IndexStore(directory: folder.path + "/cache")
        let index = try #require(store.indexIfKnown(of: recording))
        #expect(try index == TimeIndex.build(recording))
        #expect(index.triggers == stream.triggers && store.lastProblem == nil)
        let summary = RecordingSummary(recording, index)
        #expect(summary.isWholeIndex && summary.triggerCount == stream.triggers.count)
        // What is said of another state of the words is not taken.
        _ = try folder.file("a.raw", header(format, "640x480") + stream.payload.map { $0 ^ 0x21 })
        #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
        #expect(summary.index(of: try Recording(path: path)) == nil)
    }

    /// Numbers that no scan finds, behind a checksum that fits.
    @Test func fileThatLiesIsRefused() throws {
        let folder = try TemporaryFolder()
        let stream = TriggerStream(.evt2, steps: 400, every: 4, seed: 9)
        let index = try TimeIndex.build(recording(folder, .evt2, stream.payload))
        let good = IndexFile.bytes(of: index)
        #expect(IndexFile.index(from: good) == index)
        // After the head, the identity and the steps back: triggers of whole segments, of all, kept; then t, channel,
        // edge of each.
        let start = 16 + 52 + 16
        for (place, value) in [
            (start - 16, [1, 0]), (start - 8, [0, 0, 0, 0, 0, 0, 0, 0x80]), (start - 8, [255, 255, 255]),
            (start, [1, 0]), (start, [0, 0, 0, 0, 0, 0, 0, 0x80]), (start + 8, [0, 1]), (start + 16, [0, 0]),
            (start + 16, [0, 0, 0, 0, 0, 0, 0, 0x40]), (start + 16, [255, 255, 255, 255, 255, 255, 255, 0x7F]),
            (start + 24, [0, 0, 0, 0, 0, 0, 0, 0x60]), (start + 32, [32, 0]), (start + 32, [0, 0x80]),
            (start + 34, [2, 0]), (start + 34, [255, 255]),
        ] as [(Int, [UInt8])] {
            var bad = good
            bad.replaceSubrange(place..<place + value.count, with: value)
            withUnsafeBytes(of: crc32(Array(bad[16...])).littleEndian) { bad.replaceSubrange(12..<16, with: $0) }
            #expect(bad == good || IndexFile.index(from: bad) == nil, "\(place) \(value)")
        }
    }
}
