// A tensor file without its tensor: the bytes libhdf5 wrote around it, and the map of the whole.

/// A tensor file as a layout: the bytes of head and tail, and where frames and last timestamps belong between them.
public struct TensorFileLayout: Sendable {
    public typealias Piece = TensorFileMap.Piece

    public let map: TensorFileMap
    /// The bytes before the tensor: superblock and object headers.
    public let head: [UInt8]
    /// The bytes after the tensor and the last timestamps: the heap of variable-length strings.
    public let tail: [UInt8]

    /// Bytes of the file.
    public var size: Int64 { map.size }
    /// Where frame 0 begins: a multiple of 4096 when there are frames.
    public var dataOffset: Int64 { map.dataOffset }
    /// Bytes of one frame.
    public var frameBytes: Int { map.frameBytes }
    public var frameCount: Int { map.frameCount }

    /// The pieces of the bytes in `range`, in order; what of it lies outside the file is left out.
    public func pieces(in range: Range<Int64>) -> [Piece] { map.pieces(in: range) }

    /// The layout of the file that `description` describes; the same bytes whenever it is made.
    ///
    /// libhdf5 writes the file, without the tensor's bytes, into memory; takes about a millisecond whatever the size.
    public static func make(_ description: TensorFileDescription) throws(TensorFileError) -> TensorFileLayout {
        let frameBytes = try description.checkedFrameBytes()
        // All metadata is to fit the first block of the file. Nearly always 4096 bytes do; many attributes need more.
        for blockSize in [4096, 8192, 16384, 32768, 65536, 131_072, 262_144] {
            if let layout = try skeleton(description, frameBytes, blockSize, acceptOverflow: false) { return layout }
        }
        // More than that goes to the tail instead.
        guard let layout = try skeleton(description, frameBytes, 4096, acceptOverflow: true) else {
            throw TensorFileError(
                .libraryFailed, "libhdf5 found no place for the attributes: use fewer or shorter ones")
        }
        return layout
    }

    private static func skeleton(
        _ description: TensorFileDescription, _ frameBytes: Int, _ blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> TensorFileLayout? {
        try HDF5.serially { () throws(TensorFileError) in
            try Skeleton.write(
                description, frameBytes: frameBytes, blockSize: blockSize, acceptOverflow: acceptOverflow)
        }
    }
}
