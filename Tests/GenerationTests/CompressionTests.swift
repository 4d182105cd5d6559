// Packed frames, unpacked by what the formats' libraries have for it.

import CBlosc
import CLZ4
import CLZF
import CZlib
import CZstd
import Foundation
import Generation
import TensorFile
import Testing

@Suite struct CompressionTests {
    /// A frame that packs well, as counts are, or not at all.
    private func frame(_ count: Int, random: Bool = false) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { i in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            if random { return UInt8(truncatingIfNeeded: state) }
            return i % 4 == 3 && state % 5 == 0 ? 0x3E : 0
        }
    }

    private func encoded(
        _ compression: ChunkCompression, _ frame: [UInt8], _ method: DeflateMethod = .thorough
    ) -> (bytes: [UInt8], isPacked: Bool) {
        encoded(ChunkEncoder(compression), frame, method)
    }

    private func encoded(
        _ encoder: ChunkEncoder, _ frame: [UInt8], elementBytes: Int = 1, shuffle: Int = 1, _ method: DeflateMethod
    ) -> (bytes: [UInt8], isPacked: Bool) {
        var room = [UInt8](repeating: 1, count: frame.count)
        return frame.withUnsafeBytes { frame in
            room.withUnsafeMutableBytes { room in
                let chunk = encoder.encode(
                    frame, elementBytes: elementBytes, shuffle: shuffle, method, into: room)
                return (Array(chunk.bytes), chunk.isPacked)
            }
        }
    }

    private func inflated(_ bytes: [UInt8], _ count: Int) -> [UInt8]? {
        var result = [UInt8](repeating: 1, count: count)
        var size = UInt(count)
        return uncompress(&result, &size, bytes, UInt(bytes.count)) == Z_OK && size == count ? result : nil
    }

    @Test(arguments: 1...9) func deflate(_ level: Int) {
        let frame = frame(100_000)
        let packed = encoded(.gzip(level: level), frame)
        #expect(packed.isPacked && packed.bytes.count < 20_000)
        #expect(inflated(packed.bytes, frame.count) == frame)
    }

    @Test(arguments: [1, 1000, 100_000, 10_000_000]) func quickDeflate(_ count: Int) {
        let frame = frame(count)
        let packed = encoded(.gzip(level: 4), frame, .quick)
        #expect(packed.isPacked == (count > 1))
        #expect(packed.isPacked ? inflated(packed.bytes, count) == frame : packed.bytes == frame)
    }

    @Test func countsArePackedThoroughly() {
        let encoder = ChunkEncoder(.gzip(level: 4))
        // Few values that come in no order: the quick method makes them much larger.
        let counts = frame(400_000)
        #expect(counts.withUnsafeBytes { encoder.deflateMethod(for: $0) } == .thorough)
        let empty = [UInt8](repeating: 0, count: 400_000)
        let size = encoded(.gzip(level: 4), empty, empty.withUnsafeBytes { encoder.deflateMethod(for: $0) }).bytes.count
        #expect(size < 2000)
        #expect(counts.withUnsafeBytes { ChunkEncoder(.gzip(level: 9)).deflateMethod(for: $0) } == .thorough)
    }

    @Test func lzf() {
        let frame = frame(100_000)
        let packed = encoded(.lzf, frame)
        var result = [UInt8](repeating: 1, count: frame.count)
        #expect(packed.isPacked && packed.bytes.count < 40_000)
        #expect(lzf_decompress(packed.bytes, UInt32(packed.bytes.count), &result, UInt32(result.count)) == frame.count)
        #expect(result == frame)
    }

    @Test(arguments: [1, 3, 19]) func zstd(_ level: Int) {
        let frame = frame(100_000)
        let packed = encoded(.zstd(level: level), frame)
        var result = [UInt8](repeating: 1, count: frame.count)
        #expect(packed.isPacked && packed.bytes.count < 20_000)
        // The filter asks the packed bytes how large the frame is.
        #expect(ZSTD_getFrameContentSize(packed.bytes, packed.bytes.count) == UInt64(frame.count))
        #expect(ZSTD_decompress(&result, result.count, packed.bytes, packed.bytes.count) == frame.count)
        #expect(result == frame)
    }

    @Test func lz4() {
        let frame = frame(100_000)
        let packed = encoded(.lz4, frame)
        func number(_ range: Range<Int>) -> Int { packed.bytes[range].reduce(0) { $0 << 8 | Int($1) } }
        #expect(packed.isPacked)
        #expect(number(0..<8) == frame.count && number(8..<12) == frame.count)
        #expect(number(12..<16) == packed.bytes.count - 16)
        var result = [UInt8](repeating: 1, count: frame.count)
        let size = packed.bytes.withUnsafeBytes { bytes in
            result.withUnsafeMutableBytes { result in
                LZ4_decompress_safe(
                    bytes.baseAddress! + 16, result.baseAddress!, Int32(bytes.count - 16), Int32(result.count))
            }
        }
        #expect(size == 100_000 && result == frame)
    }

    /// Elements of every size that a file has, and more than Blosc has a number for.
    @Test(arguments: [ChunkCompression.BloscCodec.lz4, .zstd], [1, 5, 9])
    func blosc(_ codec: ChunkCompression.BloscCodec, _ level: Int) {
        let encoder = ChunkEncoder(.blosc(codec, level: level))
        for elementBytes in [1, 2, 4, 8, 16, 24, 300] {
            let frame = frame(480_000)
            let packed = encoded(encoder, frame, elementBytes: elementBytes, .thorough)
            #expect(packed.isPacked && packed.bytes.count < 300_000)
            // README_CHUNK_FORMAT: the format, flags, bytes of an element, of the frame and of all this.
            func number(_ place: Int) -> Int { (0..<4).reduce(0) { $0 | Int(packed.bytes[place + $1]) << (8 * $1) } }
            #expect(packed.bytes[0] == 2 && Int(packed.bytes[3]) == (elementBytes > 255 ? 1 : elementBytes))
            #expect(packed.bytes[2] & 1 == 1 && packed.bytes[2] >> 5 == (codec == .lz4 ? 1 : 4))
            #expect(number(4) == frame.count && number(12) == packed.bytes.count)
            var result = [UInt8](repeating: 1, count: frame.count)
            #expect(blosc_decompress_ctx(packed.bytes, &result, result.count, 1) == frame.count)
            #expect(result == frame)
        }
    }

    @Test(arguments: [
        ChunkCompression.standard, .lzf, .zstd(level: 3), .lz4, .blosc(.zstd, level: 5), .blosc(.lz4, level: 1), .none,
    ])
    func whatBecomesNoSmallerIsStoredAsItIs(_ compression: ChunkCompression) {
        for count in [1, 2, 17, 5000] {
            let frame = frame(count, random: true)
            let chunk = encoded(compression, frame)
            #expect(!chunk.isPacked && chunk.bytes == frame)
        }
        #expect(encoded(compression, []).bytes.isEmpty)
    }

    @Test func anEncoderTakesFramesOfAnySize() {
        let encoder = ChunkEncoder(.standard)
        for count in [1000, 100_000, 1000] {
            let frame = frame(count)
            #expect(inflated(encoded(encoder, frame, .quick).bytes, count) == frame)
        }
    }

    /// Plane by plane, by the definition; also with a rest that is no element, and for any number of elements.
    @Test(arguments: [1, 2, 3, 4, 8, 16, 24]) func shuffled(_ size: Int) {
        let encoder = ChunkEncoder(.gzip(level: 4))
        for count in [1, 7, 8, 15, 16, 17, 250, 1000] {
            for rest in [0, 1] where rest < size {
                let bytes = (0..<count * size + rest).map { UInt8(truncatingIfNeeded: $0 % size * 50 + $0 / size / 32) }
                var expected: [UInt8] = []
                for byte in 0..<size { expected += (0..<count).map { bytes[$0 * size + byte] } }
                expected += bytes.suffix(rest)
                let packed = encoded(encoder, bytes, shuffle: size, .thorough)
                // What becomes no smaller is stored as it was, not shuffled.
                #expect(packed.isPacked ? inflated(packed.bytes, bytes.count) == expected : packed.bytes == bytes)
                #expect(packed.isPacked || bytes.count < 200)
            }
        }
    }

    @Test func names() {
        let good: [(String, ChunkCompression)] = [
            ("gzip", .gzip(level: 4)), ("gzip:1", .gzip(level: 1)), ("gzip:9", .gzip(level: 9)), ("lzf", .lzf),
            ("lz4", .lz4),
            ("zstd", .zstd(level: 3)), ("zstd:22", .zstd(level: 22)), ("none", .none),
            ("blosc-zstd", .blosc(.zstd, level: 5)), ("blosc-zstd:1", .blosc(.zstd, level: 1)),
            ("blosc-lz4", .blosc(.lz4, level: 5)), ("blosc-lz4:9", .blosc(.lz4, level: 9)),
        ]
        for (text, compression) in good { #expect(ChunkCompression(text) == compression) }
        for text in [
            "", "gzip:", "gzip:0", "gzip:10", "gzip:x", "gzip:4:4", "lzf:1", "none:0", "zstd:23", "GZIP", "bzip2",
            "blosc", "blosc-zstd:0", "blosc-zstd:10", "blosc-lz4:", "blosc-zlib", "blosc-zstd:5:5",
        ] {
            #expect(ChunkCompression(text) == nil, "\(text)")
        }
    }

    @Test func filters() {
        func filter(_ compression: ChunkCompression, elementBytes: Int = 4) -> ChunkFilter? {
            compression.filter(chunkBytes: 8, elementBytes: elementBytes)
        }
        #expect(filter(.standard) == .deflate(level: 4))
        #expect(filter(.lzf)?.values == [4, 0x0105, 8])
        #expect(filter(.blosc(.zstd, level: 9))?.values == [2, 2, 4, 8, 9, 1, 5])
        #expect(filter(.blosc(.lz4, level: 5), elementBytes: 256)?.values == [2, 2, 1, 8, 5, 1, 1])
        #expect(filter(.none) == nil)
    }
}
