// Where added bytes may be.

/// The bytes of a file that are not the tensor's.
struct StorageBounds: Sendable {
    /// Bytes of the file.
    let size: Int64
    /// The computed bytes.
    let tensor: Range<Int64>

    /// Throws `.invalidFile` unless the `count` bytes at `address` are in the file and outside the tensor; `what` is
    /// for the message.
    func check(_ address: UInt64, _ count: UInt64, _ what: @autoclosure () -> String) throws(TensorFileError) {
        let end = address.addingReportingOverflow(count)
        guard !end.overflow, end.partialValue <= UInt64(size) else {
            throw TensorFileError(
                .invalidFile, "\(what()) is said to have \(count) bytes at \(address), but the file ends at \(size)")
        }
        guard count == 0 || !(Int64(address)..<Int64(end.partialValue)).overlaps(tensor) else {
            throw TensorFileError(
                .invalidFile, "\(what()) is said to be at \(address), but the tensor is there")
        }
    }
}
