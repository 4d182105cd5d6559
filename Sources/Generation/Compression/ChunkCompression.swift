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
    case none

    /// What h5py takes `compression="gzip"` for.
    public static let standard = ChunkCompression.gzip(level: 4)

    /// Part of what the plugins call themselves.
    private static let registry =
        "https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md"

    /// `gzip`, `gzip:9`, `lzf`, `zstd`, `zstd:10`, `lz4` or `none`; nil for anything else.
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
        case ("none", nil): self = .none
        default: return nil
        }
    }

    /// What is written down in the file.
    ///
    /// - Parameter shuffle: bytes of the elements whose bytes are shuffled first; 1 when they are not.
    func filters(chunkBytes: Int, shuffle: Int) -> [ChunkFilter] {
        let own = filter(chunkBytes: chunkBytes)
        return (shuffle > 1 ? [.shuffle(elementBytes: shuffle)] : []) + (own.map { [$0] } ?? [])
    }

    /// The filter that packs; nil for chunks as they are.
    public func filter(chunkBytes: Int) -> ChunkFilter? {
        switch self {
        case .gzip(let level): .deflate(level: level)
        // As h5py's filter writes itself down: its revision, LZF_VERSION, and bytes of a chunk.
        case .lzf: ChunkFilter(number: 32000, name: "lzf", values: [4, 0x0105, UInt32(clamping: chunkBytes)])
        // As hdf5plugin.LZ4() does: 0 stands for blocks of 1 GiB.
        case .lz4: ChunkFilter(number: 32004, name: "HDF5 lz4 filter; see " + Self.registry, values: [0])
        // As hdf5plugin.Zstd() does.
        case .zstd(let level):
            ChunkFilter(
                number: 32015, name: "HDF5 zstd filter; see " + Self.registry, values: [UInt32(clamping: level)])
        case .none: nil
        }
    }
}
