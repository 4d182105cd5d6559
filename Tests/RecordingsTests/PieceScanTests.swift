// A recording scanned by several threads against the same scanned by one.

import Files
import Recordings
import Testing

@Suite struct PieceScanTests {
    private let layouts = [
        TimeIndex.Layout(segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 4096, pieceLength: 8, leadLength: 2),
        // Segments that are merged on the way, up to the length of a piece.
        TimeIndex.Layout(segmentSize: 512, segmentLimit: 64, chunkSize: 1 << 16, pieceLength: 16, leadLength: 1),
        // Pieces of no whole number of such segments: one thread does it.
        TimeIndex.Layout(segmentSize: 512, segmentLimit: 64, chunkSize: 4096, pieceLength: 12, leadLength: 1),
        // Too many for their pieces: one thread does it.
        TimeIndex.Layout(segmentSize: 64, segmentLimit: 16, chunkSize: 1000, pieceLength: 2, leadLength: 1),
        TimeIndex.Layout(segmentSize: 1000, segmentLimit: 1 << 18, chunkSize: 777, pieceLength: 3, leadLength: 1),
    ]

    @Test(arguments: [RecordingFormat.evt2, .evt21, .evt21Legacy, .evt3, .evt4, .dat])
    func theIndexIsThatOfOneThread(_ format: RecordingFormat) throws {
        for payload in streams(format) {
            let folder = try TemporaryFolder()
            for cut in [0, 1, 4000] {
                let bytes = header(format, "640x480") + payload.dropLast(cut)
                let recording = try Recording(path: folder.file("\(cut).raw", bytes))
                for layout in layouts {
                    let alone = try TimeIndex.build(recording, layout: layout)
                    #expect(alone.eventCount > 0)
                    for threads in [2, 5] {
                        #expect(try TimeIndex.build(recording, layout: layout, threads: threads) == alone)
                    }
                }
            }
        }
    }

    @Test func theIndexOfVectorsIsThatOfOneThread() throws {
        let folder = try TemporaryFolder()
        for (seed, longest) in [2, 8, 60].enumerated() {
            let payload = vectorStream(60_000, UInt64(seed), width: 640, longest: longest, oddity: 100)
            let recording = try Recording(path: folder.file("\(longest).raw", header(.evt3, "640x480") + payload))
            for layout in layouts {
                let alone = try TimeIndex.build(recording, layout: layout)
                #expect(try TimeIndex.build(recording, layout: layout, threads: 3) == alone)
            }
        }
    }

    /// The counter of times goes around many times, also where two pieces meet; and now and then back.
    @Test func timesGoAround() throws {
        let folder = try TemporaryFolder()
        for (name, step) in [("forward", 97), ("far", 1400), ("back", 3900)] {
            let payload = (0..<30_000).flatMap { k -> [UInt16] in
                [UInt16(0x8000 | (k / 8 * step) & 0xFFF), UInt16(0x6000 | k & 0xFFF), UInt16(k % 480), 0x2005]
            }
            let recording = try Recording(path: folder.file("\(name).raw", header(.evt3, "640x480") + words(payload)))
            for layout in layouts {
                let alone = try TimeIndex.build(recording, layout: layout)
                #expect(try TimeIndex.build(recording, layout: layout, threads: 3) == alone)
                #expect(alone.highestTime > 20 << 24 || name == "back")
            }
        }
    }

    /// In an undamaged recording no guess is wrong: each piece is joined as a whole.
    @Test(arguments: [RecordingFormat.evt3, .evt2, .dat]) func piecesAreJoined(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let payload = sensorStream(format, 60_000, 1, oddity: 0)
        let recording = try Recording(path: folder.file("a.raw", header(format, "640x480") + payload))
        let layout = TimeIndex.Layout(
            segmentSize: 512, segmentLimit: 1 << 18, chunkSize: 1024, pieceLength: 16, leadLength: 2)
        var steps: [Int64] = []
        var before = recording.header.payloadOffset
        _ = try TimeIndex.build(recording, layout: layout, threads: 2) {
            steps.append($0 - before)
            before = $0
        }
        let pieces = payload.count / (16 * 512)
        #expect(pieces > 10)
        #expect(steps.prefix(pieces).allSatisfy { $0 == 16 * 512 })
        #expect(steps.reduce(0, +) == Int64(payload.count))
    }

    @Test func aRecordingThatGrewIsContinued() throws {
        let folder = try TemporaryFolder()
        let payload = sensorStream(.evt3, 60_000, 3, oddity: 300)
        let head = header(.evt3, "640x480")
        for layout in layouts {
            for part in [100, 20_000, 61_234] {
                let path = try folder.file("\(part).raw", head + payload.prefix(part))
                let early = try TimeIndex.build(try Recording(path: path), layout: layout, threads: 2)
                try append(Array(payload.dropFirst(part)), to: path)
                let recording = try Recording(path: path)
                let alone = try TimeIndex.build(recording, layout: layout)
                #expect(try early.extended(to: recording, layout: layout, threads: 3) == alone)
            }
        }
    }

    @Test func aRecordingThatShrankIsRefused() throws {
        let folder = try TemporaryFolder()
        let bytes = header(.evt3, "640x480") + sensorStream(.evt3, 60_000, 3, oddity: 0)
        let path = try folder.file("a.raw", bytes)
        let recording = try Recording(path: path)
        _ = try folder.file("a.raw", Array(bytes.prefix(bytes.count / 2)))
        #expect(throws: RecordingError.self) {
            try TimeIndex.build(recording, layout: layouts[0], threads: 3)
        }
    }
}
