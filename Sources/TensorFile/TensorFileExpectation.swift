// What a tensor file must still be after users wrote to it.

/// The part of a tensor file that nobody may change: where the tensor is, and what it looks like.
public struct TensorFileExpectation: Hashable, Codable, Sendable {
    /// Where frame 0 begins.
    public var dataOffset: Int64
    /// Bytes of one frame.
    public var frameBytes: Int
    public var frameCount: Int
    /// Where the tensor and the last timestamps end.
    public var tailOffset: Int64
    /// Whether there is a dataset `/last_timestamps`, (N,) int64.
    public var hasLastTimestamps: Bool
    /// (C, H, W).
    public var frameShape: [Int]
    public var elementType: ElementKind

    public init(
        dataOffset: Int64, frameBytes: Int, frameCount: Int, tailOffset: Int64, hasLastTimestamps: Bool,
        frameShape: [Int], elementType: ElementKind
    ) {
        self.dataOffset = dataOffset
        self.frameBytes = frameBytes
        self.frameCount = frameCount
        self.tailOffset = tailOffset
        self.hasLastTimestamps = hasLastTimestamps
        self.frameShape = frameShape
        self.elementType = elementType
    }

    /// Bytes that are computed, not stored.
    public var tensorRange: Range<Int64> { dataOffset..<max(dataOffset, tailOffset) }
    /// The names of the datasets that are computed.
    var computedNames: [String] { hasLastTimestamps ? ["data", "last_timestamps"] : ["data"] }
    /// Where the bytes of `/last_timestamps` begin.
    var timestampsOffset: Int64 { tailOffset - (hasLastTimestamps ? Int64(frameCount) * 8 : 0) }
}
