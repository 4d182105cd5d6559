// A tensor file as generate_hdf5 stores it: frames as packed chunks that come in finished, one after the other.

import CHDF5

/// An HDF5 file that is being written: `/data` of chunks (1, C, H, W) and shape (None, C, H, W), and
/// datasets of times.
///
/// Safe to use from many threads, one at a time. Either `finish` or `abandon` must be called.
public final class StoredTensorFile: @unchecked Sendable {
    // All fields are used within `HDF5.serially` only.
    private let file: VirtualFile
    private let id: hid_t
    private let data: hid_t
    private let description: TensorFileDescription

    /// Begins a file in `bytes`, which are none yet.
    ///
    /// Errors: `.invalidDescription`, `.tooLarge`, `.libraryFailed`, `.fileUnreadable`.
    public init(
        _ description: TensorFileDescription, filter: ChunkFilter?, in bytes: any RandomAccessFile
    ) throws(TensorFileError) {
        _ = try description.checkedFrameBytes()
        self.description = description
        (file, id, data) = try HDF5.serially { () throws(TensorFileError) in
            let (file, id) = try VirtualFile.create(bytes)
            do throws(TensorFileError) {
                let data = try StoredTensorFile.createDataset(
                    in: id, "data", description.elementType.type, [description.frameCount] + description.frameShape,
                    chunk: [1] + description.frameShape, filter)
                for (object, attributes) in [(id, description.rootAttributes), (data, description.dataAttributes)] {
                    for (name, value) in attributes { try value.write(to: object, name: name) {} }
                }
                return Opened(file: file, id: id, data: data)
            } catch {
                file.abandon(id)
                throw file.explain(error)
            }
        }.parts
    }

    private struct Opened: @unchecked Sendable {
        let file: VirtualFile
        let id: hid_t
        let data: hid_t
        var parts: (VirtualFile, hid_t, hid_t) { (file, id, data) }
    }

    /// Stores frame `index`, packed as the filter says or, when not `isPacked`, as it is.
    public func write(_ chunk: UnsafeRawBufferPointer, frame index: Int, isPacked: Bool) throws(TensorFileError) {
        try HDF5.serially { () throws(TensorFileError) in
            let offset = [hsize_t(index)] + description.frameShape.map { _ in 0 }
            try checked {
                // A bit for each filter that the chunk went without.
                H5Dwrite_chunk(data, CHDF5_default(), isPacked ? 0 : 1, offset, chunk.count, chunk.baseAddress)
            } _: {
                "write frame \(index)"
            }
        }
    }

    /// Ends the file: all bytes have been handed to the `RandomAccessFile` then.
    ///
    /// - Parameter times: what the description's datasets of times hold, in their order; one for each frame.
    public func finish(times: [[Int64]]) throws(TensorFileError) {
        try HDF5.serially { () throws(TensorFileError) in
            do throws(TensorFileError) {
                for (name, times) in zip(description.timeDatasets, times) {
                    // In chunks of one, as generate_hdf5 makes its last timestamps.
                    let dataset = try StoredTensorFile.createDataset(
                        in: id, name, CHDF5_int64LE(), [description.frameCount],
                        chunk: [name == "last_timestamps" ? 1 : 1024], .deflate(level: 4))
                    let all = CHDF5_default()
                    if !times.isEmpty {
                        try HDF5.check(
                            H5Dwrite(dataset, CHDF5_nativeInt64(), all, all, all, times), "write '/\(name)'")
                    }
                }
                try HDF5.check(H5Fflush(id, H5F_SCOPE_GLOBAL), "write a file")
                try HDF5.check(H5Fclose(id), "close a file")
                try file.throwFailure()
            } catch {
                file.abandon(id)
                throw file.explain(error)
            }
        }
    }

    /// Gives the file up; what was written is of no use.
    public func abandon() {
        // Without a failing call there is nothing to throw.
        try? HDF5.serially { () throws(TensorFileError) in file.abandon(id) }
    }

    /// Throws also when libhdf5 was told that a write succeeded which had not.
    private func checked(
        _ call: () -> herr_t, _ operation: () -> String
    ) throws(TensorFileError) {
        do throws(TensorFileError) {
            try HDF5.check(call(), operation())
            try file.throwFailure()
        } catch {
            throw file.explain(error)
        }
    }

    /// The identifier goes when the file is closed, with all that is open in it.
    private static func createDataset(
        in file: hid_t, _ name: String, _ type: hid_t, _ shape: [Int], chunk: [Int], _ filter: ChunkFilter?
    ) throws(TensorFileError) -> hid_t {
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_datasetCreateClass()), H5Pclose, "make a dataset's properties")
        try HDF5.check(
            H5Pset_chunk(properties.id, Int32(chunk.count), chunk.map { hsize_t($0) }), "set a dataset's properties")
        if let filter { try filter.set(properties.id) }
        // As h5py does; and the same tensor is the same bytes whenever it is made.
        try HDF5.check(H5Pset_obj_track_times(properties.id, false), "set a dataset's properties")
        var limits = shape.map { hsize_t($0) }
        limits[0] = CHDF5_unlimited()
        let space = try HDF5Identifier(
            H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, limits), H5Sclose, "make a dataspace")
        return try HDF5.check(
            H5Dcreate2(file, name, type, space.id, CHDF5_default(), properties.id, CHDF5_default()),
            "create dataset '/\(name)'")
    }
}
