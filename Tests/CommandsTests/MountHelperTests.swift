// `mount.fuse.evh5`, as mount(8) calls it: its arguments and its exit codes. Real mounts are in Tests/Integration.

import Commands
import Foundation
import Testing

struct MountHelperTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        let code: Int32
        let said: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    static let cases = [
        // What mount(8) gives: options last, a type when it found another helper, and flags of its own.
        Case(arguments: ["s", "m", "-f", "-o", "rw,nodev,nosuid,noauto,user=jane,_netdev"], code: 0, said: ""),
        Case(arguments: ["s", "m", "-sfnv", "-t", "fuse.evh5", "-o", "ro,memory-target=64M"], code: 0, said: ""),
        Case(arguments: ["s", "m", "-f", "-o", "config-file=c.yaml"], code: 0, said: ""),
        Case(arguments: ["s", "m", "-f", "-o", "memory-target=lots"], code: 1, said: "memory-target takes"),
        Case(arguments: ["s", "m", "-f", "-o", "memory-target"], code: 1, said: "needs a value"),
        Case(arguments: ["s", "m", "-o", "remount,ro"], code: 1, said: "cannot remount"),
        Case(arguments: ["s", "m", "-f", "-o", "config-file=none.yaml"], code: 1, said: "none.yaml"),
        Case(arguments: ["s", "missing"], code: 32, said: "missing"),
        Case(arguments: ["missing", "m"], code: 32, said: "missing"),
    ]

    @Test(arguments: cases) func itsExitCodesAreThoseOfMount(_ expected: Case) throws {
        let folder = try TemporaryFolder()
        try folder.write("memory-target: 64M\n", to: "c.yaml")
        for name in ["s", "m"] {
            try FileManager.default.createDirectory(
                atPath: folder.path + "/" + name, withIntermediateDirectories: false)
        }
        let run = try Run.mountHelper(expected.arguments, in: folder)
        #expect(run.code == expected.code, "\(run.problems)")
        #expect(run.output.isEmpty)
        if expected.code == 0 {
            #expect(run.problems == "")
        } else {
            #expect(run.problems.hasPrefix("mount.fuse.evh5: ") && run.problems.contains(expected.said))
            #expect(run.problems.count(where: \.isNewline) == 1, "\(run.problems)")
        }
    }

    @Test func aWrongCommandLineIsFollowedByItsUsage() throws {
        let run = try Run.mountHelper(["only-a-source"], in: TemporaryFolder())
        #expect(run.code == 1 && run.problems.contains("mountpoint") && run.output.isEmpty)
        let help = try Run.mountHelper(["--help"], in: TemporaryFolder())
        #expect(help.code == 0 && help.output.contains("USAGE: mount.fuse.evh5 <source> <mountpoint>"))
    }
}
