// A file that is stored, not computed: datasets of packed chunks that come in finished, one after the other.

import CHDF5

/// A dataset of a stored file.
public struct StoredDataset: Sendable {
    /// `blockBytes` says nothing here.
    public var description: DatasetDescription
    /// The lengths of a chunk, as many as the dataset has, which can grow along the first one then; none where it is
    /// contiguous.
    public var chunk: [Int]
    /// What readers undo, from the last to the first.
    public var filters: [ChunkFilter]

    public init(_ description: DatasetDescription, chunk: [Int] = [], filters: [ChunkFilter] = []) {
        self.description = description
        self.chunk = chunk
        self.filters = filters
    }
}

/// An HDF5 file that is being written.
///
/// Safe to use from many threads, one at a time. Either `finish` or `abandon` must be called.
public final class StoredFile: @unchecked Sendable {
    // All fields are used within `HDF5.serially` only.
    private let file: VirtualFile
    private let id: hid_t
    private let made: [hid_t]
    private let datasets: [StoredDataset]

    /// Begins a file in `bytes`, which are none yet.
    ///
    /// - Parameter datasets: those that get chunks by `write`; `finish` takes others.
    ///
    /// Errors: `.invalidDescription`, `.tooLarge`, `.libraryFailed`, `.fileUnreadable`.
    public init(
        _ datasets: [StoredDataset], rootAttributes: [(name: String, value: AttributeValue)],
        in bytes: any RandomAccessFile
    ) throws(TensorFileError) {
        self.datasets = datasets
        (file, id, made) = try HDF5.serially { () throws(TensorFileError) in
            let (file, id) = try VirtualFile.create(bytes)
            do throws(TensorFileError) {
                let made = try StoredFile.createAll(datasets, in: id)
                try StoredFile.write(rootAttributes, to: id)
                for (dataset, id) in zip(datasets, made) {
                    try StoredFile.write(dataset.description.attributes, to: id)
                }
                return Opened(file: file, id: id, made: made)
            } catch {
                file.abandon(id)
                throw file.explain(error)
            }
        }.parts
    }

    private struct Opened: @unchecked Sendable {
        let file: VirtualFile
        let id: hid_t
        let made: [hid_t]
        var parts: (VirtualFile, hid_t, [hid_t]) { (file, id, made) }
    }

    /// Stores the chunk of dataset `index` whose first element is at `start`, packed as the filters say or, when not
    /// `isPacked`, as it is.
    public func write(
        _ chunk: UnsafeRawBufferPointer, dataset index: Int, at start: [Int], isPacked: Bool
    ) throws(TensorFileError) {
        try HDF5.serially { () throws(TensorFileError) in
            // A bit for each filter that the chunk went without.
            let mask: UInt32 = isPacked ? 0 : 1 << UInt32(datasets[index].filters.count) - 1
            do throws(TensorFileError) {
                try HDF5.check(
                    H5Dwrite_chunk(
                        made[index], CHDF5_default(), mask, start.map { hsize_t($0) }, chunk.count, chunk.baseAddress),
                    "write the chunk at \(start) of '/\(datasets[index].description.path)'")
                // Also when libhdf5 was told that a write succeeded which had not.
                try file.throwFailure()
            } catch {
                throw file.explain(error)
            }
        }
    }

    /// Ends the file: all bytes have been handed to the `RandomAccessFile` then.
    ///
    /// - Parameter whole: further datasets with all their bytes. Their filters must be among those that libhdf5 has.
    public func finish(_ whole: [(dataset: StoredDataset, bytes: [UInt8])] = []) throws(TensorFileError) {
        try HDF5.serially { () throws(TensorFileError) in
            do throws(TensorFileError) {
                let made = try StoredFile.createAll(whole.map(\.dataset), in: id)
                for ((dataset, bytes), id) in zip(whole, made) {
                    try StoredFile.write(dataset.description.attributes, to: id)
                    guard !bytes.isEmpty else { continue }
                    let type = try dataset.description.type.make()
                    let all = CHDF5_default()
                    try HDF5.check(
                        H5Dwrite(id, type.id, all, all, all, bytes), "write '/\(dataset.description.path)'")
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

    private static func write(
        _ attributes: [(name: String, value: AttributeValue)], to object: hid_t
    ) throws(TensorFileError) {
        for (name, value) in attributes { try value.write(to: object, name: name) {} }
    }

    /// The identifiers go when the file is closed, with all that is open in it.
    private static func createAll(_ datasets: [StoredDataset], in file: hid_t) throws(TensorFileError) -> [hid_t] {
        try FileDescription(datasets: datasets.map(\.description)).check()
        var made: [hid_t] = []
        for dataset in datasets { made.append(try create(dataset, in: file)) }
        return made
    }

    private static func create(_ dataset: StoredDataset, in file: hid_t) throws(TensorFileError) -> hid_t {
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_datasetCreateClass()), H5Pclose, "make a dataset's properties")
        let (shape, chunk) = (dataset.description.shape, dataset.chunk)
        if !chunk.isEmpty {
            try HDF5.check(
                H5Pset_chunk(properties.id, Int32(chunk.count), chunk.map { hsize_t($0) }),
                "set a dataset's properties")
        }
        for filter in dataset.filters { try filter.set(properties.id) }
        // As h5py does; and the same contents are the same bytes whenever they are made.
        try HDF5.check(H5Pset_obj_track_times(properties.id, false), "set a dataset's properties")
        var limits = shape.map { hsize_t($0) }
        if !chunk.isEmpty, !limits.isEmpty { limits[0] = CHDF5_unlimited() }
        let space = try HDF5Identifier(
            shape.isEmpty
                ? H5Screate(H5S_SCALAR)
                : H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, limits), H5Sclose,
            "make a dataspace")
        let links = try HDF5Identifier(
            H5Pcreate(CHDF5_linkCreateClass()), H5Pclose, "make a link's properties")
        try HDF5.check(H5Pset_create_intermediate_group(links.id, 1), "set a link's properties")
        let type = try dataset.description.type.make()
        return try HDF5.check(
            H5Dcreate2(
                file, dataset.description.path, type.id, space.id, links.id, properties.id, CHDF5_default()),
            "create dataset '/\(dataset.description.path)'")
    }
}

extension TensorFileDescription {
    /// The datasets as generate_hdf5 stores them: the tensor in chunks of a frame, the last timestamps in chunks of
    /// one. Other times are in larger ones.
    public func stored(filters: [ChunkFilter]) throws(TensorFileError) -> (
        data: StoredDataset, times: [StoredDataset]
    ) {
        let file = try file()
        return (
            StoredDataset(file.datasets[0], chunk: [1] + frameShape, filters: filters),
            file.datasets.dropFirst().map {
                StoredDataset(
                    $0, chunk: [$0.path == "last_timestamps" ? 1 : 1024], filters: [.deflate(level: 4)])
            }
        )
    }
}
