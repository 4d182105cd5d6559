// Whether evh5 works here: a small simulated recording is mounted and read, and made into a real file.

import FUSEAdapter
import Files
import Foundation
import VirtualTree

/// A trial run in a temporary folder, which goes afterwards.
struct SelfTest {
    struct Step {
        let name: String
        /// Why it failed; nil when it did not.
        let problem: String?
        let seconds: Double
    }

    /// What is read of the mount, below its folder.
    private static let file = "histo/50ms/self-test.h5"
    private static let (width, height) = (160, 120)
    private static let patience = Duration.seconds(30)

    private let folder: String
    private var steps: [Step] = []

    /// Runs all steps up to the first that fails.
    static func run() -> [Step] {
        var template = Array((NSTemporaryDirectory() + "/evh5-doctor.XXXXXX").utf8CString)
        guard let folder = mkdtemp(&template).map({ String(cString: $0) }) else {
            return [Step(name: "make a folder", problem: String(cString: strerror(errno)), seconds: 0)]
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var test = SelfTest(folder: folder)
        test.runAll()
        return test.steps
    }

    private init(folder: String) { self.folder = folder }

    private mutating func runAll() {
        let (recordings, mount) = (folder + "/recordings", folder + "/mount")
        for path in [recordings, mount] { mkdir(path, 0o700) }
        let recording = recordings + "/self-test.raw"
        guard
            command(
                "simulate a recording",
                [
                    "synth", recording, "--duration", "500ms", "--geometry", "\(SelfTest.width)x\(SelfTest.height)",
                    "--rate", "500k",
                ])
        else { return }
        _ = command("make a real file", ["generate", recording, "-o", folder + "/made", "--preprocess", "histo"])
        let places = [
            "--cache", folder + "/cache", "--sidecars", folder + "/sidecars", "--log-directory", folder + "/log",
        ]
        guard command("mount", ["mount", recordings, mount] + places) else { return }
        step("read a file of the mount") { SelfTest.read(mount + "/" + SelfTest.file) }
        _ = command("ask for its status", ["status", mount])
        if !command("unmount", ["unmount", mount]) { try? Mounts.unmount(mount, lazy: true) }
    }

    private mutating func command(_ name: String, _ arguments: [String]) -> Bool {
        step(name) {
            let (status, output) = try Subprocess.runSelf(arguments, killedAfter: SelfTest.patience)
            guard status != 0 else { return nil }
            let said = output.split(separator: "\n").map(String.init).last ?? "it said nothing"
            return "exit code \(status): \(said)"
        }
    }

    /// Reads a file whole, without waiting for a mount that hangs; its frames are computed by that.
    private static func read(_ path: String) -> String? {
        let answer = Question.bytes(of: path)
        guard answer.errno == 0 else { return String(cString: strerror(answer.errno)) }
        // The signature of an HDF5 file (HDF5 File Format Specification, II.A).
        guard answer.bytes.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) else {
            return "it is no HDF5 file"
        }
        // Ten frames of two channels, as float32.
        let tensor = 10 * 2 * 4 * width * height
        return answer.bytes.count < tensor ? "it has \(answer.bytes.count) bytes, too few for ten histograms" : nil
    }

    @discardableResult
    private mutating func step(_ name: String, _ body: () throws -> String?) -> Bool {
        let start = ContinuousClock.now
        var problem: String?
        do { problem = try body() } catch { problem = "\(error)" }
        steps.append(Step(name: name, problem: problem, seconds: (ContinuousClock.now - start) / .seconds(1)))
        return problem == nil
    }
}
