// Which frame of which tensor.

/// Names one frame: the tensor by a number its owner chose, and the frame's index in it.
public struct FrameKey: Hashable, Sendable {
    public let tensor: UInt64
    public let frame: Int

    public init(tensor: UInt64, frame: Int) {
        self.tensor = tensor
        self.frame = frame
    }
}
