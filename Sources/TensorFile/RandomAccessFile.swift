// Bytes that libhdf5 reads and writes as a file, wherever they are kept.

/// A file that is no file of the system: HDF5 files that are put together from pieces.
///
/// Only one thread at a time calls it. What it throws ends the HDF5 operation and becomes its error's cause.
public protocol RandomAccessFile: AnyObject {
    /// Bytes of the file.
    func size() throws -> Int64
    /// Fills `buffer` with the bytes from `offset` on; the range lies within the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws
    /// Stores `bytes` from `offset` on; the file grows as needed, gaps are zeros.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws
    /// Cuts the file, or extends it with zeros.
    func setSize(_ size: Int64) throws
}
