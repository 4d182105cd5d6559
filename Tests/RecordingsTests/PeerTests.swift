// Against others: events as OpenEB decodes them, and files of a generator that shares no code with this project.

import ChildFixture
import Foundation
import Recordings
import Testing

@Suite(.enabled(if: sharedFolder != nil, "no shared folder beside the repository; set EVH5_SHARED")) struct PeerTests {
    @Test(arguments: ["real_evt2.raw", "real_evt3.raw", "real_td.dat"]) func realRecordings(_ name: String) throws {
        let folder = try #require(sharedFolder) + "/recordings/"
        let recording = try Recording(path: folder + name, geometry: Geometry(width: 78, height: 42))
        let index = try TimeIndex.build(recording)
        let archive = try NumpyArchive(path: folder + name.split(separator: ".")[0] + ".events.npz")
        let (x, y) = (try archive.array("x", UInt16.self), try archive.array("y", UInt16.self))
        let (p, t) = (try archive.array("p", UInt8.self), try archive.array("t", Int64.self))
        let events = try EventReader(recording, index).all()
        #expect(events.count == t.count && index.eventCount == Int64(t.count))
        let differing = zip(events, t.indices).count {
            $0 != Event(x: Int(x[$1]), y: Int(y[$1]), polarity: Int(p[$1]), t: t[$1])
        }
        #expect(differing == 0)
        #expect(index.drops.total - index.drops.truncatedBytes == 0)
        #expect(index.lastTime == t.last)
    }

    /// The generator's hash of events, over the times that were stored.
    private struct HashSink: EventSink {
        let shift: Int64
        var hash: UInt64 = 0
        var count: Int64 = 0

        @inline(__always)
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            let word = UInt64(t &+ shift) << 32 ^ UInt64(x) << 16 ^ UInt64(y) << 1 ^ UInt64(polarity)
            hash = hash &* 6_364_136_223_846_793_005 &+ word
            count &+= 1
        }
    }

    private func run(_ command: String, _ arguments: [String]) throws -> String {
        let finished = try Child.run([command] + arguments)
        try #require(finished.status == 0, "\(finished.errors)")
        return finished.output
    }

    /// The words of an EVT2.1 file with their halves swapped, behind a header that does not say so.
    private func legacy(of path: String, in folder: TemporaryFolder) throws -> String {
        let header = try Recording(path: path).header
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let payload = bytes[Int(header.payloadOffset)...]
        var swapped = Array(payload)
        for i in stride(from: 0, to: swapped.count - 7, by: 8) {
            for k in 0..<4 { swapped.swapAt(i + k, i + k + 4) }
        }
        return try folder.file(
            "legacy.raw", Array("% evt 2.1\n% geometry 1280x720\n% system_ID 49\n% end\n".utf8) + swapped)
    }

    @Test func generatedRecordings() throws {
        let shared = try #require(sharedFolder)
        let folder = try TemporaryFolder()
        let tool = folder.path + "/gen_events"
        _ = try run("cc", ["-O2", "-w", "-o", tool, shared + "/tools/gen_events.c", "-lm"])
        let files = ["evt3", "evt2", "evt21", "dat"].map { "\($0)=\(folder.path)/\($0)" }
        let lines = try run(tool, ["dense", "3", "11700000", "20000000"] + files).split(separator: "\n")
        #expect(lines.count == 4)
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            func value(_ key: String) throws -> String { words[try #require(words.firstIndex(of: key)) + 1] }
            let name = try #require(words[0].split(separator: "/").last)
            var paths = [words[0]]
            if name == "evt21" { paths.append(try legacy(of: words[0], in: folder)) }
            for path in paths {
                let recording = try Recording(path: path)
                #expect(recording.format == (path == words[0] ? expected(String(name)) : .evt21Legacy))
                let index = try TimeIndex.build(recording)
                var sink = HashSink(shift: index.timeShift)
                try EventReader(recording, index).events(in: 0..<Int64.max, into: &sink)
                #expect(sink.count == Int64(try value("events")))
                #expect(sink.hash == UInt64(try value("hash"), radix: 16))
                #expect(index.eventCount == sink.count)
                #expect(index.firstTime + index.timeShift == Int64(try value("t_first")))
                #expect(index.lastTime + index.timeShift == Int64(try value("t_last")))
                #expect(index.drops.total == 0)
            }
        }
    }

    private func expected(_ name: String) -> RecordingFormat? {
        ["evt3": .evt3, "evt2": .evt2, "evt21": .evt21, "dat": .dat][name]
    }
}
