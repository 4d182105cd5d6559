// Where a dataset's bytes are, and reading those of them that name other bytes of the file.

import CHDF5

/// An open dataset's datatype, dataspace, layout and filters.
struct DatasetStorage: ~Copyable {
    let id: hid_t
    let path: String
    let type: HDF5Identifier
    let space: HDF5Identifier
    let properties: HDF5Identifier
    let layout: H5D_layout_t
    /// Whether its bytes are in files of their own.
    let isExternal: Bool

    init(_ dataset: borrowing OpenObject, _ path: String) throws(TensorFileError) {
        let id = dataset.id
        let type = try HDF5Identifier(H5Dget_type(id), H5Tclose, "look at the datatype of '\(path)'")
        let space = try HDF5Identifier(H5Dget_space(id), H5Sclose, "look at the dataspace of '\(path)'")
        let properties = try HDF5Identifier(
            H5Dget_create_plist(id), H5Pclose, "look at the storage of '\(path)'")
        let layout = H5Pget_layout(properties.id)
        guard layout != H5D_LAYOUT_ERROR else {
            throw TensorFileError(.invalidFile, "'\(path)' is stored in no way that \(HDF5.libraryVersion) knows")
        }
        let files = try HDF5.check(H5Pget_external_count(properties.id), "look at the storage of '\(path)'")
        self.id = id
        self.path = path
        self.type = type
        self.space = space
        self.properties = properties
        self.layout = layout
        isExternal = files > 0
    }

    /// The lengths along each dimension; none for a scalar, nil for a null dataspace.
    func shape() throws(TensorFileError) -> [hsize_t]? {
        guard H5Sget_simple_extent_type(space.id) != H5S_NULL else { return nil }
        let rank = try HDF5.check(H5Sget_simple_extent_ndims(space.id), "look at the dataspace of '\(path)'")
        var shape = [hsize_t](repeating: 0, count: Int(rank))
        try HDF5.check(
            H5Sget_simple_extent_dims(space.id, &shape, nil), "look at the dataspace of '\(path)'")
        return shape
    }

    var elementCount: Int { Int(max(0, H5Sget_simple_extent_npoints(space.id))) }

    /// A chunk's lengths; nil when the dataset has none.
    func chunkShape(rank: Int) throws(TensorFileError) -> [hsize_t]? {
        guard layout == H5D_CHUNKED else { return nil }
        var chunk = [hsize_t](repeating: 0, count: rank)
        try HDF5.check(
            H5Pget_chunk(properties.id, Int32(rank), &chunk), "look at the storage of '\(path)'")
        return chunk
    }

    /// Whether it is stored as evh5 stores a computed dataset: in `chunks`, or contiguous when that is nil.
    func isStored(in chunks: ChunkedStorage?) throws(TensorFileError) -> Bool {
        guard let chunks else { return layout == H5D_CONTIGUOUS }
        guard try chunkShape(rank: try shape()?.count ?? 0) == [hsize_t(clamping: chunks.elements)] else {
            return false
        }
        let count = try HDF5.check(H5Pget_nfilters(properties.id), "look at the filters of '\(path)'")
        guard let filter = chunks.filter else { return count == 0 }
        guard count == 1 else { return false }
        var (flags, configuration, length): (UInt32, UInt32, Int) = (0, 0, filter.values.count + 1)
        var values = [UInt32](repeating: 0, count: length)
        let found = try HDF5.check(
            H5Pget_filter2(properties.id, 0, &flags, &length, &values, 0, nil, &configuration),
            "look at the filters of '\(path)'")
        return found == filter.number && length == filter.values.count && values.starts(with: filter.values)
    }

    /// Whether every filter is one that libhdf5 has built in: chunks can be decoded without a plugin.
    func canBeDecoded() throws(TensorFileError) -> Bool {
        for index in 0..<UInt32(try HDF5.check(H5Pget_nfilters(properties.id), "look at the filters of '\(path)'")) {
            var (flags, configuration, values): (UInt32, UInt32, Int) = (0, 0, 0)
            let filter = try HDF5.check(
                H5Pget_filter2(properties.id, index, &flags, &values, nil, 0, nil, &configuration),
                "look at the filters of '\(path)'")
            // Szip is optional in a build, hence asked for; others would be looked for among plugins.
            let builtIn = [
                H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32, H5Z_FILTER_NBIT,
                H5Z_FILTER_SCALEOFFSET,
            ]
            guard builtIn.contains(filter), H5Zfilter_avail(filter) > 0 else { return false }
        }
        return true
    }

    /// Whether elements can be read from this file alone.
    func isReadable() throws(TensorFileError) -> Bool {
        guard !isExternal, layout != H5D_VIRTUAL else { return false }
        return try canBeDecoded()
    }

    /// The blocks that its elements are read in; nil for a null dataspace.
    func grid() throws(TensorFileError) -> BlockGrid? {
        guard let shape = try shape() else { return nil }
        return BlockGrid(shape: shape, chunk: try chunkShape(rank: shape.count), stride: H5Tget_size(type.id))
    }

    /// Reads all elements that are stored, a block at a time, as their own datatype; `body` gets them and the dataspace
    /// that selects them in the file, and returns false to stop.
    func forEachBlock(
        of grid: BlockGrid, _ shape: ElementShape,
        _ body: (borrowing ElementBuffer, _ memory: hid_t, _ file: hid_t) throws(TensorFileError) -> Bool
    ) throws(TensorFileError) {
        let extent = grid.shape
        var chunks: hsize_t?
        if layout == H5D_CHUNKED {
            var count: hsize_t = 0
            try HDF5.check(H5Dget_num_chunks(id, space.id, &count), "read the chunk index of '\(path)'")
            // Where chunks are missing, only those that are there: they may be few among very many.
            if UInt64(count) < grid.count { chunks = count }
        }
        // Of its own: `space` stays whole.
        let file = try HDF5Identifier(H5Scopy(space.id), H5Sclose, "copy a dataspace")
        for index in 0..<(chunks.map { UInt64($0) } ?? grid.count) {
            let start = chunks == nil ? grid.start(index) : try startOfChunk(index, rank: extent.count)
            // A chunk outside a dataset that was made smaller.
            guard zip(start, extent).allSatisfy({ $0 < $1 }) else { continue }
            let block = grid.shape(at: start)
            let memory: HDF5Identifier
            if extent.isEmpty {
                memory = try HDF5Identifier(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace")
            } else {
                memory = try HDF5Identifier(
                    H5Screate_simple(Int32(extent.count), block, nil), H5Sclose, "make a dataspace")
                try HDF5.check(
                    H5Sselect_hyperslab(file.id, H5S_SELECT_SET, start, nil, block, nil),
                    "select elements of '\(path)'")
            }
            let buffer = try ElementBuffer(type.id, memory.id, shape, limit: .max)
            try HDF5.check(
                H5Dread(id, type.id, memory.id, file.id, CHDF5_default(), buffer.start), "read '\(path)'")
            guard try body(buffer, memory.id, file.id) else { return }
        }
    }

    private func startOfChunk(_ index: UInt64, rank: Int) throws(TensorFileError) -> [hsize_t] {
        var start = [hsize_t](repeating: 0, count: rank)
        var (address, size, filters) = (haddr_t(0), hsize_t(0), UInt32(0))
        try HDF5.check(
            H5Dget_chunk_info(id, space.id, hsize_t(index), &start, &filters, &address, &size),
            "read the chunk index of '\(path)'")
        return start
    }
}
