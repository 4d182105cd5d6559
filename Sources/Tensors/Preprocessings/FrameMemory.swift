// Ways of filling a frame that several kernels share.

/// Passes a zeroed float32 plane of `count` elements to `body`, then stores it in `frame`.
///
/// Without `storedAsUInt8` the plane is the frame's own memory; with it, it is scratch that is rounded into the frame.
func accumulateFloats<Failure: Error>(
    _ frame: UnsafeMutableRawBufferPointer, count: Int, storedAsUInt8: Bool,
    _ body: (UnsafeMutablePointer<Float>) throws(Failure) -> Void
) throws(Failure) {
    guard let base = frame.baseAddress, count > 0 else { return }
    guard storedAsUInt8 else {
        let floats = base.bindMemory(to: Float.self, capacity: count)
        floats.update(repeating: 0, count: count)
        try body(floats)
        return
    }
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: count)
    defer { scratch.deallocate() }
    scratch.initialize(repeating: 0, count: count)
    try body(scratch)
    let bytes = base.bindMemory(to: UInt8.self, capacity: count)
    for i in 0..<count { bytes[i] = byte(scratch[i]) }
}

/// What `dtype=uint8` stores of a value in 0...1: numpy's `uint8(around(255 * v))` with v a float32. Values beyond
/// 0...1, which only recordings whose time runs backwards can have in mode n_events, become 0 or 255.
@inline(__always)
func byte(_ value: Float) -> UInt8 {
    let scaled = 255 * value
    let clamped = scaled > 0 ? (scaled < 255 ? scaled : 255) : 0
    // Floats from 2^23 on are integers, so this sum is rounded, half to even, and its lowest bits are the result. A
    // call to round would keep loops from being vectorised on processors without SSE4.1.
    return UInt8(truncatingIfNeeded: (clamped + 0x1p23).bitPattern)
}

/// Replaces `count` bytes, which fill the last quarter of `frame`, by the float32 `value(byte)` each; in place.
///
/// Going forward, float i is written at 4i while byte i is read at 3 count + i, so writing stays behind reading. It
/// goes in blocks whose floats end before their first byte, three quarters of what is left at a time, so that the loops
/// have no overlap and are vectorised.
@inline(__always)
func expandInPlace(_ frame: UnsafeMutableRawBufferPointer, count: Int, _ value: (UInt8) -> Float) {
    guard let base = frame.baseAddress else { return }
    let bytes = base + 3 * count
    var start = 0
    while start < count {
        let length = max(1, 3 * (count - start) / 4)
        let source = UnsafePointer((bytes + start).assumingMemoryBound(to: UInt8.self))
        let target = (base + 4 * start).assumingMemoryBound(to: Float.self)
        for i in 0..<length { target[i] = value(source[i]) }
        start += length
    }
}
