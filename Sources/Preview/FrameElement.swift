// What frames hold: the element types of tensors, as numbers to be drawn.

/// An element of a frame.
protocol FrameElement: BitwiseCopyable {
    /// As drawing calculates.
    var drawn: Float { get }
}

extension Float: FrameElement {
    @inline(__always)
    var drawn: Float { self }
}

extension UInt8: FrameElement {
    @inline(__always)
    var drawn: Float { Float(self) }
}

extension Int8: FrameElement {
    @inline(__always)
    var drawn: Float { Float(self) }
}

extension UInt16: FrameElement {
    @inline(__always)
    var drawn: Float { Float(self) }
}

/// All elements of a frame, (C, H, W), row-major. Its type is chosen once, so that loops know theirs.
package enum FrameElements {
    case float32(UnsafeBufferPointer<Float>)
    case uint8(UnsafeBufferPointer<UInt8>)
    case int8(UnsafeBufferPointer<Int8>)
    case uint16(UnsafeBufferPointer<UInt16>)
}
