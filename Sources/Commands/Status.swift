// `evh5 status`: what a mount is and does, as its daemon tells through the mount itself.

import ArgumentParser
import Datasets
import FUSEAdapter
import Foundation
import FrameStore
import SidecarStore
import VirtualTree

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what is mounted, its memory and its frames.",
        discussion: """
            With --json: one object; sizes are in bytes, startedAt in seconds since 1970. memory is there when /proc shows it.
            Exit codes: 7 (not-mounted) when nothing of evh5 is mounted there or its daemon is dead, 12 (not-answering) when the
            daemon is stopped or hangs.
            """)

    @Argument(help: "Where it is mounted, or any path in it.")
    var mountPoint: String
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let status = try MountStatus.read(of: mountPoint)
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
                        + Status.text(frames)
                ),
                ("cache", Status.text(status.cache)),
                ("additions", Status.text(status.sidecars)),
                (
                    "open",
                    "\(Quantity.text(status.openFiles, "file")); "
                        + "\(Quantity.text(status.recordingsKnown, "recording")) known"
                ),
                ("log", Status.text(status.log)),
            ]
            if let http = status.http { rows.append(("http", Status.text(http))) }
            if status.recordingsNotShown > 0 {
                rows.append(("not shown", "\(status.recordingsNotShown) files; `evh5 info` on their folders lists all"))
                for one in status.notShown { rows.append(("", "\(one.path): \(one.reason)")) }
            }
            rows += UsedWindows.rows(status.used)
            Output.table(rows)
            printWarnings()
            printSlow()
        }

        private func printWarnings() {
            guard let log = status.log, !log.last.isEmpty else { return }
            Output.line("\nthe last warnings:")
            for line in log.last { Output.line("  \(Status.text(time: line.time)) \(escaped(line.text))") }
        }

        private func printSlow() {
            guard let slow = status.slow, !slow.isEmpty else { return }
            Output.line("\nwhat took longest:")
            for one in slow {
                let seconds = Quantity.decimal(one.seconds, digits: 2)
                Output.line(
                    "  \(Status.text(time: one.time)) \(seconds) s, \(one.operation) of \(escaped(one.path))")
            }
        }
    }

    /// The address to open; with the token for who may read its file.
    private static func text(_ http: MountStatus.HTTP) -> String {
        guard let file = http.tokenFile else { return http.url + ", with no token" }
        guard let token = (try? TokenFile.read(file)) ?? nil else { return http.url + ", the token is in \(file)" }
        return http.url + "?token=" + token.text
    }

    private static func text(_ log: MountStatus.Log?) -> String {
        guard let log else { return "not known" }
        return log.destination + (log.warnings == 0 ? ", no warnings" : ", \(log.warnings) warnings")
    }

    /// `2026-11-28 21:15:38`, in the time zone of whoever asks.
    private static func text(time: Double) -> String {
        var seconds = time_t(max(0, min(4e9, time)))
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 64)
        strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// How long frames took, and who waited.
    private static func text(_ frames: MountStatus.Frames) -> String {
        var text = ""
        let done = frames.computed + frames.failed
        if let seconds = frames.secondsComputing, done > 0 {
            text += "; \(Quantity.decimal(seconds / Double(done) * 1000, digits: 1)) ms each"
        }
        if let waited = frames.waitedForMemory, waited > 0 { text += "; \(waited) requests waited for memory" }
        return text
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

    private static func text(_ store: SidecarStatistics?) -> String {
        guard let store else { return "none are kept" }
        return "in \(store.directory)" + (store.problem.map { "; " + $0 } ?? "")
    }

    private static func text(seconds: Int) -> String {
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7200 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86400) days"
    }
}

extension MountStatus {
    /// Asks the daemon of the mount that `path` lies in.
    /// - Throws: exit codes `not-mounted` when there is none or it is dead, `not-answering` when it is stopped or
    ///   hangs.
    static func read(of path: String) throws(CommandError) -> MountStatus {
        guard let (mount, _) = Mounts.mount(of: path) else { throw CommandError.notInAMount(path) }
        return try read(mount)
    }

    static func read(_ mount: FUSEAdapter.Mount) throws(CommandError) -> MountStatus {
        let path = mount.mountPoint + "/.evh5/status.json"
        let answer = Question.bytes(of: path)
        switch answer.errno {
        case 0: break
        case ETIMEDOUT: throw CommandError(Mounts.notAnswering(mount))
        case ENOTCONN, ECONNABORTED:
            throw CommandError(
                .notMounted,
                "the daemon of '\(mount.mountPoint)' is dead; `evh5 unmount` or the next mount there clears it")
        default:
            throw CommandError(
                .notMounted,
                "the mount at '\(mount.mountPoint)' does not show its status: \(String(cString: strerror(answer.errno)))"
            )
        }
        do { return try JSONDecoder().decode(MountStatus.self, from: Data(answer.bytes)) } catch {
            throw CommandError(
                .failed, "'\(path)' is not what this version of evh5 writes; use the version that mounted it",
                cause: error)
        }
    }
}

extension CommandError {
    /// What a path is that lies in no mount, and what to give instead.
    static func notInAMount(_ path: String) -> CommandError {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return CommandError(
                .notMounted,
                "nothing of evh5 is mounted at '\(path)', where nothing is (\(String(cString: strerror(errno)))); `mount -t fuse.evh5` lists mounts"
            )
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if let mount = Mounts.mounts(showing: path).last {
            return CommandError(
                .notMounted,
                "'\(path)' is \(isFolder ? "a folder of recordings" : "a file of the recordings' folder"), not in a mount: it is shown in the mount at '\(mount.mountPoint)'"
            )
        }
        let isRecording = RecordingName.isRecording((path as NSString).lastPathComponent)
        return CommandError(
            .notMounted,
            isFolder
                ? "nothing of evh5 is mounted at '\(path)'; `mount -t fuse.evh5` lists mounts"
                : "'\(path)' is \(isRecording ? "a recording" : "an ordinary file"), not in a mount of evh5; mount its folder first"
        )
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
