// The skeleton: libhdf5 writes a virtual file into sparse memory, without the bytes of computed datasets, and what it
// wrote around them is read back.

import CHDF5

enum Skeleton {
    /// Writes the file with its first `blockSize` bytes set aside for metadata. Returns nil when that was too little
    /// and `acceptOverflow` is false. To be called within `HDF5.serially`.
    static func write(
        _ description: FileDescription, blockSize: Int, acceptOverflow: Bool
    ) throws(TensorFileError) -> FileLayout? {
        let file = SparseBytes()
        if description.isChunked { return try chunked(description, file, blockSize: blockSize) }
        guard
            let addresses = try writeFile(
                description, to: file, blockSize: blockSize, acceptOverflow: acceptOverflow)
        else { return nil }

        let size = file.size()
        guard let dataOffset = addresses.lazy.compactMap(\.offset).first else {
            // Without elements there is no storage: the head is the whole file.
            let map = FileMap(dataOffset: size, description, size: size)
            let head = file.bytes(in: 0..<size)
            try check(head, size)
            return FileLayout(map: map, head: head, tail: [])
        }
        let map = FileMap(dataOffset: dataOffset, description, size: size)
        let areInPlace = zip(addresses, map.datasets).allSatisfy { address, dataset in
            address.offset.map { $0 == dataset.offset } ?? (dataset.byteCount == 0)
        }
        // Metadata that found no room in the first block lies between the datasets.
        if !areInPlace, !acceptOverflow { return nil }
        guard dataOffset == Int64(blockSize), areInPlace, map.tailOffset <= size else {
            throw TensorFileError(
                .libraryFailed,
                "libhdf5 placed the datasets from \(dataOffset) on in a file of \(size) bytes, not one after the other from "
                    + "\(blockSize) on: use the version of libhdf5 this was tested with, 1.10")
        }
        let head = file.bytes(in: 0..<dataOffset)
        try check(head, size)
        return FileLayout(map: map, head: head, tail: file.bytes(in: map.tailOffset..<size))
    }

