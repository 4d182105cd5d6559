// What the writer writes is read back; its words are pinned where a reader of another make would care.

import Files
import Foundation
import RandomFixture
import Recordings
import Testing

@Suite struct WriterTests {
    /// Rows of neighbours, single events, pauses and repeated times, sorted by time.
    private func events(_ geometry: Geometry, from start: Int64, _ count: Int, pauses: [Int64]) -> [Event] {
        var random = SplitMix(seed: 12)
        var events: [Event] = []
        var t = start
        while events.count < count {
            let y = Int.random(in: 0..<geometry.height, using: &random)
            let p = Int.random(in: 0...1, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                for x in 0..<geometry.width where Int.random(in: 0..<4, using: &random) == 0 {
                    events.append(event(x, y, p, t))
                }
            case 1:
                for _ in 0..<5 { events.append(event(Int.random(in: 0..<geometry.width, using: &random), y, p, t)) }
            default: events.append(event(geometry.width - 1, y, p, t))
            }
            t += Int64.random(in: 0...3, using: &random) * Int64.random(in: 0...40, using: &random)
            if Int.random(in: 0..<200, using: &random) == 0 { t += pauses.randomElement(using: &random) ?? 0 }
        }
        return events
    }

    private func roundTrip(_ format: RecordingFormat, _ geometry: Geometry, _ start: Int64, _ events: [Event]) throws
        -> Int64
    {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.raw"
        var writer = try RecordingWriter(path: path, format: format, geometry: geometry, startTime: start)
        try writer.append(events)
        try writer.finish()
        let recording = try Recording(path: path)
        #expect(recording.format == format)
        #expect(recording.geometry == geometry)
        let index = try TimeIndex.build(recording)
        #expect(index.timeShift == writer.timeShift)
        #expect(index.drops.total == 0)
        let read = try EventReader(recording, index).all()
        // What the time shift leaves after whole wraps of the clock is the sensor's own.
        let wraps: Int64 =
            switch format {
            case .evt3: (start >> 24) << 24
            case .dat, .dat1: 0
            default: (start >> 34) << 34
            }
        let same = read == events.map { event(Int($0.x), Int($0.y), Int($0.polarity), $0.t - wraps - writer.timeShift) }
        #expect(same)
        return writer.timeShift
    }

    @Test(arguments: wideFormats) func eventsAreReadBack(_ format: RecordingFormat) throws {
        let pauses: [Int64] = [5000, 100_000, 20_000_000]
        for geometry in [
            Geometry(width: 1280, height: 720), Geometry(width: 37, height: 5), Geometry(width: 20, height: 20),
        ] {
            #expect(try roundTrip(format, geometry, 0, events(geometry, from: 0, 30_000, pauses: pauses)) == 0)
        }
        let geometry = Geometry(width: 640, height: 480)
        #expect(try roundTrip(format, geometry, 0, events(geometry, from: 123_456_789, 5000, pauses: pauses)) == 0)
        let start: Int64 = 987_654_321
        let shift = try roundTrip(format, geometry, start, events(geometry, from: start, 5000, pauses: pauses))
        switch format {
        case .dat, .dat1: #expect(shift == 0)
        case .evt3: #expect(shift == ((start & 0xFF_FFFF) / 4096 - 1) * 4096)
        default: #expect(shift == start / 64 * 64)
        }
    }

    @Test(arguments: [RecordingFormat.evt2, .evt21, .evt21Legacy, .evt4]) func clocksWrap(_ format: RecordingFormat)
        throws
    {
        let geometry = Geometry(width: 640, height: 480)
        _ = try roundTrip(
            format, geometry, 0, events(geometry, from: 0, 200_000, pauses: [1 << 33, 1 << 32, 1 << 35, 1 << 20]))
        _ = try roundTrip(format, geometry, 1 << 34 - 1000, events(geometry, from: 1 << 34 - 1000, 5000, pauses: []))
    }

    @Test func aDATClockWraps() throws {
        let geometry = Geometry(width: 640, height: 480)
        _ = try roundTrip(.dat, geometry, 0, events(geometry, from: 0, 200_000, pauses: [1 << 29]))
    }

    @Test func wordsOfEVT3() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.raw"
        var writer = try RecordingWriter(path: path, format: .evt3, geometry: Geometry(width: 1280, height: 720))
        try writer.append([event(9, 3, 1, 5), event(11, 3, 1, 5), event(3, 3, 0, 18)])
        try writer.append((100..<110).map { event($0, 4, 1, 18) })
        try writer.finish()
        let header = try Recording(path: path).header
        #expect(header.value("format") == "EVT3;height=720;width=1280")
        #expect(header.value("geometry") == "1280x720")
        let payload = try File(path: path).bytes(in: header.payloadOffset..<1 << 20)
        let expected: [UInt16] = [
            0x8000, 0x6005, 0x0003, 0x2809, 0x280B, 0x8000, 0x6012, 0x2003, 0x0004, 0x3864, 0x43FF, 0x4000, 0x5000,
        ]
        #expect(payload == words(expected))
    }

    @Test func wordsOfDAT() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.dat"
        var writer = try RecordingWriter(
            path: path, format: .dat, geometry: Geometry(width: 304, height: 240),
            fields: [("Date", "2025-01-02 03:04:05")])
        try writer.append([event(300, 200, 1, 77)])
        try writer.finish()
        let text =
            "% Data file containing CD events.\n% Version 2\n% Date 2025-01-02 03:04:05\n% Height 240\n% Width 304\n"
        #expect(
            try File(path: path).bytes(in: 0..<1000) == Array(text.utf8) + [12, 8]
                + words([77, 1 << 28 | 200 << 14 | 300] as [UInt32]))
    }

    @Test func whatCannotBeWritten() throws {
        let folder = try TemporaryFolder()
        func code(_ body: () throws -> Void) -> RecordingError.Code? {
            do {
                try body()
                return nil
            } catch { return (error as? RecordingError)?.code }
        }
        let small = Geometry(width: 10, height: 10)
        #expect(
            code {
                _ = try RecordingWriter(
                    path: folder.path + "/a", format: .evt3, geometry: Geometry(width: 4000, height: 10))
            } == .unwritable)
        #expect(
            code { _ = try RecordingWriter(path: folder.path + "/no/a", format: .evt3, geometry: small) } == .unwritable
        )
        var writer = try RecordingWriter(path: folder.path + "/a", format: .dat, geometry: small, startTime: 100)
        #expect(code { try writer.append(event(10, 0, 0, 100)) } == .unwritable)
        #expect(code { try writer.append(event(0, 10, 0, 100)) } == .unwritable)
        #expect(code { try writer.append(event(0, 0, 0, 99)) } == .unwritable)
        #expect(code { try writer.append(event(0, 0, 0, 1 << 40)) } == .unwritable)
        #expect(code { try writer.append(event(9, 9, 1, 100)) } == nil)
    }
}
