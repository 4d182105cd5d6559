// What the store tells of itself: lines for the log, and figures for `evh5 status`.

/// A line for the log.
public struct SidecarMessage: Sendable, Hashable, CustomStringConvertible {
    public enum Level: Int, Sendable, Comparable {
        /// What only developers want to know.
        case debug
        /// What happened as asked: a commit, a removal.
        case info
        /// What happened by itself and is fine: a sidecar followed its recording, was carried over.
        case notice
        /// Something a user should look at: a session that was not committed, a sidecar set aside.
        case warning
        /// The store does not work as it should.
        case error

        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    public let level: Level
    public let text: String

    public init(_ level: Level, _ text: String) {
        self.level = level
        self.text = text
    }

    public var description: String { text }
}

/// Figures of a store as this process sees it.
public struct SidecarStatistics: Hashable, Sendable, Codable {
    public var directory = ""
    /// Sidecars that were looked up and are there.
    public var sidecars = 0
    /// Openings for writing that are not closed.
    public var writers = 0
    /// Sessions committed by this process.
    public var commits = 0
    /// Sessions that this process did not commit, or found unfinished.
    public var rolledBack = 0
    /// Why sidecars cannot be read or written now; nil when all is well.
    public var problem: String?

    public init() {}
}
