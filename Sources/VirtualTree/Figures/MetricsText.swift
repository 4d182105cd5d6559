// The daemon's figures for machines: Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).

import Foundation
import FrameStore

/// Writes metrics, each family with its help and type once.
struct MetricsWriter {
    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""
    /// Labels of all samples.
    let common: [(String, String)]

    init(common: [(String, String)]) { self.common = common }

    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: some BinaryInteger) {
        add(name, labels, "\(value)")
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
        add(name, labels, value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)")
    }

    /// A family of one sample.
    mutating func one(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        family(name, kind, help)
        sample(name, [], value)
    }

    private mutating func add(_ name: String, _ labels: [(String, String)], _ value: String) {
        let inner = (common + labels).map { "\($0)=\"\(MetricsWriter.escaped($1))\"" }.joined(separator: ",")
        text += "\(name){\(inner)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

extension MountStatus {
    /// The metrics of `docs/MONITORING.md`, with latencies of requests as `histograms` have them.
    func metrics(_ histograms: [(way: String, kind: RequestKind, latency: LatencyHistogram)]) -> String {
        // So that the figures of several mounts can be in one file, as node_exporter collects them.
        var out = MetricsWriter(common: [("mount_point", mountPoint)])
        out.family("evh5_info", .gauge, "The daemon's version, source and mount point; always 1.")
        out.sample("evh5_info", [("version", version), ("source", source)], 1)
        out.family("evh5_start_time_seconds", .gauge, "When the mount began, in seconds since 1970.")
        out.sample("evh5_start_time_seconds", [], startedAt)
        addRequests(&out, histograms)
        addFrames(&out)
        addStores(&out)
        out.one("evh5_open_files", .gauge, "Open files.", openFiles)
        out.one("evh5_recordings_known", .gauge, "Recordings whose header was read.", recordingsKnown)
        out.one(
            "evh5_recordings_not_shown", .gauge, "Files with names of recordings that are not shown.",
            recordingsNotShown)
        out.one("evh5_log_warnings_total", .counter, "Log lines that say that something is wrong.", log?.warnings ?? 0)
        out.family("evh5_workers", .gauge, "Processes that run preprocessings of users.")
        for one in workers ?? [] {
            out.sample("evh5_workers", [("preprocessing", one.preprocessing), ("state", "idle")], one.idle)
            out.sample("evh5_workers", [("preprocessing", one.preprocessing), ("state", "busy")], one.busy)
        }
        out.family("evh5_workers_started_total", .counter, "Such processes that were started.")
        for one in workers ?? [] {
            out.sample("evh5_workers_started_total", [("preprocessing", one.preprocessing)], one.started)
        }
        return out.text
    }

    private func addRequests(
        _ out: inout MetricsWriter, _ histograms: [(way: String, kind: RequestKind, latency: LatencyHistogram)]
    ) {
        let requests = requests ?? []
        func labels(_ one: Requests) -> [(String, String)] { [("way", one.way), ("kind", one.kind)] }
        out.family("evh5_request_bytes_total", .counter, "Bytes that were read or written.")
        for one in requests where one.bytes > 0 { out.sample("evh5_request_bytes_total", labels(one), one.bytes) }
        out.family("evh5_requests_running", .gauge, "Requests that are not answered yet.")
        for one in requests { out.sample("evh5_requests_running", labels(one), one.running) }
        out.family("evh5_request_seconds", .histogram, "How long requests took.")
        for (way, kind, latency) in histograms {
            let labels = [("way", way), ("kind", "\(kind)")]
            var sum: UInt64 = 0
            for (bound, count) in zip(LatencyHistogram.bounds, latency.counts) {
                sum += count
                out.sample("evh5_request_seconds_bucket", labels + [("le", "\(bound)")], sum)
            }
            out.sample("evh5_request_seconds_bucket", labels + [("le", "+Inf")], latency.count)
            out.sample("evh5_request_seconds_sum", labels, latency.seconds)
            out.sample("evh5_request_seconds_count", labels, latency.count)
        }
        out.family("evh5_refusals_total", .counter, "Requests that were answered by an error.")
        for one in refusals ?? [] {
            out.sample("evh5_refusals_total", [("way", one.way), ("errno", one.errno)], one.count)
        }
    }

    private func addFrames(_ out: inout MetricsWriter) {
        out.family("evh5_frames_total", .counter, "Frames that were asked for, by where they came from.")
        out.sample("evh5_frames_total", [("from", "memory")], frames.hits)
        out.sample("evh5_frames_total", [("from", "another")], frames.joined ?? 0)
        out.sample("evh5_frames_total", [("from", "disk")], cache?.hits ?? 0)
        out.sample("evh5_frames_total", [("from", "computed")], frames.computed)
        out.one("evh5_frames_failed_total", .counter, "Frames whose computation failed.", frames.failed)
        out.one(
            "evh5_frames_prefetched_total", .counter, "Frames that were begun ahead of a reader.",
            frames.prefetched ?? 0)
        out.one("evh5_frames_evicted_total", .counter, "Frames let go to make room in memory.", frames.evicted ?? 0)
        out.one("evh5_frames_computing", .gauge, "Frames that are being computed.", frames.computingNow)
        out.one("evh5_frames_held", .gauge, "Frames in memory.", frames.framesHeld)
        out.family("evh5_frame_seconds_total", .counter, "Seconds that computing frames took.")
        out.sample("evh5_frame_seconds_total", [], frames.secondsComputing ?? 0)
        out.one(
            "evh5_memory_waits_total", .counter, "Requests that had to wait for memory.", frames.waitedForMemory ?? 0)
        out.one("evh5_memory_bytes", .gauge, "Bytes of frames in memory.", frames.bytesHeld)
        out.one("evh5_memory_target_bytes", .gauge, "The memory target.", memoryTarget)
    }

    private func addStores(_ out: inout MetricsWriter) {
        if let cache {
            out.one("evh5_cache_bytes", .gauge, "Bytes of the cache on disk.", cache.bytes)
            out.one("evh5_cache_limit_bytes", .gauge, "Bytes that the cache may take.", cache.limit)
            out.one("evh5_cache_frames", .gauge, "Frames in the cache.", cache.entries)
            out.one(
                "evh5_cache_misses_total", .counter, "Frames that were looked for in the cache and not there.",
                cache.misses)
            out.one("evh5_cache_stored_total", .counter, "Frames put into the cache.", cache.stored)
            out.one("evh5_cache_dropped_total", .counter, "Frames that were to be stored and were not.", cache.dropped)
            out.one("evh5_cache_evicted_total", .counter, "Frames removed from the cache to make room.", cache.evicted)
            out.one(
                "evh5_cache_corrupt_total", .counter, "Damaged frames in the cache; they were made again.",
                cache.corrupt)
            out.one("evh5_cache_queued", .gauge, "Frames that wait to be stored.", cache.queued)
            out.one("evh5_cache_problem", .gauge, "1 when the cache cannot be used now.", cache.problem == nil ? 0 : 1)
        }
        if let sidecars {
            out.one("evh5_sidecars", .gauge, "Files with additions that were looked up.", sidecars.sidecars)
            out.one("evh5_sessions", .gauge, "Files open for writing.", sidecars.writers)
            out.one("evh5_commits_total", .counter, "Sessions of writers that were committed.", sidecars.commits)
            out.one("evh5_rollbacks_total", .counter, "Sessions that were rolled back.", sidecars.rolledBack)
            out.one(
                "evh5_sidecars_problem", .gauge, "1 when additions cannot be read or kept now.",
                sidecars.problem == nil ? 0 : 1)
        }
    }
}
