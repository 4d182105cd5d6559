// Packings of chunks that libhdf5 does not have, and what unpacks them: files are read without plugins.

import CBlosc
import CHDF5
import CLZ4
import CLZF
import CZstd

/// A packing by its number in https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md.
public enum ChunkFormat: Int32, Sendable, CaseIterable {
    case lzf = 32000
    case blosc = 32001
    case lz4 = 32004
    case zstd = 32015

    /// As the filter of h5py or hdf5plugin calls itself.
    var name: String {
        let registry = "https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md"
        return switch self {
        case .lzf: "lzf"
        case .blosc: "blosc"
        case .lz4: "HDF5 lz4 filter; see " + registry
        case .zstd: "HDF5 zstd filter; see " + registry
        }
    }

    private var filter: H5Z_func_t {
        switch self {
        case .lzf: { flags, _, _, count, size, bytes in replace(flags, count, size, bytes, ChunkFormat.lzf.unpack) }
        case .blosc:
            { flags, _, _, count, size, bytes in replace(flags, count, size, bytes, ChunkFormat.blosc.unpack) }
        case .lz4: { flags, _, _, count, size, bytes in replace(flags, count, size, bytes, ChunkFormat.lz4.unpack) }
        case .zstd: { flags, _, _, count, size, bytes in replace(flags, count, size, bytes, ChunkFormat.zstd.unpack) }
        }
    }

    private static let areRegistered: Bool = allCases.allSatisfy {
        CHDF5_registerFilter($0.rawValue, $0.name, $0.filter) >= 0
    }

    /// Tells libhdf5 of all of them, before it looks for plugins; once is enough. Within `HDF5.serially` only.
    static func register() { _ = areRegistered }

    /// Bytes of the chunks that are read. What a damaged one says of itself must not be believed.
    ///
    /// Used within `HDF5.serially` only.
    nonisolated(unsafe) fileprivate static var chunkBytes = 0

    /// Reads of a dataset whose chunks have `chunkBytes`, 0 without chunks, unpacked. Only within `HDF5.serially`, so
    /// that nobody else reads meanwhile.
    static func reading<R>(
        chunkBytes: Int, _ body: () throws(TensorFileError) -> R
    ) throws(TensorFileError) -> R {
        register()
        Self.chunkBytes = chunkBytes
        defer { Self.chunkBytes = 0 }
        return try body()
    }

    /// Unpacks `chunk`; returns the bytes that were written to `target`, anything else than all of them when it is
    /// damaged.
    package func unpack(_ chunk: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        guard let source = chunk.baseAddress, let start = target.baseAddress else { return 0 }
        switch self {
        case .lzf:
            guard chunk.count <= UInt32.max, target.count <= UInt32.max else { return 0 }
            return Int(lzf_decompress(source, UInt32(chunk.count), start, UInt32(target.count)))
        case .blosc:
            var size = 0
            guard blosc_cbuffer_validate(source, chunk.count, &size) == 0, size == target.count else { return 0 }
            return Int(blosc_decompress_ctx(source, start, target.count, 1))
        case .lz4: return Self.unpackLZ4(chunk, into: target)
        case .zstd:
            let size = ZSTD_decompress(start, target.count, source, chunk.count)
            return ZSTD_isError(size) == 0 ? size : 0
        }
    }

    /// The chunk's size (8 bytes) and a block's (4), then each block's packed size (4) and bytes, all big endian. A
    /// block that became no smaller is there as it was. http://www.hdfgroup.org/services/filters/HDF5_LZ4.pdf
    private static func unpackLZ4(_ chunk: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        func number<N: FixedWidthInteger & BitwiseCopyable>(_ place: Int, _: N.Type) -> Int? {
            guard place + MemoryLayout<N>.size <= chunk.count else { return nil }
            return Int(exactly: N(bigEndian: chunk.loadUnaligned(fromByteOffset: place, as: N.self)))
        }
        guard number(0, UInt64.self) == target.count, let block = number(8, UInt32.self), block > 0 else { return 0 }
        var (place, done) = (12, 0)
        while done < target.count {
            guard let packed = number(place, UInt32.self), packed <= chunk.count - place - 4 else { return 0 }
            let count = min(block, target.count - done)
            let source = UnsafeRawBufferPointer(rebasing: chunk[place + 4..<place + 4 + packed])
            let room = UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count])
            if packed == count {
                room.copyMemory(from: source)
            } else {
                guard packed <= Int32.max, count <= Int32.max, let from = source.baseAddress,
                    let to = room.baseAddress,
                    LZ4_decompress_safe(from, to, Int32(packed), Int32(count)) == count
                else { return 0 }
            }
            place += 4 + packed
            done += count
        }
        return done
    }
}

/// What libhdf5 asks of a filter: puts the unpacked chunk into the place of the packed one; 0 when that fails.
private func replace(
    _ flags: UInt32, _ count: Int, _ size: UnsafeMutablePointer<Int>?,
    _ bytes: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ unpack: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Int
) -> Int {
    let length = ChunkFormat.chunkBytes
    guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, length > 0, let size, let bytes, let packed = bytes.pointee,
        // Freed by libhdf5.
        let room = malloc(length)
    else { return 0 }
    let done = unpack(
        UnsafeRawBufferPointer(start: packed, count: count), UnsafeMutableRawBufferPointer(start: room, count: length))
    guard done == length else {
        free(room)
        return 0
    }
    free(packed)
    bytes.pointee = room
    size.pointee = length
    return length
}
