// A virtual file without its computed datasets: the bytes libhdf5 wrote around them, and the map of the whole.

/// A virtual file as a layout: the bytes of head and tail, and where the computed datasets belong between them.
public struct FileLayout: Sendable {
    public let map: FileMap
    /// The bytes before the computed datasets: superblock and object headers.
    public let head: [UInt8]
    /// The bytes after them: the heap of variable-length strings.
    public let tail: [UInt8]

    /// Bytes of the file.
    public var size: Int64 { map.size }
    /// Where the first computed dataset begins: a multiple of 4096 when there is one with bytes.
    public var dataOffset: Int64 { map.dataOffset }

    /// The layout of the file that `description` describes; the same bytes whenever it is made.
    ///
    /// libhdf5 writes the file, without the bytes of computed datasets, into memory; takes about a millisecond whatever
    /// the size.
    public static func make(_ description: FileDescription) throws(TensorFileError) -> FileLayout {
        try description.check()
        // All metadata is to fit the first block of the file. For a tensor nearly always 4096 bytes do; many datasets
        // or attributes need more.
        for blockSize in [4096, 8192, 16384, 32768, 65536, 131_072, 262_144] {
            if let layout = try skeleton(description, blockSize, acceptOverflow: false) { return layout }
        }
        // More than that goes to the tail instead.
        guard let layout = try skeleton(description, 4096, acceptOverflow: true) else {
            throw TensorFileError(
                .libraryFailed, "libhdf5 found no place for the attributes: use fewer or shorter ones")
        }
        return layout
    }

    /// The layout of a tensor file.
    public static func make(_ description: TensorFileDescription) throws(TensorFileError) -> FileLayout {
        try make(description.file())
    }

    private static func skeleton(
        _ description: FileDescription, _ blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> FileLayout? {
        try HDF5.serially { () throws(TensorFileError) in
            try Skeleton.write(description, blockSize: blockSize, acceptOverflow: acceptOverflow)
        }
    }
}
