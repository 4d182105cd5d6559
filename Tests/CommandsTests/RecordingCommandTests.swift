// synth, info and index as the binary does them, on good and bad files.

import Commands
import Foundation
import Testing

struct RecordingCommandTests {
    /// The part of `info --json` that is looked at.
    struct Report: Decodable {
        let path: String
        let usable: Bool
        let reason, format: String?
        let width, height: Int?
        let events, firstTime, lastTime: Int64?
        let dropped: [String: Int64]?
    }

    struct Summary: Decodable {
        let built, known: Int
        let events: Int64
        let unusable: [[String: String]]
    }

    private func json<T: Decodable>(_ type: T.Type, _ run: Run) throws -> T {
        try JSONDecoder().decode(type, from: Data(run.output.utf8))
    }

    @Test(arguments: [
        ("evt2", "EVT2"), ("evt21", "EVT2.1"), ("evt21-legacy", "EVT2.1 (legacy)"), ("evt3", "EVT3"), ("evt4", "EVT4"),
        ("dat", "DAT"),
    ])
    func everyFormatIsReadBack(_ format: String, _ name: String) throws {
        let folder = try TemporaryFolder()
        let file = format == "dat" ? "a_td.dat" : "a.raw"
        let flags = ["--format", format, "--geometry", "320x240", "--duration", "200ms", "--rate", "500k"]
        let made = try Run.evh5(["synth", file] + flags + ["--start-ts", "20s"], in: folder)
        #expect(made.code == 0, "\(made.problems)")
        let run = try Run.evh5(["info", file, "--json"], in: folder)
        #expect(run.code == 0, "\(run.problems)")
        let report = try #require(try json([Report].self, run).first)
        #expect(report.usable && report.format == name && report.width == 320 && report.height == 240)
        let events = try #require(report.events)
        #expect(abs(events - 100_000) < 2000)
        #expect(try #require(report.dropped).values.allSatisfy { $0 == 0 })
        // DAT keeps the sensor's clock; RAW starts within one time high of 0.
        let first = try #require(report.firstTime)
        #expect(format == "dat" ? first >= 20_000_000 : first < 8192)
        #expect(try #require(report.lastTime) - first <= 200_000)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/\(file).part"))
    }

    @Test func sameArgumentsSameBytes() throws {
        let folder = try TemporaryFolder()
        let flags = ["--geometry", "320x240", "--duration", "100ms", "--rate", "500k"]
        for (name, seed) in [("a.raw", "3"), ("b.raw", "3"), ("c.raw", "4")] {
            #expect(try Run.evh5(["synth", name, "--seed", seed] + flags, in: folder).code == 0)
        }
        let a = try folder.bytes("a.raw")
        #expect(try a == folder.bytes("b.raw"))
        #expect(try a != folder.bytes("c.raw"))
    }

    @Test func anExistingFileIsKept() throws {
        let folder = try TemporaryFolder()
        try folder.write("precious", to: "a.raw")
        #expect(
            try Run.evh5(["synth", "a.raw", "--duration", "1ms"], in: folder).code
                == CommandExit.outputUnwritable.rawValue)
        #expect(try folder.bytes("a.raw") == Array("precious".utf8))
        #expect(try Run.evh5(["synth", "a.raw", "--duration", "1ms", "--force"], in: folder).code == 0)
        #expect(try folder.bytes("a.raw") != Array("precious".utf8))
    }

    @Test func geometryIsGivenByFlagOrConfig() throws {
        let folder = try TemporaryFolder()
        // Two events at the definition's byte positions: u32 time, then x in 14, y in 14 and polarity in 4 bits; no size in the header.
        var bytes = Array("% Data file containing CD events.\n% Version 2\n".utf8) + [0, 8]
        bytes += [10, 0, 0, 0] + [5, 0x80, 0, 0x10] + [20, 0, 0, 0] + [70, 0, 0, 0]
        try FileManager.default.createDirectory(atPath: folder.path + "/old", withIntermediateDirectories: false)
        try Data(bytes).write(to: URL(filePath: folder.path + "/old/a_td.dat"))
        let without = try Run.evh5(["info", "old", "--json"], in: folder)
        #expect(without.code == CommandExit.recordingUnusable.rawValue)
        #expect(try json([Report].self, without).first?.reason?.contains("geometry") == true)

        func events(_ flags: [String], _ environment: [String: String] = [:]) throws -> Int64? {
            let run = try Run.evh5(["info", "old/a_td.dat", "--json"] + flags, in: folder, environment: environment)
            return try json([Report].self, run).first?.events
        }
        #expect(try events(["--geometry", "304x240"]) == 2)
        #expect(try events([], ["EVH5_GEOMETRY": "304x240"]) == 2)
        #expect(try events(["--geometry", "64x64"]) == 1)  // x = 70 is outside
        try folder.write("source: .\ngeometry:\n  'new/*': 8x8\n  'old/*': 304x240\n", to: "c.yaml")
        #expect(try events(["--config-file", "c.yaml"]) == 2)
    }

    @Test func badFilesAreExplainedAndGoodOnesStillShown() throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "empty.raw")
        try folder.write("% evt 3.0\n% geometry 64x48\n% end\n", to: "header.raw")
        try folder.write("% evt 9.0\n% geometry 64x48\n% end\n", to: "unknown.raw")
        try Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }).write(
            to: URL(filePath: folder.path + "/noise.raw"))
        #expect(
            try Run.evh5(
                ["synth", "good.raw", "--geometry", "64x48", "--rate", "10k", "--duration", "100ms"], in: folder
            ).code == 0)
        let run = try Run.evh5(["info", ".", "--json"], in: folder)
        #expect(run.code == CommandExit.recordingUnusable.rawValue)
        let reports = Dictionary(uniqueKeysWithValues: try json([Report].self, run).map { ($0.path, $0) })
        #expect(reports.count == 5)
        for name in ["empty.raw", "unknown.raw", "noise.raw"] {
            let report = try #require(reports["./" + name])
            #expect(!report.usable && (report.reason ?? "").count > 10)
        }
        #expect(reports["./header.raw"]?.events == 0)
        #expect(abs((reports["./good.raw"]?.events ?? 0) - 1000) < 40)
        // The same for people.
        let text = try Run.evh5(["info", "."], in: folder)
        #expect(text.code == run.code && text.output.contains("unusable") && text.output.contains("64x48"))
    }

    @Test func indexesAreBuiltOnce() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/rec/deep", withIntermediateDirectories: true)
        for name in ["rec/a.raw", "rec/deep/b_td.dat"] {
            let flags = ["--geometry", "64x48", "--rate", "100k", "--duration", "100ms"]
            #expect(try Run.evh5(["synth", name] + flags, in: folder).code == 0)
        }
        try folder.write("not one", to: "rec/notes.txt")
        // A link back up must not send the search round for ever.
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/rec/deep/up", withDestinationPath: "..")
        let flags = ["index", "rec", "--cache", "cache", "--json"]
        let first = try json(Summary.self, Run.evh5(flags, in: folder))
        #expect(first.built == 2 && first.known == 0 && first.unusable.isEmpty && abs(first.events - 20_000) < 800)
        let second = try json(Summary.self, Run.evh5(flags, in: folder))
        #expect(second.built == 0 && second.known == 2 && second.events == first.events)
    }
}
