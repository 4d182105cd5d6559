// What frames hold: the element types of tensors, as numbers to be drawn.

/// An element of a frame.
public protocol FrameElement: BitwiseCopyable, Sendable {
    /// As drawing calculates.
    var drawn: Float { get }
}

extension Float: FrameElement {
    @inline(__always)
    public var drawn: Float { self }
}

extension UInt8: FrameElement {
    @inline(__always)
    public var drawn: Float { Float(self) }
}

extension Int8: FrameElement {
    @inline(__always)
    public var drawn: Float { Float(self) }
}

extension UInt16: FrameElement {
    @inline(__always)
    public var drawn: Float { Float(self) }
}
