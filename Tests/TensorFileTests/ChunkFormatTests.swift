// Chunks that the formats' own libraries packed, whole and damaged.

import CBlosc
import CLZ4
import CLZF
import CZstd
import RandomFixture
import TensorFile
import Testing

@Suite struct ChunkFormatTests {
    private let chunk: [UInt8] = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 / 3 &* $0 / 7) & 15 }

    /// `chunk` as the format's filter stores it.
    private func packed(_ format: ChunkFormat) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: chunk.count + 1000)
        let size: Int
        switch format {
        case .lzf: size = Int(lzf_compress(chunk, UInt32(chunk.count), &room, UInt32(room.count)))
        case .blosc: size = Int(blosc_compress_ctx(5, 1, 4, chunk.count, chunk, &room, room.count, "zstd", 0, 1))
        case .zstd: size = ZSTD_compress(&room, room.count, chunk, chunk.count, 3)
        // Blocks of 20,000 bytes, the second of which is as it was.
        case .lz4: return lz4(blockSize: 20_000, plain: 1)
        }
        return Array(room.prefix(size))
    }

    private func bigEndian(_ number: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * (bytes - 1 - $0))) }
    }

    private func lz4(blockSize: Int, plain: Int) -> [UInt8] {
        var result = bigEndian(chunk.count, 8) + bigEndian(blockSize, 4)
        for (number, start) in stride(from: 0, to: chunk.count, by: blockSize).enumerated() {
            let block = Array(chunk[start..<min(chunk.count, start + blockSize)])
            guard number != plain else {
                result += bigEndian(block.count, 4) + block
                continue
            }
            var room = [CChar](repeating: 0, count: block.count + 1000)
            let size = block.withUnsafeBytes {
                LZ4_compress_default($0.baseAddress!, &room, Int32(block.count), Int32(room.count))
            }
            result += bigEndian(Int(size), 4) + room.prefix(Int(size)).map { UInt8(bitPattern: $0) }
        }
        return result
    }

    /// What became of `bytes`; nil when the format refuses them.
    private func unpacked(_ format: ChunkFormat, _ bytes: [UInt8], count: Int? = nil) -> [UInt8]? {
        let count = count ?? chunk.count
        // Of its own, exactly as long: what reads or writes beyond it is seen by AddressSanitizer.
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer {
            source.deallocate()
            target.deallocate()
        }
        source.copyBytes(from: bytes)
        return format.unpack(UnsafeRawBufferPointer(source), into: target) == count ? Array(target) : nil
    }

    @Test(arguments: ChunkFormat.allCases) func `chunks come back`(_ format: ChunkFormat) {
        let bytes = packed(format)
        #expect(bytes.count < chunk.count * 9 / 10)
        #expect(unpacked(format, bytes) == chunk)
    }

    @Test(arguments: ChunkFormat.allCases) func `chunks of another size are refused`(_ format: ChunkFormat) {
        let bytes = packed(format)
        for count in [1, chunk.count - 1, chunk.count + 1, 2 * chunk.count] {
            #expect(unpacked(format, bytes, count: count) == nil, "\(count)")
        }
    }

    @Test(arguments: ChunkFormat.allCases) func `chunks that are cut are refused`(_ format: ChunkFormat) {
        let bytes = packed(format)
        for count in Array(0..<40) + Array(stride(from: 40, to: bytes.count, by: 997)) + [bytes.count - 1] {
            #expect(unpacked(format, Array(bytes.prefix(count))) == nil, "\(count)")
        }
    }

    /// Refused, or other values: never more than the chunk's bytes, no crash.
    @Test(arguments: ChunkFormat.allCases) func `damaged chunks do no harm`(_ format: ChunkFormat) {
        let bytes = packed(format)
        var random = SplitMix(seed: 7)
        for round in 0..<400 {
            var damaged = bytes
            for _ in 0...round % 4 {
                // Every other time in the first bytes, where lengths are.
                let place = Int.random(in: 0..<(round % 2 == 0 ? 64 : bytes.count), using: &random)
                damaged[place] = UInt8.random(in: 0...255, using: &random)
            }
            if let values = unpacked(format, damaged) { #expect(values.count == chunk.count) }
        }
    }
}
