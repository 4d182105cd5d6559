// The first bytes of an HDF5 file: the cheapest check of whether a writer left it whole.

/// A superblock of version 0. HDF5 File Format Specification 3.0, II.A.
enum Superblock {
    /// Bytes of it, the root group's symbol table entry included.
    static let size = 96
    /// Where it says at which byte the file ends.
    static let endOffset = 40

    private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    private static let undefined = UInt64.max

    /// Throws `.invalidFile` unless `head` begins with the superblock of a file of `size` bytes, as tensor files have
    /// it.
    static func check(_ head: [UInt8], size: Int64) throws(TensorFileError) {
        guard head.count >= Superblock.size else { throw invalid("it has only \(head.count) bytes") }
        guard head.starts(with: signature) else { throw invalid("it does not begin with HDF5's signature") }
        guard head[8] == 0 else {
            throw invalid("its superblock has version \(head[8]), not 0: the program that wrote it made a new file")
        }
        // Versions of free-space information, root symbol table and shared headers; sizes of offsets and lengths.
        guard head[9] == 0, head[10] == 0, head[12] == 0, head[13] == 8, head[14] == 8 else {
            throw invalid("its superblock is not the one of a tensor file")
        }
        let base = number(head, 24)
        guard base == 0 else { throw invalid("its superblock says that it begins at byte \(base)") }
        let end = number(head, 40)
        guard end == UInt64(size) else {
            throw invalid(
                "its superblock says that it ends at \(end), but it has \(size) bytes: a writer was interrupted")
        }
        guard number(head, 48) == undefined else { throw invalid("its superblock names a driver of several files") }
        let root = number(head, 64)
        guard root >= UInt64(Superblock.size), root < UInt64(size) else {
            throw invalid("its root group is said to be at \(root)")
        }
    }

    /// The little-endian number of 8 bytes at `offset`.
    private static func number(_ head: [UInt8], _ offset: Int) -> UInt64 {
        head[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func invalid(_ reason: String) -> TensorFileError {
        TensorFileError(.invalidFile, "the file is no valid HDF5 file: \(reason)")
    }
}
