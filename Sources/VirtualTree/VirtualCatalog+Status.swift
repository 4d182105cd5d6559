// The figures of a daemon at one moment.

import Files
import Foundation
import FrameStore
import SidecarStore

extension VirtualCatalog {
    /// Why what users added is not shown, or nothing can be added; nil when all is well.
    public var sidecarProblem: String? { sidecars.problem }

    public func status() -> MountStatus {
        let statistics = frames.statistics
        let used = used.names.windows.flatMap { preprocessing, windows in
            windows.map { $0.isEmpty ? preprocessing : join(preprocessing, $0) }
        }.sorted()
        let hidden = notShown.summary
        let opened = openings.withLock { $0 }?() ?? Openings()
        return MountStatus(
            version: options.programVersion, pid: getpid(), source: source.root, mountPoint: options.mountPoint,
            startedAt: Double(started) / 1e9, memoryTarget: options.memoryTarget,
            frames: MountStatus.Frames(
                bytesHeld: statistics.bytesHeld, framesHeld: statistics.framesHeld, hits: statistics.hits,
                computed: statistics.computed, failed: statistics.failed, computingNow: statistics.computingNow,
                waitedForMemory: statistics.waits, joined: statistics.joined,
                secondsComputing: statistics.secondsComputing, prefetched: statistics.prefetched,
                evicted: statistics.evictions),
            cache: frames.disk?.statistics, sidecars: sidecars.statistics,
            openFiles: opened.files + documents.load(ordering: .relaxed), writing: opened.writing,
            recordingsKnown: catalog.count, recordingsNotShown: hidden.count, notShown: hidden.reasons, used: used,
            log: options.logStatus(), slow: slow.list, requests: requestCounts, refusals: refusalCounts,
            workers: options.workerStatus(), http: options.httpStatus())
    }

    private var requestCounts: [MountStatus.Requests] {
        ways.flatMap { way, figures in
            let kinds = figures.byKind.sorted { $0.key.rawValue < $1.key.rawValue }
            return kinds.filter { $0.value.latency.count > 0 || $0.value.running > 0 }.map { kind, sum in
                MountStatus.Requests(
                    way: way, kind: "\(kind)", count: sum.latency.count, bytes: sum.bytes,
                    seconds: sum.latency.seconds, running: sum.running)
            }
        }
    }

    private var refusalCounts: [MountStatus.Refusals] {
        ways.flatMap { way, figures in
            figures.byError.sorted { $0.key < $1.key }.map { number, count in
                MountStatus.Refusals(way: way, errno: number < 400 ? errorName(number) : "\(number)", count: count)
            }
        }
    }
}