    /// A file with datasets in chunks. libhdf5 writes their headers and everything else, into the head; the chunks and
    /// their indexes come after it, and where they are is written into the headers here: libhdf5 takes no index that it
    /// did not write, and writing one would take an entry for each chunk. There is no tail.
    private static func chunked(
        _ description: FileDescription, _ file: SparseBytes, blockSize: Int
    ) throws(TensorFileError) -> FileLayout {
        guard let places = try writeFile(description, to: file, blockSize: blockSize, acceptOverflow: true) else {
            throw TensorFileError(.libraryFailed, "libhdf5 wrote no file")
        }
        let size = file.size()
        var head = file.bytes(in: 0..<size)
        try check(head, size)
        head += [UInt8](repeating: 0, count: -head.count & 4095)
        let map = FileMap(dataOffset: Int64(head.count), description)
        func put(_ number: Int64, at offset: Int) {
            withUnsafeBytes(of: number.littleEndian) { head.replaceSubrange(offset..<offset + 8, with: $0) }
        }
        for (number, (place, dataset)) in zip(places, map.datasets).enumerated() {
            let message = try LayoutMessage(header: place.header) { range in
                let there = range.clamped(to: 0..<size)
                return Array(head[Int(there.lowerBound)..<Int(there.upperBound)])
            }
            guard let message, message.address == UInt64.max else {
                throw TensorFileError(
                    .libraryFailed,
                    "libhdf5 wrote the header of '/\(description.datasets[number].path)' in another way: use the version of libhdf5 this was tested with, 1.10"
                )
            }
            guard dataset.byteCount > 0 else { continue }
            let index = map.indexes.first { $0.dataset == number }
            put(index?.root ?? dataset.offset, at: Int(message.addressOffset))
        }
        put(map.size, at: Superblock.endOffset)
        try check(head, map.size)
        return FileLayout(map: map, head: head, tail: [])
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

    /// Where a computed dataset's object header is, and its bytes; nil when they have no place yet.
    private struct Place {
        let header: Int64
        let offset: Int64?
    }

    /// Those of the datasets, in the order of the description.
    private typealias Addresses = [Place]

    private static func writeFile(
        _ description: FileDescription, to bytes: SparseBytes, blockSize: Int, acceptOverflow: Bool
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
        _ description: FileDescription, access: hid_t, blockSize: Int, acceptOverflow: Bool
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
        var groups = SkeletonGroups(file.id)
        var objects: [(hid_t, [(name: String, value: AttributeValue)])] = [(file.id, description.rootAttributes)]
        for dataset in description.datasets {
            let (group, name) = try groups.parent(of: dataset.path)
            let made = try create(dataset, name, in: group, isLate: description.isChunked)
            objects.append((made, dataset.attributes))
            var object = CHDF5_ObjectInfo()
            try HDF5.check(CHDF5_objectInfo(made, &object), "look at '/\(dataset.path)'")
            let offset = H5Dget_offset(made)
            addresses.append(
                Place(
                    header: Int64(clamping: object.address),
                    offset: offset == CHDF5_noAddress() ? nil : Int64(exactly: offset)))
        }

        // From here on the file grows only by heaps of variable-length text, unless the metadata block is full.
        let first = addresses.lazy.compactMap(\.offset).first
        var overflow = first.map { $0 != Int64(blockSize) } ?? false
        for (object, attributes) in objects {
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

    /// Creates a dataset whose bytes are never written: allocated now, or not at all when `isLate`. It is open until
    /// the file is closed.
    private static func create(
        _ dataset: DatasetDescription, _ name: String, in group: hid_t, isLate: Bool
    ) throws(TensorFileError) -> hid_t {
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_datasetCreateClass()), H5Pclose, "make a dataset's properties")
        // Times would make the bytes differ from one making to the next.
        try HDF5.check(H5Pset_obj_track_times(properties.id, false), "set a dataset's properties")
        if let chunks = dataset.chunks {
            try HDF5.check(H5Pset_chunk(properties.id, 1, [hsize_t(chunks.elements)]), "set a dataset's chunks")
            try chunks.filter?.set(properties.id)
        } else {
            try HDF5.check(H5Pset_layout(properties.id, H5D_CONTIGUOUS), "set a dataset's properties")
        }
        try HDF5.check(
            H5Pset_alloc_time(properties.id, isLate ? H5D_ALLOC_TIME_LATE : H5D_ALLOC_TIME_EARLY),
            "set a dataset's properties")
        try HDF5.check(H5Pset_fill_time(properties.id, H5D_FILL_TIME_NEVER), "set a dataset's properties")
        let shape = dataset.shape.map { hsize_t($0) }
        // A chunk may be longer than a dataset that may grow.
        let longest = dataset.chunks == nil ? shape : shape.map { _ in CHDF5_unlimited() }
        let space = try HDF5Identifier(
            shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), shape, longest), H5Sclose,
            "make a dataspace")
        let type = try dataset.type.make()
        let made = try HDF5.check(
            H5Dcreate2(group, name, type.id, space.id, CHDF5_default(), properties.id, CHDF5_default()),
            "create dataset '/\(dataset.path)'")
        // One reference more than there are links: whoever deletes the dataset deletes a link, and HDF5 never hands out
        // its address range to something else.
        try HDF5.check(H5Oincr_refcount(made), "count a reference to '/\(dataset.path)'")
        return made
    }
}

/// The groups of a skeleton, each made when its first dataset is, and open until the file is closed.
private struct SkeletonGroups {
    private let file: hid_t
    private var made: [String: hid_t] = [:]

    init(_ file: hid_t) { self.file = file }

    /// The group that `path` is in, and its name there.
    mutating func parent(of path: String) throws(TensorFileError) -> (hid_t, String) {
        guard let slash = path.lastIndex(of: "/") else { return (file, path) }
        let name = String(path[path.index(after: slash)...])
        let folder = String(path[..<slash])
        if let group = made[folder] { return (group, name) }
        let (parent, own) = try parent(of: folder)
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_groupCreateClass()), H5Pclose, "make a group's properties")
        // As for the root.
        try HDF5.check(
            H5Pset_link_creation_order(properties.id, CHDF5_creationOrder()), "set a group's properties")
        try HDF5.check(H5Pset_obj_track_times(properties.id, false), "set a group's properties")
        let group = try HDF5.check(
            H5Gcreate2(parent, own, CHDF5_default(), properties.id, CHDF5_default()), "make group '/\(folder)'")
        // Whoever deletes the group leaves its datasets where they are.
        try HDF5.check(H5Oincr_refcount(group), "count a reference to '/\(folder)'")
        made[folder] = group
        return (group, name)
    }
}
