// `evh5 status`: what a mount is and does, as its daemon tells through the mount itself.

import ArgumentParser
import Foundation
import FrameStore
import VirtualTree

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what is mounted, its memory and its frames.",
        discussion: """
            With --json: one object; sizes are in bytes, startedAt in seconds since 1970. memory is there when /proc shows it.
            The exit code is 7 (not-mounted) when nothing of evh5 answers there.
            """)

    @Argument(help: "Where it is mounted.")
    var mountPoint: String
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let status = try MountStatus.read(at: mountPoint)
        let report = Report(status: status, memory: ProcessMemory(process: status.pid))
        if json { try Output.json(report) } else { report.print() }
    }

    /// The daemon's words and what /proc says of it, as one object.
    private struct Report: Encodable {
        let status: MountStatus
        let memory: ProcessMemory?

        private enum Keys: CodingKey { case memory }

        func encode(to encoder: any Encoder) throws {
            try status.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encodeIfPresent(memory, forKey: .memory)
        }

        func print() {
            let frames = status.frames
            let age = max(0, Date().timeIntervalSince1970 - status.startedAt)
            var rows = [
                ("source", status.source), ("mounted on", status.mountPoint),
                ("daemon", "process \(status.pid), evh5 \(status.version), up \(Status.text(seconds: Int(age)))"),
            ]
            if let memory {
                rows.append(
                    ("memory", "\(Quantity.text(bytes: memory.resident)), at most \(Quantity.text(bytes: memory.peak))")
                )
            }
            rows += [
                (
                    "frames",
                    "\(frames.framesHeld) held, \(Quantity.text(bytes: frames.bytesHeld)) of \(Quantity.text(bytes: status.memoryTarget))"
                ),
                (
                    "computed",
                    "\(frames.computed), \(frames.computingNow) now, \(frames.failed) failed; \(frames.hits) answered from memory"
                ),
                ("cache", Status.text(status.cache)),
                ("open", "\(status.openFiles) files; \(status.recordingsKnown) recordings known"),
            ]
            if status.recordingsNotShown > 0 {
                rows.append(("not shown", "\(status.recordingsNotShown) files; `evh5 info` on their folders lists all"))
                for one in status.notShown { rows.append(("", "\(one.path): \(one.reason)")) }
            }
            rows += UsedWindows.rows(status.used)
            Output.table(rows)
        }
    }

    private static func text(_ cache: DiskCacheStatistics?) -> String {
        guard let cache else { return "none on disk" }
        var text =
            "\(cache.entries) frames, \(Quantity.text(bytes: Int(cache.bytes))) of "
            + "\(Quantity.text(bytes: Int(cache.limit))) in \(cache.directory); "
            + "\(cache.hits) read, \(cache.misses) missed, \(cache.stored) stored"
        let rest = [
            (cache.queued, "waiting"), (cache.dropped, "dropped"), (cache.evicted, "evicted"),
            (cache.corrupt, "damaged"),
        ]
        for (count, what) in rest where count > 0 { text += ", \(count) \(what)" }
        return cache.problem.map { text + "; " + $0 } ?? text
    }

    private static func text(seconds: Int) -> String {
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7200 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86400) days"
    }
}

extension MountStatus {
    /// Asks the daemon of the mount at `mountPoint`.
    /// - Throws: exit code `not-mounted` when there is none or it is dead.
    static func read(at mountPoint: String) throws(CommandError) -> MountStatus {
        let path = mountPoint + "/.evh5/status.json"
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(filePath: path)) } catch {
            // stat alone might be answered by what the kernel remembers of the root.
            var figures = statvfs()
            let dead = statvfs(mountPoint, &figures) != 0 && errno == ENOTCONN
            throw CommandError(
                .notMounted,
                dead
                    ? "the daemon of '\(mountPoint)' is dead; `evh5 unmount` or the next mount there clears it"
                    : "nothing of evh5 is mounted at '\(mountPoint)'; `mount -t fuse.evh5` lists mounts", cause: error)
        }
        do { return try JSONDecoder().decode(MountStatus.self, from: bytes) } catch {
            throw CommandError(
                .failed, "'\(path)' is not what this version of evh5 writes; use the version that mounted it",
                cause: error)
        }
    }
}

/// What Linux says of a process's memory, in bytes.
struct ProcessMemory: Encodable {
    /// VmRSS.
    let resident: Int
    /// VmHWM.
    let peak: Int

    /// Nil when /proc does not show the process.
    init?(process: Int32) {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return nil }
        func kilobytes(_ key: String) -> Int? {
            text.split(separator: "\n").first { $0.hasPrefix(key + ":") }?
                .split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        }
        guard let resident = kilobytes("VmRSS"), let peak = kilobytes("VmHWM") else { return nil }
        self.resident = resident << 10
        self.peak = peak << 10
    }
}
