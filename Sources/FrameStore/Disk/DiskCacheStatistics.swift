// What a disk cache holds and has done.

/// Figures of a disk cache at one moment. `bytes` and `entries` are of the whole folder as this process knows it; the
/// others are of this process.
public struct DiskCacheStatistics: Hashable, Sendable, Codable {
    public var directory = ""
    /// Bytes that entries may take.
    public var limit: Int64 = 0
    /// Bytes that entries take on the disk, to whole blocks.
    public var bytes: Int64 = 0
    public var entries = 0
    /// Frames that came from the cache.
    public var hits = 0
    /// Frames that were looked for and not there.
    public var misses = 0
    /// Frames put into the cache.
    public var stored = 0
    /// Frames that were to be stored and were not: memory was needed before, or the disk did not take them.
    public var dropped = 0
    /// Entries removed to make room.
    public var evicted = 0
    /// Entries that were damaged or of another key; they were removed.
    public var corrupt = 0
    /// Frames that wait to be stored, or are being stored.
    public var queued = 0
    /// Their bytes.
    public var queuedBytes = 0
    /// Why frames cannot be stored or read now; nil when all is well.
    public var problem: String?

    public init() {}
}
