// `evh5 warm`: reads virtual files, so that their frames are in the cache when somebody needs them.

import ArgumentParser
import FUSEAdapter
import Files
import Foundation
import FrameStore
import VirtualTree

struct Warm: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fill the cache with the frames of virtual files.",
        discussion: """
            $ evh5 warm --dry-run /mnt/h5/histo/50ms
            $ evh5 warm /mnt/h5/histo/50ms /mnt/h5/timesurface/250ms/traffic.h5

            Every frame is read through the mount, which computes and stores those that it does not have. Reading goes as fast as
            frames can be stored. Where stderr is no terminal, a line of progress is written every 10 seconds.
            With --json: one object; bytes, seconds.
            Exit codes: 7 (not-mounted) when a path is not in a mount of evh5, 12 (not-answering) when its daemon is stopped or
            hangs, 3 (recording-unusable) when files could not be read, 10 (output-unwritable) when the cache did not take the
            frames or is too small for them.
            """)

    @Argument(help: "Virtual files (.h5), or folders of them, in a mount.")
    var paths: [String]
    @Option(help: "Files and parts of files to read at the same time.")
    var threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
    @Flag(
        help:
            "Only say how much there is, and about how much of the cache it would take: a few frames are computed for that."
    )
    var dryRun = false
    @Flag(help: "Print a summary as JSON.")
    var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads takes a number from 1 to 256") }
        if paths.isEmpty { throw ValidationError("say which virtual files to read") }
    }

    struct Failure: Encodable {
        let path, reason: String
    }

    private struct Summary: Encodable {
        var files = 0
        var bytes: Int64 = 0
        var seconds = 0.0
        /// Frames by where they came from, and what became of those computed, of all that the mounts did meanwhile.
        var computed = 0
        var fromCache = 0
        var stored = 0
        var dropped = 0
        /// Entries of the cache that were removed to make room.
        var evicted = 0
        var failures: [Failure] = []
        var problem: String?
    }

    func run() throws {
        var failures: [Failure] = []
        let groups = try self.groups(&failures)
        if dryRun { return try estimate(groups, failures) }
        let clock = ContinuousClock()
        let start = clock.now
        var summary = Summary()
        summary.failures = failures
        let progress = RateProgress("warming", total: groups.reduce(0) { $0 + $1.bytes })
        for group in groups { try warm(group, progress, &summary) }
        progress.end()
        summary.seconds = (clock.now - start) / .seconds(1)
        try report(summary)
    }

    /// The files to read, by mount.
    private func groups(_ failures: inout [Failure]) throws(CommandError) -> [WarmGroup] {
        var groups: [String: WarmGroup] = [:]
        for path in paths {
            guard let (mount, _) = Mounts.mount(of: path) else { throw CommandError.notInAMount(path) }
            // A mount that does not answer is found out here, not by a thread that waits for it.
            if groups[mount.mountPoint] == nil { _ = try MountStatus.read(mount) }
            let found = VirtualFiles.find(path)
            failures += found.failures.map { failure in
                let isMissing = failure.path == path && failure.errno == ENOENT
                return Failure(
                    path: failure.path,
                    reason: isMissing ? "there is no such file in the mount at '\(mount.mountPoint)'" : failure.reason)
            }
            groups[mount.mountPoint, default: WarmGroup(mount)].files += found.files
        }
        return groups.values.sorted { $0.mount.mountPoint < $1.mount.mountPoint }
    }

    private func warm(_ group: WarmGroup, _ progress: RateProgress, _ summary: inout Summary) throws(CommandError) {
        let before = try MountStatus.read(group.mount)
        summary.files += group.files.count
        guard let cacheBefore = before.cache else {
            summary.problem = "the mount keeps no frames on disk (--max-cache-size 0)"
            return
        }
        var after = before
        // Others who use the mount may push a frame out of memory before it is stored: then it is read again.
        for pass in 0..<WarmReader.passes {
            let dropped = after.cache?.dropped ?? 0
            let reader = WarmReader(group, before, progress: progress, pass: pass)
            reader.run(threads: threads)
            after = try reader.settle()
            summary.bytes += reader.bytesRead
            summary.failures += reader.failures.map { Failure(path: $0.path, reason: $0.reason) }
            guard let cache = after.cache, cache.dropped > dropped, cache.problem == nil, reader.failures.isEmpty,
                !group.isTooSmall(cacheBefore, cache), pass + 1 < WarmReader.passes
            else {
                summary.dropped += (after.cache?.dropped ?? 0) - dropped
                break
            }
            Output.problem("evh5: \(cache.dropped - dropped) frames were not stored in time; reading once more")
        }
        guard let cache = after.cache else { return }
        summary.computed += after.frames.computed - before.frames.computed
        summary.fromCache += cache.hits - cacheBefore.hits
        summary.stored += cache.stored - cacheBefore.stored
        summary.evicted += cache.evicted - cacheBefore.evicted
        if cache.queued > 0 {
            // Waiting ended without progress: that is no success.
            summary.problem =
                "\(Quantity.text(cache.queued, "frame")) still wait to be stored: other programs take all processor time; "
                + "run it again when the machine is less busy"
        }
        if group.isTooSmall(cacheBefore, cache) { summary.problem = group.tooSmall(cache) }
        summary.problem = cache.problem ?? summary.problem
    }

    private func report(_ summary: Summary) throws(CommandError) {
        say(summary.failures)
        if json {
            try Output.json(summary)
        } else {
            var text =
                "\(Quantity.text(summary.files, "file")), \(Quantity.text(bytes: Int(summary.bytes))) in "
                + "\(Quantity.decimal(summary.seconds, digits: 1)) s: \(summary.computed) frames computed, "
                + "\(summary.fromCache) from the cache, \(summary.stored) stored"
            if summary.evicted > 0 { text += ", \(summary.evicted) older ones removed for them" }
            Output.line(text)
        }
        try end(summary.failures, files: summary.files)
        if let problem = summary.problem { throw CommandError(.outputUnwritable, problem) }
        if summary.dropped > 0 {
            throw CommandError(
                .outputUnwritable,
                "\(summary.dropped) frames were not stored: others need the memory of this mount; run it again, or with more --memory-target"
            )
        }
    }

    private func say(_ failures: [Failure]) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
    }

    private func end(_ failures: [Failure], files: Int) throws(CommandError) {
        guard failures.isEmpty else {
            throw CommandError(.recordingUnusable, "\(Quantity.text(failures.count, "file")) could not be read")
        }
        if files == 0 { throw CommandError(.recordingUnusable, "there are no .h5 or .hdf5 files there") }
    }

    // MARK: Beforehand

    private func estimate(_ groups: [WarmGroup], _ failures: [Failure]) throws(CommandError) {
        var all = failures
        var estimates: [WarmEstimate] = []
        for group in groups where !group.files.isEmpty {
            let estimate = try WarmEstimate(group)
            all += estimate.failures
            estimates.append(estimate)
        }
        say(all)
        if json { try Output.json(estimates) } else { for estimate in estimates { estimate.print() } }
        try end(all, files: groups.reduce(0) { $0 + $1.files.count })
    }
}
