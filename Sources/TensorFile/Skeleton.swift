// The skeleton: libhdf5 writes a tensor file into sparse memory, without the tensor's bytes, and what it wrote around
// them is read back.

import CHDF5

enum Skeleton {
    /// Writes the file with its first `blockSize` bytes set aside for metadata. Returns nil when that was too little
    /// and `acceptOverflow` is false. To be called within `HDF5.serially`.
    static func write(
        _ description: TensorFileDescription, frameBytes: Int, blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> TensorFileLayout? {
        let file = SparseBytes()
        guard
            let addresses = try writeFile(
                description, to: file, blockSize: blockSize, acceptOverflow: acceptOverflow)
        else { return nil }

        let size = file.size()
        guard let dataOffset = addresses.data else {
            // Without frames there is no storage: the head is the whole file.
            let map = TensorFileMap(
                dataOffset: size, frameBytes: frameBytes, frameCount: 0, timestampBytes: 0, size: size)
            let head = file.bytes(in: 0..<size)
            try check(head, size)
            return TensorFileLayout(map: map, head: head, tail: [])
        }
        let map = TensorFileMap(
            dataOffset: dataOffset, frameBytes: frameBytes, frameCount: description.frameCount,
            timestampBytes: description.hasLastTimestamps ? Int64(description.frameCount) * 8 : 0, size: size)
        guard dataOffset == Int64(blockSize), addresses.timestamps ?? map.timestampsOffset == map.timestampsOffset,
            map.tailOffset <= size
        else {
            throw TensorFileError(
                .libraryFailed,
                "libhdf5 placed the tensor at \(dataOffset) in a file of \(size) bytes, not at \(blockSize): "
                    + "use the version of libhdf5 this was tested with, 1.10")
        }
        let head = file.bytes(in: 0..<dataOffset)
        try check(head, size)
        return TensorFileLayout(map: map, head: head, tail: file.bytes(in: map.tailOffset..<size))
    }

    /// The superblock must be of version 0 and say that the file ends where it does: readers refuse a shorter file.
    /// HDF5 File Format Specification 3.0, II.A: version at byte 8, end of file address at byte 40.
    private static func check(_ head: [UInt8], _ size: Int64) throws(TensorFileError) {
        let end = head.count < 48 ? -1 : head[40..<48].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard head.count >= 48, head[8] == 0, end == size else {
            throw TensorFileError(
                .libraryFailed, "libhdf5 wrote a file of \(size) bytes whose superblock says it ends at \(end)")
        }
    }

    /// Where the datasets' bytes are; nil for a dataset that is not there or has none.
    private struct Addresses {
        var data: Int64?
        var timestamps: Int64?
    }

    private static func writeFile(
        _ description: TensorFileDescription, to bytes: SparseBytes, blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> Addresses? {
        let virtual = VirtualFile(making: bytes)
        return try withExtendedLifetime(virtual) { () throws(TensorFileError) -> Addresses? in
            let access = try virtual.access()
            let addresses = try write(
                description, access: access.id, blockSize: blockSize, acceptOverflow: acceptOverflow)
            try virtual.throwFailure()
            return addresses
        }
    }

    private static func write(
        _ description: TensorFileDescription, access: hid_t, blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> Addresses? {
        // Metadata is allocated from blocks of this size, the first one at byte 0; a dataset's bytes come right after
        // the first block, hence aligned, if they are not gathered into blocks of their own when they are few.
        try HDF5.check(H5Pset_meta_block_size(access, hsize_t(blockSize)), "set a file's properties")
        try HDF5.check(H5Pset_small_data_block_size(access, 0), "set a file's properties")
        try HDF5.check(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG), "set a file's properties")

        let creation = try HDF5Identifier(H5Pcreate(CHDF5_fileCreateClass()), H5Pclose, "make a file's properties")
        // netCDF4 opens a file for writing only if the order of its links is tracked. The order of attributes is not:
        // it would bring object headers of version 2 and, from 9 attributes on, dense storage, which h5copy 1.10 fails
        // on.
        try HDF5.check(
            H5Pset_link_creation_order(creation.id, CHDF5_creationOrder()), "set a file's properties")
        // Times would make the bytes differ from one making to the next.
        try HDF5.check(H5Pset_obj_track_times(creation.id, false), "set a file's properties")

        let file = try HDF5Identifier(
            H5Fcreate("evh5", CHDF5_truncate(), creation.id, access), H5Fclose, "create a file")
        var addresses = Addresses()
        let shape = [description.frameCount] + description.frameShape
        let data = try createDataset(in: file.id, "data", description.elementType.type, shape, &addresses.data)
        if description.hasLastTimestamps {
            _ = try createDataset(
                in: file.id, "last_timestamps", CHDF5_int64LE(), [description.frameCount], &addresses.timestamps)
        }

        // From here on the file grows only by heaps of variable-length text, unless the metadata block is full.
        var overflow = addresses.data.map { $0 != Int64(blockSize) } ?? false
        for (object, attributes) in [(file.id, description.rootAttributes), (data.id, description.dataAttributes)] {
            for (name, value) in attributes where acceptOverflow || !overflow {
                let before = try end(of: file.id)
                try value.write(to: object, name: name) { () throws(TensorFileError) in
                    if try end(of: file.id) != before { overflow = true }
                }
            }
        }
        if overflow && !acceptOverflow { return nil }
        // Flushed here to see its errors: closing happens when `file` goes and could not report them.
        try HDF5.check(H5Fflush(file.id, H5F_SCOPE_GLOBAL), "write a file")
        return addresses
    }

    private static func end(of file: hid_t) throws(TensorFileError) -> hsize_t {
        var end: hsize_t = 0
        try HDF5.check(H5Fget_filesize(file, &end), "find the end of a file")
        return end
    }

    /// Creates a contiguous dataset whose bytes are allocated now and never written; `address` becomes theirs.
    private static func createDataset(
        in file: hid_t, _ name: String, _ type: hid_t, _ shape: [Int], _ address: inout Int64?
    ) throws(TensorFileError) -> HDF5Identifier {
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_datasetCreateClass()), H5Pclose, "make a dataset's properties")
        try HDF5.check(H5Pset_layout(properties.id, H5D_CONTIGUOUS), "set a dataset's properties")
        try HDF5.check(H5Pset_alloc_time(properties.id, H5D_ALLOC_TIME_EARLY), "set a dataset's properties")
        try HDF5.check(H5Pset_fill_time(properties.id, H5D_FILL_TIME_NEVER), "set a dataset's properties")
        // Times would make the bytes differ from one making to the next.
        try HDF5.check(H5Pset_obj_track_times(properties.id, false), "set a dataset's properties")
        let space = try HDF5Identifier(
            H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, nil), H5Sclose, "make a dataspace")
        let dataset = try HDF5Identifier(
            H5Dcreate2(file, name, type, space.id, CHDF5_default(), properties.id, CHDF5_default()), H5Dclose,
            "create dataset '/\(name)'")
        // One reference more than there are links: whoever deletes the dataset deletes a link, and HDF5 never hands
        // out the tensor's address range to something else.
        try HDF5.check(H5Oincr_refcount(dataset.id), "count a reference to '/\(name)'")
        let offset = H5Dget_offset(dataset.id)
        address = offset == CHDF5_noAddress() ? nil : Int64(exactly: offset)
        return dataset
    }
}

extension ElementKind {
    /// The type in the file.
    var type: hid_t {
        switch self {
        case .float32: CHDF5_float32LE()
        case .uint8: CHDF5_uint8LE()
        case .int8: CHDF5_int8LE()
        }
    }
}
