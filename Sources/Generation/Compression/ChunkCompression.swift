// The ways to pack chunks, as users name them and as HDF5 writes them down.

import TensorFile

/// How the chunks of a stored file are packed.
public enum ChunkCompression: Hashable, Sendable {
    /// Deflate, which every HDF5 library unpacks.
    case gzip(level: Int)
    /// h5py's own.
    case lzf
    /// Of the plugins that `hdf5plugin` brings, as is lz4.
    case zstd(level: Int)
    case lz4
    /// Blosc 1, of the same plugins: DSEC's files and those of RVT's preprocessing are packed by it.
    case blosc(BloscCodec, level: Int)
    case none

    /// What Blosc hands its blocks to, once it has shuffled their bytes.
    public enum BloscCodec: String, Hashable, Sendable {
        case lz4, zstd

        /// The number that the filter writes down: BLOSC_LZ4, BLOSC_ZSTD.
        var number: UInt32 {
            switch self {
            case .lz4: 1
            case .zstd: 5
            }
        }
    }

    /// What h5py takes `compression="gzip"` for.
    public static let standard = ChunkCompression.gzip(level: 4)

    /// `gzip`, `gzip:9`, `lzf`, `zstd`, `zstd:10`, `lz4`, `blosc-zstd`, `blosc-zstd:1`, `blosc-lz4`, `blosc-lz4:9` or
    /// `none`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let level = parts.count == 2 ? Int(parts[1]) : nil
        if parts.count == 2, level == nil { return nil }
        switch (String(parts[0]), level) {
        case ("gzip", nil): self = .standard
        case ("gzip", let level?) where (1...9).contains(level): self = .gzip(level: level)
        case ("zstd", nil): self = .zstd(level: 3)
        case ("zstd", let level?) where (1...22).contains(level): self = .zstd(level: level)
        case ("lzf", nil): self = .lzf
        case ("lz4", nil): self = .lz4
        // hdf5plugin.Blosc() takes 5 where no level is said.
        case ("blosc-zstd", let level) where (1...9).contains(level ?? 5): self = .blosc(.zstd, level: level ?? 5)
        case ("blosc-lz4", let level) where (1...9).contains(level ?? 5): self = .blosc(.lz4, level: level ?? 5)
        case ("none", nil): self = .none
        default: return nil
        }
    }

    /// What is written down in the file.
    ///
    /// - Parameters:
    ///   - elementBytes: of the dataset's elements.
    ///   - shuffle: bytes of the elements whose bytes HDF5's own filter shuffles first; 1 when it does not.
    func filters(chunkBytes: Int, elementBytes: Int, shuffle: Int) -> [ChunkFilter] {
        let own = filter(chunkBytes: chunkBytes, elementBytes: elementBytes)
        return (shuffle > 1 ? [.shuffle(elementBytes: shuffle)] : []) + (own.map { [$0] } ?? [])
    }

    /// Whether HDF5's own shuffle can make its chunks smaller. Blosc shuffles by itself.
    var takesShuffle: Bool {
        switch self {
        case .gzip, .lzf, .zstd, .lz4: true
        case .blosc, .none: false
        }
    }

    /// The filter that packs; nil for chunks as they are.
    public func filter(chunkBytes: Int, elementBytes: Int) -> ChunkFilter? {
        switch self {
        case .gzip(let level): .deflate(level: level)
        // As h5py's filter writes itself down: its revision, LZF_VERSION, and bytes of a chunk.
        case .lzf: ChunkFilter(.lzf, values: [4, 0x0105, UInt32(clamping: chunkBytes)])
        // As hdf5plugin.LZ4() does: 0 stands for blocks of 1 GiB.
        case .lz4: ChunkFilter(.lz4, values: [0])
        // As hdf5plugin.Zstd() does.
        case .zstd(let level): ChunkFilter(.zstd, values: [UInt32(clamping: level)])
        // As the filter itself does: its revision, Blosc's format, bytes of an element (1 where Blosc has no number for
        // them) and of a chunk, the level, 1 for bytes that are shuffled, the codec.
        // https://github.com/Blosc/hdf5-blosc/blob/master/src/blosc_filter.c
        case .blosc(let codec, let level):
            ChunkFilter(
                .blosc,
                values: [
                    2, 2, UInt32(clamping: elementBytes <= 255 ? elementBytes : 1), UInt32(clamping: chunkBytes),
                    UInt32(clamping: level), 1, codec.number,
                ])
        case .none: nil
        }
    }
}
