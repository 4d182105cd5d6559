// What the tests of commands share: the built binary, run as users run it.

import ChildFixture
import Foundation
import Testing

/// The project's folder.
let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path

/// A finished run of `evh5`.
struct Run {
    let code: Int32
    let output: String
    let problems: String

    /// Runs the binary that was built beside the tests, with no environment but `environment` and a home of its own.
    static func evh5(_ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:]) throws
        -> Run
    {
        try run(binary(), arguments, in: folder, environment: environment)
    }

    /// The same under the name that mount(8) knows, by a link in `folder`.
    static func mountHelper(_ arguments: [String], in folder: TemporaryFolder) throws -> Run {
        let link = URL(filePath: folder.path + "/mount.fuse.evh5")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: binary())
        return try run(link, arguments, in: folder, environment: [:])
    }

    private static func binary() throws -> URL {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let products =
            CommandLine.arguments.first { $0.hasSuffix(".xctest") }.map { URL(filePath: $0) } ?? URL(filePath: tests)
        return products.deletingLastPathComponent().appending(path: "evh5")
    }

    private static func run(
        _ program: URL, _ arguments: [String], in folder: TemporaryFolder, environment: [String: String]
    ) throws -> Run {
        let variables = [
            "HOME": folder.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin",
            // What is said must not depend on how long it takes.
            "EVH5_PROGRESS_SECONDS": "100000",
        ]
        .merging(environment) { $1 }
        // What sanitizers are told to leave out.
        .merging(ProcessInfo.processInfo.environment.filter { $0.key.hasSuffix("SAN_OPTIONS") }) { $1 }
        // Files, not pipes: nothing can fill up or stay open.
        let (output, problems) = (folder.path + "/.stdout", folder.path + "/.stderr")
        let finished = try Child.run(
            [program.path] + arguments, directory: folder.path, environment: variables, output: .file(output),
            errors: .file(problems))
        return Run(
            code: finished.status, output: try String(contentsOfFile: output, encoding: .utf8),
            problems: try String(contentsOfFile: problems, encoding: .utf8))
    }
}

/// A folder that goes with its last reference.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "evh5-commands-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path + "/" + name))) }
}
