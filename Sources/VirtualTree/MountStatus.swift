// What a daemon tells about itself: the object in the hidden file `.evh5/status.json`.

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
        /// Frames begun ahead of a reader, and those let go to make room.
        public let prefetched: Int?
        public let evicted: Int?
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

    /// Requests of one kind.
    public struct Requests: Codable, Sendable {
        /// How they came in: `fuse` or `http`.
        public let way: String
        public let kind: String
        public let count: UInt64
        /// Bytes that were read or written.
        public let bytes: UInt64
        /// Seconds that they took, of all together.
        public let seconds: Double
        /// How many are not answered yet.
        public let running: Int
    }

    /// Requests that were answered by an error.
    public struct Refusals: Codable, Sendable {
        public let way: String
        /// Its name, as `ENOENT`; over HTTP the status, as `404`.
        public let errno: String
        public let count: UInt64
    }

    /// Processes that run a preprocessing of a user.
    public struct Workers: Codable, Sendable {
        public let preprocessing: String
        public let idle: Int
        public let busy: Int
        /// How many were started so far.
        public let started: Int

        public init(preprocessing: String, idle: Int, busy: Int, started: Int) {
            self.preprocessing = preprocessing
            self.idle = idle
            self.busy = busy
            self.started = started
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
    public let requests: [Requests]?
    public let refusals: [Refusals]?
    public let workers: [Workers]?
    /// nil when there is no server.
    public let http: HTTP?
}
