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
    /// All metadata and attributes are read, and variable-length values of up to 256 MiB. Raw data is not, but it must
    /// lie within the file and outside the tensor. Bytes in the tensor's range are never asked for. Errors:
    /// `.invalidFile`, `.tensorChanged`, `.fileUnreadable`.
    public static func verify(
        _ file: any RandomAccessFile, _ expected: FileExpectation
    ) throws(TensorFileError) {
        let size = try ContentsCheck.checkSuperblock(of: file)
        try HDF5.serially { () throws(TensorFileError) in
            do throws(TensorFileError) {
                try VirtualFile.withFile(file, computed: expected.computedRange) {
                    (id, virtual) throws(TensorFileError) in
                    var check = ContentsCheck(id, virtual, expected, size: size)
                    try check.run()
                }
            } catch {
                throw ContentsCheck.explain(error)
            }
        }
    }

    /// Copies what users added from `old`, a file that `verify` passes, to `new`, which holds a tensor file without
    /// additions.
    ///
    /// Copied are all objects and links below the root except the computed datasets, and the attributes of root and
    /// computed datasets that `new` does not have. Links to a computed dataset lead to the new one; references are made
    /// to refer to the copies. No computed byte is read or written. Errors: `.libraryFailed`, `.invalidFile`,
    /// `.fileUnreadable`; `new` is of no use then.
    public static func carryOver(
        from old: any RandomAccessFile, _ oldExpected: FileExpectation, into new: any RandomAccessFile,
        _ newExpected: FileExpectation
    ) throws(TensorFileError) -> CarryOverReport {
        try HDF5.serially { () throws(TensorFileError) in
            try VirtualFile.withFile(old, computed: oldExpected.computedRange) { (source, _) throws(TensorFileError) in
                try VirtualFile.withFile(new, computed: newExpected.computedRange, writable: true) {
                    (target, _) throws(TensorFileError) in
                    try ContentsCopy.run(from: source, to: target, own: oldExpected.ownPaths)
                }
            }
        }
    }

    /// Writes what users added into an ordinary HDF5 file at `path`, where nothing may be yet.
    ///
    /// Instead of the computed datasets there are ones without elements (a null dataspace), with all their attributes:
    /// links and references to them lead there.
    /// Errors: `.libraryFailed`, `.invalidFile`, `.fileUnreadable`; nothing is left at `path` then.
    public static func export(
        from file: any RandomAccessFile, _ expected: FileExpectation, toNewFile path: String
    ) throws(TensorFileError) -> CarryOverReport {
        try HDF5.serially { () throws(TensorFileError) in
            try VirtualFile.withFile(file, computed: expected.computedRange) { (source, _) throws(TensorFileError) in
                try ContentsExport.run(from: source, expected, toNewFile: path)
            }
        }
    }

    /// What users added to `file`, one entry for each link below the root, parents first.
    ///
    /// Errors: `.libraryFailed`, `.invalidFile`, `.fileUnreadable`.
    public static func summary(
        _ file: any RandomAccessFile, _ expected: FileExpectation
    ) throws(TensorFileError) -> [AddedObject] {
        try HDF5.serially { () throws(TensorFileError) in
            try VirtualFile.withFile(file, computed: expected.computedRange) { (source, _) throws(TensorFileError) in
                try ContentsSummary.of(source, expected)
            }
        }
    }
}
