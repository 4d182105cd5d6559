// What the daemon tells about itself: the text of the hidden file `.evh5/status.json`.

import Foundation
import FrameStore
import SidecarStore

/// What is mounted and what the daemon holds and has done.
public struct MountStatus: Codable, Sendable {
    public struct Frames: Codable, Sendable {
        /// Bytes of frames in memory, those in use included.
        public let bytesHeld: Int
        public let framesHeld: Int
        public let hits: Int
        public let computed: Int
        public let failed: Int
        public let computingNow: Int
        /// Requests that had to wait for memory, and those that waited for what another one computed.
        public let waitedForMemory: Int?
        public let joined: Int?
        /// Seconds that computing took, of all frames together.
        public let secondsComputing: Double?
    }

    /// Where log lines go, and the last of those that say that something is wrong.
    public struct Log: Codable, Sendable {
        public struct Line: Codable, Sendable {
            /// Seconds since 1970.
            public let time: Double
            public let level: String
            public let text: String

            public init(time: Double, level: String, text: String) {
                self.time = time
                self.level = level
                self.text = text
            }
        }

        public let destination: String
        /// How many there were.
        public let warnings: Int
        public let last: [Line]

        public init(destination: String, warnings: Int, last: [Line]) {
            self.destination = destination
            self.warnings = warnings
            self.last = last
        }
    }

    /// Where the same files are shown by HTTP.
    public struct HTTP: Codable, Sendable {
        /// Without the token.
        public let url: String
        /// The file with the token, which only the owner may read; nil when none is asked for.
        public let tokenFile: String?

        public init(url: String, tokenFile: String?) { (self.url, self.tokenFile) = (url, tokenFile) }
    }

    /// An operation that took long.
    public struct Slow: Codable, Sendable {
        public let operation: String
        /// Below the mount point.
        public let path: String
        public let seconds: Double
        /// When it ended, seconds since 1970.
        public let time: Double
    }

    /// Why a file is not shown.
    public struct NotShownReason: Codable, Sendable, Hashable {
        /// Below the source.
        public let path: String
        public let reason: String
    }

    public let version: String
    public let pid: Int32
    public let source: String
    public let mountPoint: String
    /// Seconds since 1970.
    public let startedAt: Double
    /// Bytes.
    public let memoryTarget: Int
    public let frames: Frames
    /// The disk cache; nil when there is none.
    public let cache: DiskCacheStatistics?
    /// The store of what users added; nil when nothing is kept.
    public let sidecars: SidecarStatistics?
    public let openFiles: Int
    /// Virtual files that are open for writing.
    public let writing: [String]
    public let recordingsKnown: Int
    /// Files with names of recordings, in folders that were listed, that are not shown; and why the first of them are
    /// not.
    public let recordingsNotShown: Int
    public let notShown: [NotShownReason]
    /// `<preprocessing>/<window>` of every file that was used.
    public let used: [String]
    /// nil when the program that mounted does not tell.
    public let log: Log?
    /// What took longest, the slowest first.
    public let slow: [Slow]?
    /// nil when there is no server.
    public let http: HTTP?
}

extension VirtualCatalog {
    /// Why what users added is not shown, or nothing can be added; nil when all is well.
    public var sidecarProblem: String? { sidecars.problem }

    public func status() -> MountStatus {
        let statistics = frames.statistics
        let used = used.withLock { used in
            used.windows.flatMap { preprocessing, windows in
                windows.map { $0.isEmpty ? preprocessing : join(preprocessing, $0) }
            }.sorted()
        }
        let hidden = notShown.summary
        let opened = openings.withLock { $0 }?() ?? Openings()
        return MountStatus(
            version: options.programVersion, pid: getpid(), source: source.root, mountPoint: options.mountPoint,
            startedAt: Double(started) / 1e9, memoryTarget: options.memoryTarget,
            frames: MountStatus.Frames(
                bytesHeld: statistics.bytesHeld, framesHeld: statistics.framesHeld, hits: statistics.hits,
                computed: statistics.computed, failed: statistics.failed, computingNow: statistics.computingNow,
                waitedForMemory: statistics.waits, joined: statistics.joined,
                secondsComputing: statistics.secondsComputing),
            cache: frames.disk?.statistics, sidecars: sidecars.statistics,
            openFiles: opened.files + documents.load(ordering: .relaxed), writing: opened.writing,
            recordingsKnown: catalog.count, recordingsNotShown: hidden.count, notShown: hidden.reasons, used: used,
            log: options.logStatus(), slow: slow.list, http: options.httpStatus())
    }

    /// The status as JSON, padded with spaces to whole 4096 bytes: `stat` and the read after it agree although figures
    /// change between them.
    func statusText() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var text = (try? encoder.encode(status())).map(Array.init) ?? []
        let padding = 4096 - (text.count + 1) % 4096
        text += [UInt8](repeating: 0x20, count: padding) + [0x0A]
        return text
    }
}
