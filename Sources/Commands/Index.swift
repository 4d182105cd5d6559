// `evh5 index`: builds time indexes ahead, so that the first reader does not wait for a scan.

import ArgumentParser
import Foundation
import Recordings

struct Index: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Build the time indexes of recordings ahead.",
        discussion: """
            A recording is scanned once; its index is kept in the cache and used by every mount and command with that cache.
            An index that is there and still fits is not built again; one of a recording that grew is continued.
            The exit code is 3 (recording-unusable) when a file cannot be used.
            """)

    @Argument(help: "RAW and DAT files, or folders, which are searched for them.")
    var paths: [String]
    @OptionGroup var flags: RecordingFlags
    @Flag(help: "Print a summary as JSON; seconds, bytes.")
    var json = false

    private struct Summary: Encodable {
        struct Failure: Encodable {
            let path, reason: String
        }
        var built = 0
        var known = 0
        var bytes: Int64 = 0
        var events: Int64 = 0
        var seconds = 0.0
        var unusable: [Failure] = []
    }

    func run() throws {
        let access = try flags.access()
        let found = RecordingFiles.find(paths)
        var summary = Summary()
        summary.unusable = found.unreadable.map { Summary.Failure(path: $0.path, reason: $0.reason) }
        let clock = ContinuousClock()
        let start = clock.now
        for (number, path) in found.files.enumerated() {
            do {
                let recording = try access.open(path)
                let known = access.store.indexIfKnown(of: recording) != nil
                let progress = Progress("\(number + 1)/\(found.files.count) \(path)", total: recording.status.size)
                defer { progress.end() }
                let index = try access.store.index(of: recording) { progress.update($0) }
                if known { summary.known += 1 } else { summary.built += 1 }
                summary.bytes += recording.status.size
                summary.events += index.eventCount
            } catch {
                summary.unusable.append(Summary.Failure(path: path, reason: "\(error)"))
            }
        }
        summary.seconds = (clock.now - start) / .seconds(1)
        try report(summary, access)
    }

    private func report(_ summary: Summary, _ access: RecordingAccess) throws(CommandError) {
        for failure in summary.unusable { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json {
            try Output.json(summary)
        } else {
            Output.line(
                "\(summary.built) built, \(summary.known) known; \(Quantity.text(bytes: Int(summary.bytes))), "
                    + "\(summary.events) events in \(Quantity.decimal(summary.seconds, digits: 2)) s")
        }
        if let problem = access.store.lastProblem {
            throw CommandError(.outputUnwritable, "indexes were built but could not be kept: \(problem)")
        }
        let all = summary.built + summary.known + summary.unusable.count
        if all == 0 { throw CommandError(.recordingUnusable, "there are no .raw or .dat files there") }
        if !summary.unusable.isEmpty {
            throw CommandError(
                .recordingUnusable, "\(summary.unusable.count) of \(Quantity.text(all, "file")) cannot be used")
        }
    }
}
