// What the tests of this folder share.

import RandomFixture
import Recordings
import Tensors

/// Events in order of time, several at each time, a third of them on few pixels so that sums saturate.
func randomEvents(_ count: Int, in geometry: Geometry, until end: Int64, seed: UInt64) -> [Event] {
    var random = SplitMix(seed: seed)
    let times = (0..<count / 3 + 1).map { _ in Int64.random(in: 0..<end, using: &random) }.sorted()
    return (0..<count).map { i in
        let isHot = Int.random(in: 0..<3, using: &random) == 0
        return Event(
            x: Int.random(in: 0..<(isHot ? min(5, geometry.width) : geometry.width), using: &random),
            y: Int.random(in: 0..<(isHot ? min(4, geometry.height) : geometry.height), using: &random),
            polarity: Int.random(in: 0...2, using: &random) == 0 ? 0 : 1, t: times[i / 3])
    }
}

func plan(
    _ preprocessing: String, _ window: String, _ geometry: Geometry, _ events: [Event], part: Int? = nil
) throws -> TensorPlan {
    try TensorPlan(
        spec: TensorSpec(preprocessing: preprocessing, window: window), geometry: geometry, totals: EventTotals(events),
        source: .array(events), part: part)
}

extension TensorPlan {
    /// The bytes of a frame, rendered over garbage so that bytes that are not written show.
    func bytes(_ frame: Int) throws -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5)
        try render(frame: frame, into: memory)
        return [UInt8](memory)
    }

    /// The elements of a frame as float32.
    func values(_ frame: Int) throws -> [Float] {
        let bytes = try bytes(frame)
        switch elementType {
        case .uint8: return bytes.map { Float($0) }
        case .int8: return bytes.map { Float(Int8(bitPattern: $0)) }
        case .uint16:
            return bytes.withUnsafeBytes { raw in
                (0..<raw.count / 2).map { Float(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) }
            }
        case .float32:
            return bytes.withUnsafeBytes { raw in
                (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
        }
    }
}
