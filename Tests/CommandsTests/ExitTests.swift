// Exit codes: the numbers are a promise, documented, and given by the real binary.

import Commands
import Foundation
import Testing

struct ExitTests {
    @Test func numbersAreAPromise() {
        let promised: [(CommandExit, Int32)] = [
            (.ok, 0), (.failed, 1), (.recordingUnusable, 3), (.sourceUnusable, 4), (.mountPointUnusable, 5),
            (.fuseUnavailable, 6), (.notMounted, 7), (.busy, 8), (.mountFailed, 9), (.outputUnwritable, 10),
            (.sidecarUnusable, 11), (.notAnswering, 12), (.addressUnusable, 13),
            (.usage, 64),
            (.configuration, 78),
        ]
        #expect(promised.count == CommandExit.allCases.count)
        for (status, number) in promised { #expect(status.rawValue == number) }
    }

    @Test func allAreDocumented() throws {
        let text = try String(contentsOfFile: root + "/docs/EXIT-CODES.md", encoding: .utf8)
        for status in CommandExit.allCases {
            #expect(text.contains("| \(status.rawValue) | \(status.name) |"), "\(status.name)")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        let status: CommandExit
        /// In the one line of reason.
        let said: String
        var environment: [String: String] = [:]
        var testDescription: String { arguments.joined(separator: " ") }
    }

    static let cases = [
        Case(arguments: ["info", "missing.raw"], status: .recordingUnusable, said: "1 of 1"),
        Case(arguments: ["info", "text.raw"], status: .recordingUnusable, said: "1 of 1"),
        Case(arguments: ["info", "empty"], status: .recordingUnusable, said: "no .raw or .dat"),
        Case(arguments: ["index", "empty"], status: .recordingUnusable, said: "no .raw or .dat"),
        Case(arguments: ["mount", "missing", "empty"], status: .sourceUnusable, said: "missing"),
        Case(arguments: ["mount", "-f", "text.raw", "empty"], status: .sourceUnusable, said: "text.raw"),
        Case(arguments: ["mount", ".", "empty"], status: .mountPointUnusable, said: "lies in the source"),
        Case(arguments: ["mount", "-f", "empty", "."], status: .mountPointUnusable, said: "hide the source"),
        Case(arguments: ["unmount", "empty"], status: .notMounted, said: "empty"),
        Case(arguments: ["status", "empty"], status: .notMounted, said: "empty"),
        Case(arguments: ["synth", "text.raw"], status: .outputUnwritable, said: "--force"),
        Case(
            arguments: ["synth", "no/such/folder.raw", "--duration", "1ms"], status: .outputUnwritable, said: "no/such"),
        Case(
            arguments: ["sidecar", "export", "a.h5", "-o", "x.h5", "--sidecars", "empty"], status: .sidecarUnusable,
            said: "nothing was added"),
        Case(arguments: ["sidecar", "remove", "a.h5", "--sidecars", "empty"], status: .sidecarUnusable, said: "a.h5"),
        Case(arguments: ["mount", "--sidecar", "s", "a", "b"], status: .usage, said: "sidecar"),
        Case(arguments: ["mount", "a"], status: .usage, said: "SOURCE MOUNTPOINT"),
        Case(arguments: ["mount", "--memory-target", "lots", "a", "b"], status: .usage, said: "--memory-target takes"),
        Case(arguments: ["synth", "x.raw", "--noise", "2"], status: .usage, said: "--noise"),
        Case(arguments: ["synth", "x.raw", "--geometry", "64x48", "--rate", "1G"], status: .usage, said: "--rate"),
        Case(arguments: ["frobnicate"], status: .usage, said: "frobnicate"),
        Case(arguments: ["umount", "empty"], status: .usage, said: "did you mean 'unmount'?"),
        Case(arguments: ["cache", "statts"], status: .usage, said: "'evh5 cache statts'; did you mean 'stats'?"),
        Case(arguments: ["sidecar", "show"], status: .usage, said: "there are list, export, restore, remove, verify"),
        Case(arguments: ["mount", "--config-file", "empty", "a", "b"], status: .configuration, said: "is a folder"),
        Case(arguments: ["mount", "--config-file", "none.yaml"], status: .configuration, said: "none.yaml"),
        Case(arguments: ["mount", "--config-file", "text.raw"], status: .configuration, said: "text.raw"),
        Case(
            arguments: ["mount", "a", "b"], status: .configuration, said: "EVH5_LOG_LEVEL",
            environment: ["EVH5_LOG_LEVEL": "chatty"]),
    ]

    @Test(arguments: cases)
    func theBinaryGivesThem(_ expected: Case) throws {
        let folder = try TemporaryFolder()
        try folder.write("just text\n", to: "text.raw")
        try FileManager.default.createDirectory(atPath: folder.path + "/empty", withIntermediateDirectories: false)
        let run = try Run.evh5(expected.arguments, in: folder, environment: expected.environment)
        #expect(run.code == expected.status.rawValue, "\(run.problems)")
        #expect(run.problems.contains(expected.said), "\(run.problems)")
        // A wrong command line is followed by its usage.
        if expected.status != .usage { #expect(run.problems.split(separator: "\n").count == 1, "\(run.problems)") }
    }

    @Test func helpAndVersion() throws {
        let folder = try TemporaryFolder()
        let version = try Run.evh5(["--version"], in: folder)
        // With the commit when the build knew it, which nothing that is kept may contain.
        let line = try Regex("evh5 \(programVersion)( \\(commit [0-9a-f]{12}(, changed)?\\))?\n")
        let matches = try line.wholeMatch(in: version.output) != nil
        #expect(version.code == 0 && matches, "\(version.output)")
        #expect(programVersion.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+/) != nil)
        for command in ["mount", "unmount", "status", "info", "index", "synth"] {
            let help = try Run.evh5([command, "--help"], in: folder)
            #expect(help.code == 0 && help.output.contains("USAGE: evh5 \(command)"))
        }
        let mount = try Run.evh5(["mount", "--help"], in: folder).output
        // Arguments, and what only a config file can hold.
        let flagless = ["source", "mountpoint", "preprocessings"]
        for setting in Settings.all where !flagless.contains(setting.name) {
            #expect(mount.contains("--\(setting.name)"), "\(setting.name)")
            #expect(mount.contains(setting.variable), "\(setting.variable)")
        }
    }
}
