// A worker's packer: chunks in, chunks in the formats of HDF5's filters out.

import CBlosc
import CLZ4
import CLZF
import CZstd

/// Packs chunks of any size. For one thread.
package final class ChunkEncoder {
    /// A chunk as it is to be stored: in the room that it was packed into, or where it was.
    package struct Chunk {
        package let bytes: UnsafeRawBufferPointer
        /// Whether it was packed at all: what becomes no smaller is stored as it is.
        package let isPacked: Bool
    }

    private let compression: ChunkCompression
    private let deflater: Deflater?
    private let zstd: OpaquePointer?
    /// For the chunk that is packed, shuffled.
    private var shuffled = WorkMemory()

    package init(_ compression: ChunkCompression) {
        self.compression = compression
        if case .gzip(let level) = compression { deflater = Deflater(level: level) } else { deflater = nil }
        if case .zstd = compression { zstd = ZSTD_createCCtx() } else { zstd = nil }
    }

    deinit { ZSTD_freeCCtx(zstd) }

    /// Which deflate is the best for chunks like this one, whose elements of `shuffle` bytes are shuffled.
    ///
    /// - Parameter quickCost: the part of its size that the quick one may cost: 20 is a twentieth.
    package func deflateMethod(
        for chunk: UnsafeRawBufferPointer, shuffle: Int = 1, quickCost: Int = 20
    ) -> DeflateMethod {
        deflater?.method(for: shuffling(chunk, shuffle), quickCost) ?? .thorough
    }

    /// - Parameters:
    ///   - elementBytes: of the elements, which Blosc shuffles.
    ///   - shuffle: bytes of the elements whose bytes are shuffled first; 1 when they are not.
    ///   - deflate: which deflate is to be used for gzip.
    ///   - room: as many bytes as the chunk has.
    package func encode(
        _ chunk: UnsafeRawBufferPointer, elementBytes: Int = 1, shuffle: Int = 1, _ deflate: DeflateMethod,
        into room: UnsafeMutableRawBufferPointer
    ) -> Chunk {
        guard compression != .none, let target = room.baseAddress, room.count >= chunk.count else {
            return Chunk(bytes: chunk, isPacked: false)
        }
        let bytes = shuffling(chunk, shuffle)
        guard let source = bytes.baseAddress else { return Chunk(bytes: chunk, isPacked: false) }
        // What does not fit is no smaller than the chunk.
        let limit = chunk.count
        let size: Int
        switch compression {
        case .gzip: size = deflater?.compress(bytes, into: target, limit, deflate) ?? 0
        case .lzf:
            size =
                limit > Int(UInt32.max)
                ? 0 : Int(lzf_compress(source, UInt32(limit), target, UInt32(limit)))
        case .zstd(let level):
            let written = ZSTD_compressCCtx(zstd, target, limit, source, limit, Int32(level))
            size = ZSTD_isError(written) == 0 ? written : 0
        case .lz4: size = lz4(bytes, into: target, limit)
        // Without the library's threads and globals: workers pack side by side already. 0 lets it choose its blocks.
        case .blosc(let codec, let level):
            size =
                limit > Int(Int32.max - BLOSC_MAX_OVERHEAD)
                ? 0
                : Int(
                    blosc_compress_ctx(
                        Int32(level), BLOSC_SHUFFLE, elementBytes, limit, source, target, limit, codec.rawValue, 0, 1))
        case .none: size = 0
        }
        guard size > 0 else { return Chunk(bytes: chunk, isPacked: false) }
        return Chunk(bytes: UnsafeRawBufferPointer(start: target, count: size), isPacked: true)
    }

    /// The chunk with its elements' bytes shuffled; valid until the next one.
    private func shuffling(_ chunk: UnsafeRawBufferPointer, _ size: Int) -> UnsafeRawBufferPointer {
        guard size > 1 else { return chunk }
        let memory = shuffled.bytes(chunk.count)
        if let target = memory.baseAddress { ByteShuffle.shuffle(chunk, size, into: target) }
        return UnsafeRawBufferPointer(memory)
    }

    /// The format of filter 32004: the chunk's size (8 bytes) and a block's (4), then each block's packed size (4) and
    /// bytes, all big endian. Here the chunk is one block. http://www.hdfgroup.org/services/filters/HDF5_LZ4.pdf
    private func lz4(_ chunk: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, _ limit: Int) -> Int {
        let header = 16
        guard chunk.count <= 1 << 30, limit > header, let source = chunk.baseAddress else { return 0 }
        let size = LZ4_compress_default(
            source.assumingMemoryBound(to: CChar.self), (target + header).assumingMemoryBound(to: CChar.self),
            Int32(chunk.count), Int32(limit - header))
        guard size > 0 else { return 0 }
        target.storeBytes(of: UInt64(chunk.count).bigEndian, as: UInt64.self)
        target.storeBytes(of: UInt32(chunk.count).bigEndian, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: UInt32(size).bigEndian, toByteOffset: 12, as: UInt32.self)
        return header + Int(size)
    }
}
