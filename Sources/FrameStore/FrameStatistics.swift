// What a frame store holds and has done.

/// Figures of a frame store at one moment. Bytes are those of whole pages.
public struct FrameStatistics: Hashable, Sendable, Codable {
    /// The memory target: `bytesHeld + bytesScratch + bytesPooled` stays within it.
    public var target = 0
    /// Bytes of all frames: kept, being computed, and held by replies.
    public var bytesHeld = 0
    /// Number of all frames: kept, being computed, and held by replies.
    public var framesHeld = 0
    /// Bytes that running computations need besides their frames, as their callers estimate it.
    public var bytesScratch = 0
    /// Bytes of free memory kept for frames to come.
    public var bytesPooled = 0
    /// The largest `bytesHeld + bytesScratch + bytesPooled` there was.
    public var peakBytes = 0
    /// Frames found in memory.
    public var hits = 0
    /// Frames that another request was computing already.
    public var joined = 0
    /// Frames computed.
    public var computed = 0
    /// Frames that were begun ahead of a reader.
    public var prefetched = 0
    /// Computations that threw.
    public var failed = 0
    /// Seconds that computations took, of all together.
    public var secondsComputing = 0.0
    /// Computations running now.
    public var computingNow = 0
    /// Frames let go to make room.
    public var evictions = 0
    /// Requests that had to wait for memory.
    public var waits = 0
    /// Requests that were served beyond the target: larger than all of it, or after waiting in vain.
    public var overshoots = 0

    public init() {}

    /// All the memory that counts against the target.
    public var bytes: Int { bytesHeld + bytesScratch + bytesPooled }
}
