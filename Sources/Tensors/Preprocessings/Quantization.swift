// What the quantized preprocessings share: integer counters at full resolution, then averages and normalisation.

import Recordings

enum Quantization {
    static let normalization = ParameterDefinition(
        "normalization", .boolean, default: .boolean(false), "divide by the largest counter, giving float32")

    /// Bytes that `render` takes besides the frame: the counters of all pixels, where cells are averages of them.
    static func scratchBytes(on grid: FrameGrid, channels: Int) -> Int {
        grid.shift == 0 ? 0 : channels * grid.geometry.width * grid.geometry.height
    }

    /// Renders counters of one byte as the frame asks for: themselves, divided by `scale`, or averaged over cells.
    ///
    /// - Parameters:
    ///   - isSigned: counters are Int8, not UInt8.
    ///   - scale: what normalisation divides by; nil without it.
    ///   - count: counts into zeroed counters of the sensor's geometry, (channels, geometry.height, geometry.width).
    static func render(
        into frame: UnsafeMutableRawBufferPointer, on grid: FrameGrid, channels: Int, isSigned: Bool, scale: Int?,
        storedAsUInt8: Bool, _ count: (UnsafeMutablePointer<UInt8>) throws(RecordingError) -> Void
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let elements = channels * grid.cells
        let divisor = Float(scale ?? 1)
        if grid.shift == 0 {
            let isExpanded = scale != nil && !storedAsUInt8
            let counters = (isExpanded ? base + 3 * elements : base).bindMemory(to: UInt8.self, capacity: elements)
            counters.update(repeating: 0, count: elements)
            try count(counters)
            if isExpanded {
                if isSigned {
                    expandInPlace(frame, count: elements) { Float(Int8(bitPattern: $0)) / divisor }
                } else {
                    expandInPlace(frame, count: elements) { Float($0) / divisor }
                }
            } else if storedAsUInt8 {
                for i in 0..<elements { counters[i] = byte(Float(counters[i]) / divisor) }
            }
            return
        }
        let pixels = channels * grid.geometry.width * grid.geometry.height
        let counters = UnsafeMutablePointer<UInt8>.allocate(capacity: pixels)
        defer { counters.deallocate() }
        counters.initialize(repeating: 0, count: pixels)
        try count(counters)
        let side = 1 << grid.shift
        let area = Float(side * side)
        var target = 0
        for channel in 0..<channels {
            for row in 0..<grid.height {
                for column in 0..<grid.width {
                    let corner = (channel * grid.geometry.height + row * side) * grid.geometry.width + column * side
                    let sum = blockSum(counters + corner, side: side, stride: grid.geometry.width, isSigned: isSigned)
                    var value = Float(sum) / area
                    if scale != nil { value /= divisor }
                    if storedAsUInt8 {
                        base.storeBytes(of: byte(value), toByteOffset: target, as: UInt8.self)
                    } else {
                        base.storeBytes(of: value, toByteOffset: 4 * target, as: Float.self)
                    }
                    target += 1
                }
            }
        }
    }

    @inline(__always)
    private static func blockSum(_ corner: UnsafePointer<UInt8>, side: Int, stride: Int, isSigned: Bool) -> Int {
        var sum = 0
        for row in 0..<side {
            let line = corner + row &* stride
            for column in 0..<side {
                sum &+= isSigned ? Int(Int8(bitPattern: line[column])) : Int(line[column])
            }
        }
        return sum
    }
}
