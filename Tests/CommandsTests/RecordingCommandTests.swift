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
        let triggerCount: Int64?
        let dropped, triggers: [String: Int64]?
        let notes, suspicious: [String]?
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
        // Two events at the definition's byte positions: u32 time, then x in 14, y in 14 and polarity in 4 bits; no
        // size in the header.
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

    @Test func encodingIsGivenByFlagOrConfig() throws {
        let folder = try TemporaryFolder()
        // EVT2 without a header: a time high, and an event at x = 5, y = 7.
        try FileManager.default.createDirectory(atPath: folder.path + "/old", withIntermediateDirectories: false)
        let words: [UInt8] = [0, 0, 0, 0x80, 7, 0x28, 0, 0x10]
        try Data(words).write(to: URL(filePath: folder.path + "/old/a.raw"))
        func report(_ flags: [String], _ environment: [String: String] = [:]) throws -> Report {
            let run = try Run.evh5(["info", "old/a.raw", "--json"] + flags, in: folder, environment: environment)
            return try #require(try json([Report].self, run).first)
        }
        let without = try report(["--geometry", "64x48"])
        #expect(!without.usable && without.reason?.contains("--encoding") == true)
        let flags = try report(["--geometry", "64x48", "--encoding", "evt2"])
        #expect(flags.format == "EVT2" && flags.events == 1 && flags.width == 64 && flags.suspicious == [])
        #expect(try report([], ["EVH5_GEOMETRY": "64x48", "EVH5_ENCODING": "old/*=evt2"]).events == 1)
        try folder.write("source: .\ngeometry: 64x48\nencoding:\n  'old/*': evt2\n", to: "c.yaml")
        #expect(try report(["--config-file", "c.yaml"]).events == 1)
        #expect(try report(["--config-file", "c.yaml", "--encoding", "evt3"]).format == "EVT3")
    }

    /// Words that make no sense are named, to people, in JSON, and by commands that use them.
    @Test func suspiciousRecordingsAreNamed() throws {
        let folder = try TemporaryFolder()
        let head = Array("% evt 3.0\n% geometry 64x48\n% end\n".utf8)
        let noise = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 7) }
        try Data(head + noise).write(to: URL(filePath: folder.path + "/a.raw"))
        let run = try Run.evh5(["info", "a.raw", "--json"], in: folder)
        let report = try #require(try json([Report].self, run).first)
        #expect(run.code == 0 && report.usable && report.suspicious?.isEmpty == false && run.problems.isEmpty)
        #expect(try Run.evh5(["info", "a.raw"], in: folder).output.contains("suspicious"))
        let index = try Run.evh5(["index", "a.raw"], in: folder)
        #expect(index.code == 0 && index.problems.contains("a.raw is suspicious: "))
    }

    @Test func triggersAreCountedByChannel() throws {
        let folder = try TemporaryFolder()
        // EVT3: a time high, then triggers of channels 11, 2 and 11 and other words between.
        let words: [UInt16] = [0xA001, 0x8001, 0xAB01, 0xE123, 0xA200, 0x7001, 0x6005, 0xABFE]
        let head = Array("% evt 3.0\n% geometry 64x48\n% end\n".utf8)
        for (name, words) in [("a.raw", words), ("none.raw", [0x8001, 0xE123])] {
            try Data(head + words.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
                .write(to: URL(filePath: "\(folder.path)/\(name)"))
        }
        let reports = try json([Report].self, try Run.evh5(["info", "a.raw", "none.raw", "--json"], in: folder))
        #expect(reports.map(\.triggerCount) == [3, 0])
        #expect(reports.map(\.triggers) == [["11": 2, "2": 1], [:]])
        let text = try Run.evh5(["info", "a.raw", "none.raw", "--long"], in: folder).output
        #expect(text.contains("  triggers    3 (channel 2: 1, channel 11: 2)\n"))
        #expect(text.contains("  triggers    0\n"))
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
        // A line for each, all of the unusable ones with their reasons.
        let lines = text.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 6 && lines[0].hasPrefix("path "))
        for (path, report) in reports {
            let line = try #require(lines.first { $0.hasPrefix(path + " ") })
            #expect(report.reason.map { line.hasSuffix("unusable: " + $0) } ?? line.contains("64x48"))
        }
        #expect(text.problems.hasSuffix("3 of 5 files cannot be used\n"))
        let long = try Run.evh5(["info", ".", "--long"], in: folder)
        #expect(long.output.split(separator: "\n").count > 30 && long.output.contains("  geometry"))
        let one = try Run.evh5(["info", "good.raw"], in: folder)
        #expect(one.output.hasPrefix("good.raw\n  format") && one.output.contains("% "))
    }

    @Test func hiddenRecordingsCount() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/.folder", withIntermediateDirectories: false)
        let flags = ["--geometry", "64x48", "--rate", "10k", "--duration", "100ms"]
        for name in [".hidden.raw", ".folder/a.raw", ".raw"] {
            #expect(try Run.evh5(["synth", name] + flags, in: folder).code == 0)
        }
        let run = try Run.evh5(["info", ".", "--json"], in: folder)
        #expect(try json([Report].self, run).map(\.path) == ["./.folder/a.raw", "./.hidden.raw", "./.raw"])
        let made = try Run.evh5(["generate", ".", "-o", "out"], in: folder)
        #expect(made.code == 0, "\(made.problems)")
        for name in [".hidden.h5", ".folder/a.h5", ".h5"] {
            #expect(FileManager.default.fileExists(atPath: folder.path + "/out/" + name), "\(name)")
        }
    }

    @Test func whatIsNoRecordingIsNamed() throws {
        let folder = try TemporaryFolder()
        try Data([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0]).write(
            to: URL(filePath: folder.path + "/tensor.h5"))
        for command in [["info"], ["index"], ["generate", "-o", "out"]] {
            let run = try Run.evh5(command + ["tensor.h5", "none.raw"], in: folder)
            #expect(run.code == CommandExit.recordingUnusable.rawValue)
            let said = run.output + run.problems
            #expect(said.contains("it is an HDF5 file, no recording"), "\(said)")
            #expect(said.contains("there is no such file or folder"), "\(said)")
            #expect(run.problems.contains("2 of 2 "), "\(run.problems)")
        }
    }

    @Test func theLongestNames() throws {
        let folder = try TemporaryFolder()
        let flags = ["--geometry", "64x48", "--rate", "10k", "--duration", "100ms"]
        // 255 bytes each, the second with letters of three bytes; the temporary names must be shorter ones.
        for name in [String(repeating: "m", count: 251), String(repeating: "é", count: 125) + "m"] {
            let made = try Run.evh5(["synth", name + ".raw"] + flags, in: folder)
            #expect(made.code == 0, "\(made.problems)")
        }
        #expect(try Run.evh5(["synth", "good.raw"] + flags, in: folder).code == 0)
        let tooLong = try Run.evh5(["synth", String(repeating: "m", count: 252) + ".raw"] + flags, in: folder)
        #expect(
            tooLong.code == CommandExit.outputUnwritable.rawValue && tooLong.problems.contains("names may have 255"))
        let picture = String(repeating: "p", count: 251) + ".png"
        #expect(try Run.evh5(["preview", "good.raw", "-o", picture], in: folder).code == 0)
        let run = try Run.evh5(["generate", ".", "-o", "out", "--any-geometry"], in: folder)
        #expect(run.code == 0, "\(run.problems)")
        #expect(run.output.hasPrefix("3 files made, 0 skipped, 0 failed"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out")
        #expect(names.count == 3 && names.allSatisfy { $0.hasSuffix(".h5") })
        // Both of these keep their extension, and the file of the long one would have 258 bytes.
        #expect(try Run.evh5(["synth", String(repeating: "m", count: 251) + ".dat"] + flags, in: folder).code == 0)
        let some = try Run.evh5(["generate", ".", "-o", "more", "--any-geometry"], in: folder)
        #expect(some.code == CommandExit.recordingUnusable.rawValue)
        #expect(some.output.hasPrefix("2 files made, 0 skipped, 2 failed"), "\(some.output)")
        #expect(some.problems.contains("its name has 258 bytes, and names may have 255"), "\(some.problems)")
        #expect(some.problems.hasSuffix("evh5: 2 of 4 inputs could not be used\n"), "\(some.problems)")
    }

    @Test func progressWithoutATerminal() throws {
        let folder = try TemporaryFolder()
        let flags = ["--geometry", "64x48", "--rate", "100k", "--duration", "1s"]
        let run = try Run.evh5(["synth", "a.raw"] + flags, in: folder, environment: ["EVH5_PROGRESS_SECONDS": "0"])
        #expect(run.problems.contains("evh5: 50% a.raw\n"), "\(run.problems)")
        #expect(try Run.evh5(["synth", "b.raw"] + flags, in: folder).problems.isEmpty)
    }

    @Test func aCacheThatIsNotThere() throws {
        let folder = try TemporaryFolder()
        let stats = try Run.evh5(["cache", "stats", "--cache", "none"], in: folder)
        #expect(stats.code == 0 && stats.output.contains("/none (not there)"))
        let clear = try Run.evh5(["cache", "clear", "--cache", "none"], in: folder)
        #expect(clear.code == 0 && clear.problems.contains("there is no cache at"))
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
