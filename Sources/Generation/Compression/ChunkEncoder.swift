// A worker's packer: frames in, chunks in the formats of HDF5's filters out.

import CLZ4
import CLZF
import CZstd

/// Packs frames of one size into its own memory. For one thread.
package final class ChunkEncoder {
    /// A frame as it is to be stored. Valid until the next one.
    package struct Chunk {
        package let bytes: UnsafeRawBufferPointer
        /// Whether it was packed at all: what becomes no smaller is stored as it is.
        package let isPacked: Bool
    }

    private let compression: ChunkCompression
    private let deflater: Deflater?
    private let zstd: OpaquePointer?
    private var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    package init(_ compression: ChunkCompression) {
        self.compression = compression
        if case .gzip(let level) = compression { deflater = Deflater(level: level) } else { deflater = nil }
        if case .zstd = compression { zstd = ZSTD_createCCtx() } else { zstd = nil }
    }

    deinit {
        room.deallocate()
        ZSTD_freeCCtx(zstd)
    }

    /// Which deflate is the best for frames like this one.
    package func deflateMethod(for frame: UnsafeRawBufferPointer) -> DeflateMethod {
        deflater?.method(for: frame) ?? .thorough
    }

    /// - Parameter deflate: which deflate is to be used for gzip.
    package func encode(_ frame: UnsafeRawBufferPointer, _ deflate: DeflateMethod) -> Chunk {
        guard compression != .none, let source = frame.baseAddress else { return Chunk(bytes: frame, isPacked: false) }
        if room.count < frame.count {
            room.deallocate()
            room = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 64)
        }
        guard let target = room.baseAddress else { return Chunk(bytes: frame, isPacked: false) }
        // What does not fit is no smaller than the frame.
        let limit = frame.count
        let size: Int
        switch compression {
        case .gzip: size = deflater?.compress(frame, into: target, limit, deflate) ?? 0
        case .lzf:
            size =
                limit > Int(UInt32.max)
                ? 0 : Int(lzf_compress(source, UInt32(limit), target, UInt32(limit)))
        case .zstd(let level):
            let written = ZSTD_compressCCtx(zstd, target, limit, source, limit, Int32(level))
            size = ZSTD_isError(written) == 0 ? written : 0
        case .lz4: size = lz4(frame, into: target, limit)
        case .none: size = 0
        }
        guard size > 0 else { return Chunk(bytes: frame, isPacked: false) }
        return Chunk(bytes: UnsafeRawBufferPointer(start: target, count: size), isPacked: true)
    }

    /// The format of filter 32004: the frame's size (8 bytes) and a block's (4), then each block's packed size (4) and
    /// bytes, all big endian. Here the frame is one block. http://www.hdfgroup.org/services/filters/HDF5_LZ4.pdf
    private func lz4(_ frame: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, _ limit: Int) -> Int {
        let header = 16
        guard frame.count <= 1 << 30, limit > header, let source = frame.baseAddress else { return 0 }
        let size = LZ4_compress_default(
            source.assumingMemoryBound(to: CChar.self), (target + header).assumingMemoryBound(to: CChar.self),
            Int32(frame.count), Int32(limit - header))
        guard size > 0 else { return 0 }
        target.storeBytes(of: UInt64(frame.count).bigEndian, as: UInt64.self)
        target.storeBytes(of: UInt32(frame.count).bigEndian, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: UInt32(size).bigEndian, toByteOffset: 12, as: UInt32.self)
        return header + Int(size)
    }
}
