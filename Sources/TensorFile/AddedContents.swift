// What users added to tensor files: checked, carried over to another layout, exported and listed, by libhdf5.

/// Operations on tensor files that users wrote to. libhdf5 may crash or hang on hostile or torn files: except for
/// `checkSuperblock`, these are for a process that may die.
public enum AddedContents {
    /// Bytes of a file that `checkSuperblock` looks at.
    public static let superblockSize = Superblock.size

    /// The cheap check, without libhdf5: `head`, the first 96 bytes or more, must hold a superblock of version 0 that
    /// says that the file begins at 0 and ends at `size`. Throws `.invalidFile`.
    public static func checkSuperblock(_ head: [UInt8], size: Int64) throws(TensorFileError) {
        try Superblock.check(head, size: size)
    }

    /// The full check: the tensor's datasets are where and what they were, and all that can be reached can be read.
    ///
    /// All metadata and attributes are read, and variable-length values of up to 256 MiB. Raw data is not, but it must lie
    /// within the file and outside the tensor. Bytes in the tensor's range are never asked for.
    /// Errors: `.invalidFile`, `.tensorChanged`, `.fileUnreadable`.
    public static func verify(
        _ file: any RandomAccessFile, _ expected: TensorFileExpectation
    ) throws(TensorFileError) {
        let size = try ContentsCheck.checkSuperblock(of: file)
        try HDF5.serially { () throws(TensorFileError) in
            do throws(TensorFileError) {
                try VirtualFile.withFile(file, computed: expected.tensorRange) {
                    (id, virtual) throws(TensorFileError) in
                    var check = ContentsCheck(id, virtual, expected, size: size)
                    try check.run()
                }
            } catch {
                throw ContentsCheck.explain(error)
            }
        }
    }
}
