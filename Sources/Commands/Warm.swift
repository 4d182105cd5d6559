// `evh5 warm`: reads virtual files, so that their frames are in the cache when somebody needs them.

import ArgumentParser
import Files
import Foundation
import FrameStore
import VirtualTree

struct Warm: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fill the cache with the frames of virtual files.",
        discussion: """
            $ evh5 warm /mnt/h5/histo/50ms /mnt/h5/timesurface/250ms/traffic.h5

            Every frame is read through the mount, which computes and stores those that it does not have.
            With --json: one object; bytes, seconds.
            Exit codes: 7 (not-mounted) when a path is not in a mount of evh5, 3 (recording-unusable) when files could not be
            read, 10 (output-unwritable) when the cache did not take the frames.
            """)

    @Argument(help: "Virtual files (.h5), or folders of them, in a mount.")
    var paths: [String]
    @Option(help: "Files and parts of files to read at the same time.")
    var threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
    @Flag(help: "Print a summary as JSON.")
    var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads takes a number from 1 to 256") }
        if paths.isEmpty { throw ValidationError("say which virtual files to read") }
    }

    private struct Summary: Encodable {
        struct Failure: Encodable {
            let path, reason: String
        }
        var files = 0
        var bytes: Int64 = 0
        var seconds = 0.0
        /// Frames by where they came from, and what became of those computed, of all that the mounts did meanwhile.
        var computed = 0
        var fromCache = 0
        var stored = 0
        var dropped = 0
        var failures: [Failure] = []
        var problem: String?
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        var summary = Summary()
        var groups: [String: WarmGroup] = [:]
        for path in paths {
            guard let mount = WarmGroup.mountPoint(of: path) else {
                throw CommandError(
                    .notMounted, "'\(path)' is not in a mount of evh5; mount first, and give paths below it")
            }
            let found = VirtualFiles.find(path)
            summary.failures += found.failures.map { Summary.Failure(path: $0.path, reason: $0.reason) }
            groups[mount, default: WarmGroup(mountPoint: mount)].files += found.files
        }
        let total = groups.values.reduce(0) { $0 + $1.bytes }
        let progress = RateProgress("warming", total: total)
        for group in groups.values.sorted(by: { $0.mountPoint < $1.mountPoint }) {
            let before = try MountStatus.read(at: group.mountPoint)
            let reader = WarmReader(group, progress: progress)
            reader.run(threads: threads)
            let after = try reader.settle()
            summary.files += group.files.count
            summary.bytes += reader.bytesRead
            summary.failures += reader.failures.map { Summary.Failure(path: $0.path, reason: $0.reason) }
            summary.computed += after.frames.computed - before.frames.computed
            summary.fromCache += (after.cache?.hits ?? 0) - (before.cache?.hits ?? 0)
            summary.stored += (after.cache?.stored ?? 0) - (before.cache?.stored ?? 0)
            summary.dropped += (after.cache?.dropped ?? 0) - (before.cache?.dropped ?? 0)
            if after.cache == nil { summary.problem = "the mount keeps no frames on disk (--max-cache-size 0)" }
            summary.problem = after.cache?.problem ?? summary.problem
        }
        progress.end()
        summary.seconds = (clock.now - start) / .seconds(1)
        try report(summary)
    }

    private func report(_ summary: Summary) throws(CommandError) {
        for failure in summary.failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json {
            try Output.json(summary)
        } else {
            Output.line(
                "\(summary.files) files, \(Quantity.text(bytes: Int(summary.bytes))) in "
                    + "\(Quantity.decimal(summary.seconds, digits: 1)) s: \(summary.computed) frames computed, "
                    + "\(summary.fromCache) from the cache, \(summary.stored) stored")
        }
        if !summary.failures.isEmpty {
            throw CommandError(.recordingUnusable, "\(summary.failures.count) files could not be read")
        }
        if let problem = summary.problem { throw CommandError(.outputUnwritable, problem) }
        if summary.dropped > 0 {
            throw CommandError(
                .outputUnwritable,
                "\(summary.dropped) frames were not stored; run it again, or with more --memory-target")
        }
        if summary.files == 0 { throw CommandError(.recordingUnusable, "there are no .h5 files there") }
    }
}
