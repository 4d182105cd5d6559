// What happened between two looks at a mount's figures.

import Foundation
import VirtualTree

/// A mount's figures at one moment.
struct TopSample: Sendable {
    /// Seconds of a clock that only goes forward.
    let time: Double
    let status: MountStatus
    let readings: [Reading]
}

/// What a reader did with one file meanwhile.
struct TopRow: Encodable, Sendable {
    let pid: Int32
    let program: String
    let path: String
    let framesPerSecond: Double
    let bytesPerSecond: Double
    /// Requests per second.
    let requestsPerSecond: Double
    /// Frames meanwhile, by where they came from.
    let frames: FrameOrigins
    /// Milliseconds that a request took; nil without one.
    let milliseconds: Double?
    /// Requests that are not answered yet.
    let waiting: Int
}

/// What a mount did meanwhile.
struct TopReport: Encodable, Sendable {
    let mountPoint: String
    /// Seconds since 1970, and how long the look was.
    let time: Double
    let seconds: Double
    let framesPerSecond: Double
    let bytesPerSecond: Double
    let requestsPerSecond: Double
    /// Frames meanwhile, by where they came from, those made ahead of readers included.
    let frames: FrameOrigins
    let refusals: Int
    let computingNow: Int
    let memoryBytes: Int
    let memoryTarget: Int
    let openFiles: Int
    let readers: [TopRow]

    /// - Parameter before: nil at the first look, which counts from the beginning of the mount.
    init(_ before: TopSample?, _ now: TopSample) {
        let status = now.status
        // A daemon that was started anew counts from 0.
        let before = before.flatMap { $0.status.pid == status.pid ? $0 : nil }
        mountPoint = status.mountPoint
        time = Date().timeIntervalSince1970
        let since = before.map { now.time - $0.time } ?? (time - status.startedAt)
        let span = max(since, 0.001)
        seconds = span
        let old = before.map { Dictionary($0.readings.map { (Key($0), $0) }) { first, _ in first } } ?? [:]
        readers = now.readings.compactMap { TopRow($0, old[Key($0)], span) }.sorted {
            ($1.bytesPerSecond, $0.path) < ($0.bytesPerSecond, $1.path)
        }
        func moved(_ status: MountStatus?) -> (bytes: Double, count: Double) {
            let requests = status?.requests ?? []
            return (Double(requests.reduce(0) { $0 + $1.bytes }), Double(requests.reduce(0) { $0 + $1.count }))
        }
        let (bytes, count) = moved(status)
        let (oldBytes, oldCount) = moved(before?.status)
        bytesPerSecond = max(0, bytes - oldBytes) / span
        requestsPerSecond = max(0, count - oldCount) / span
        let frames = TopReport.frames(status) - TopReport.frames(before?.status)
        self.frames = frames
        framesPerSecond = Double(frames.memory + frames.disk + frames.computed) / span
        func refused(_ status: MountStatus?) -> UInt64 { status?.refusals?.reduce(0) { $0 + $1.count } ?? 0 }
        refusals = Int(clamping: refused(status) &- min(refused(status), refused(before?.status)))
        computingNow = status.frames.computingNow
        memoryBytes = status.frames.bytesHeld
        memoryTarget = status.memoryTarget
        openFiles = status.openFiles
    }

    private static func frames(_ status: MountStatus?) -> FrameOrigins {
        var origins = FrameOrigins()
        guard let status else { return origins }
        origins.memory = status.frames.hits + (status.frames.joined ?? 0)
        origins.disk = status.cache?.hits ?? 0
        origins.computed = status.frames.computed
        return origins
    }

    private struct Key: Hashable {
        let reader: Reader
        let path: String

        init(_ reading: Reading) { (reader, path) = (reading.reader, reading.path) }
    }
}

extension TopRow {
    /// nil when nothing happened and nobody waits.
    init?(_ now: Reading, _ before: Reading?, _ span: Double) {
        // A reading that was forgotten meanwhile counts from 0 again.
        let old = before.flatMap { $0.requests <= now.requests && $0.bytes <= now.bytes ? $0 : nil }
        let requests = now.requests - (old?.requests ?? 0)
        guard requests > 0 || now.waiting > 0 else { return nil }
        pid = now.reader.process
        program = now.reader.name
        path = now.path
        frames = now.frames - (old?.frames ?? FrameOrigins())
        framesPerSecond = Double(frames.memory + frames.disk + frames.computed) / span
        bytesPerSecond = Double(now.bytes - (old?.bytes ?? 0)) / span
        requestsPerSecond = Double(requests) / span
        milliseconds = requests > 0 ? max(0, now.seconds - (old?.seconds ?? 0)) / Double(requests) * 1000 : nil
        waiting = now.waiting
    }
}

private func - (left: FrameOrigins, right: FrameOrigins) -> FrameOrigins {
    var result = FrameOrigins()
    result.memory = max(0, left.memory - right.memory)
    result.disk = max(0, left.disk - right.disk)
    result.computed = max(0, left.computed - right.computed)
    return result
}
