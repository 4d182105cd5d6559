// Frames made whole again from an entry's payload, whatever the payload is.

import CLZ4

package enum FrameUnpacker {
    /// The most bytes the payload of a frame of `byteCount` bytes can have.
    static func largestPayload(_ byteCount: Int) -> Int { byteCount }

    /// Bytes of working memory that unpacking a frame takes.
    package static func scratch(_ packing: Packing, _ byteCount: Int) -> Int {
        switch packing {
        case .raw, .lz4: 0
        case .nibbles: byteCount / 8
        case .bytes: byteCount / 4
        case .halves: byteCount / 2
        }
    }

    /// Writes all bytes of `frame`; false when `payload` is not one of a frame of this size.
    package static func unpack(
        _ payload: UnsafeRawBufferPointer, _ packing: Packing, into frame: UnsafeMutableRawBufferPointer,
        scratch: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard frame.count <= Packing.largestFrame, payload.count <= largestPayload(frame.count) else { return false }
        switch packing {
        case .raw:
            guard payload.count == frame.count else { return false }
            frame.copyMemory(from: payload)
            return true
        case .lz4: return decompress(payload, frame)
        case .halves:
            let size = self.scratch(packing, frame.count)
            guard frame.count % 2 == 0, scratch.count >= size else { return false }
            let plane = UnsafeMutableRawBufferPointer(rebasing: scratch[..<size])
            guard decompress(payload, plane), let plane = plane.baseAddress, let frame = frame.baseAddress else {
                return false
            }
            expandHalves(plane, size, frame)
            return true
        case .nibbles, .bytes:
            guard frame.count % 8 == 0, payload.count > 4 else { return false }
            let values = Int(UInt32(littleEndian: payload.loadUnaligned(as: UInt32.self)))
            let head = 4 + 4 * values
            guard values <= (packing == .nibbles ? 16 : 256), payload.count > head else { return false }
            let size = self.scratch(packing, frame.count)
            guard scratch.count >= size else { return false }
            let plane = UnsafeMutableRawBufferPointer(rebasing: scratch[..<size])
            guard decompress(UnsafeRawBufferPointer(rebasing: payload[head...]), plane) else { return false }
            return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { table in
                // Indexes beyond the table, in a payload that was not made by us, show zeros.
                table.initialize(repeating: 0)
                for index in 0..<values {
                    table[index] = payload.loadUnaligned(fromByteOffset: 4 + 4 * index, as: UInt32.self)
                }
                guard let plane = plane.baseAddress, let table = table.baseAddress, let frame = frame.baseAddress else {
                    return false
                }
                if packing == .nibbles {
                    expandNibbles(plane, size, table, frame)
                } else {
                    expandBytes(plane, size, table, frame)
                }
                return true
            }
        }
    }

    /// Two values at once, by a table of all pairs.
    private static func expandNibbles(
        _ plane: UnsafeRawPointer, _ count: Int, _ table: UnsafePointer<UInt32>, _ frame: UnsafeMutableRawPointer
    ) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 256) { pairs in
            for pair in 0..<256 {
                // In memory the low half comes first: little endian machines only, as all of evh5.
                pairs[pair] = UInt64(table[pair & 15]) | UInt64(table[pair >> 4]) << 32
            }
            guard let pairs = pairs.baseAddress else { return }
            let plane = plane.assumingMemoryBound(to: UInt8.self)
            for index in 0..<count {
                (frame + 8 &* index).storeBytes(of: pairs[Int(plane[index])], as: UInt64.self)
            }
        }
    }

    private static func expandHalves(
        _ plane: UnsafeRawPointer, _ count: Int, _ frame: UnsafeMutableRawPointer
    ) {
        let plane = plane.assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            let pair = UInt16(plane[index])
            (frame + 2 &* index).storeBytes(of: (pair | pair &<< 4) & 0x0F0F, as: UInt16.self)
        }
    }

    private static func expandBytes(
        _ plane: UnsafeRawPointer, _ count: Int, _ table: UnsafePointer<UInt32>, _ frame: UnsafeMutableRawPointer
    ) {
        let plane = plane.assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            (frame + 4 &* index).storeBytes(of: table[Int(plane[index])], as: UInt32.self)
        }
    }

    /// Whether `block` is an LZ4 block of exactly the bytes that `output` has.
    private static func decompress(_ block: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Bool {
        guard block.count <= Int(Int32.max), output.count <= Packing.largestFrame else { return false }
        let count = LZ4_decompress_safe(
            block.baseAddress, output.baseAddress, Int32(block.count), Int32(output.count))
        return Int(count) == output.count
    }
}
