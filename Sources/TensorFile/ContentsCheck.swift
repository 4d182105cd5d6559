// The full check of a file that users wrote to: a walk over all that can be reached, which reads what is not raw data.

import CHDF5

/// One check of one open file.
struct ContentsCheck {
    private let file: hid_t
    private let virtual: VirtualFile
    private let expected: FileExpectation
    /// Bytes of the file.
    private let size: Int64
    /// The headers of the computed datasets.
    private var computed: Set<haddr_t> = []
    /// Chunks that may still be looked up one by one: each costs a walk over those before it.
    private var lookups = 10_000
    private static let lookupsPerDataset = 100
    /// Bytes that may still be read for the sake of variable-length values.
    private var variableBytes: Int64 = 256 << 20
    /// The most that a block of elements may take to be read.
    private static let blockLimit: UInt64 = 256 << 20

    init(_ file: hid_t, _ virtual: VirtualFile, _ expected: FileExpectation, size: Int64) {
        self.file = file
        self.virtual = virtual
        self.expected = expected
        self.size = size
    }

    /// The check that needs no library; returns the file's size.
    static func checkSuperblock(of file: any RandomAccessFile) throws(TensorFileError) -> Int64 {
        let size = try VirtualFile.calling { try file.size() }
        var head = [UInt8](repeating: 0, count: Int(min(size, Int64(Superblock.size))))
        if !head.isEmpty {
            try VirtualFile.calling { try head.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } }
        }
        try Superblock.check(head, size: size)
        return size
    }

    /// `error` as the file's fault, which it is when the library refuses it.
    static func explain(_ error: TensorFileError) -> TensorFileError {
        guard error.code == .libraryFailed || error.code == .invalidFile else { return error }
        let prefix = "the file is no valid HDF5 file: "
        var message = error.message.hasPrefix(prefix) ? error.message : prefix + error.message
        if let stack = error.cause as? HDF5ErrorStack, stack.lines.contains(where: { $0.contains("version") }) {
            message +=
                "; if it is whole, a newer version wrote it than \(HDF5.libraryVersion), which evh5 uses: "
                + "have it written in an older format, in h5py by libver=('earliest', 'v110')"
        }
        return TensorFileError(.invalidFile, message, cause: error.cause)
    }

    mutating func run() throws(TensorFileError) {
        let indexes = expected.chunkIndexes
        for (number, (dataset, offset)) in zip(expected.datasets, expected.offsets).enumerated() {
            let index = indexes.first { $0.dataset == number }
            try checkComputed(dataset, offset: dataset.chunks == nil ? offset : index?.root)
        }
        let storage = StorageBounds(size: size, tensor: expected.computedRange)
        var walk = ObjectWalk()
        try walk.run(file) { (object, path, _) throws(TensorFileError) in
            try readAttributes(of: object, path)
            switch object.kind {
            case .group: break
            case .dataset: if !computed.contains(object.address) { try check(object, path, storage) }
            case .datatype: _ = try ElementShape(object.id)
            }
        }
    }

    // MARK: Computed datasets

    private mutating func checkComputed(_ expected: ComputedDataset, offset: Int64?) throws(TensorFileError) {
        func changed(_ how: String) -> TensorFileError {
            TensorFileError(.tensorChanged, "'/\(expected.path)' \(how), but it is computed and must stay as it is")
        }
        guard let link = try find(expected.path) else { throw changed("was deleted or renamed") }
        guard case .object(let address) = link.target else { throw changed("was replaced by a link") }
        let object = try OpenObject(file, at: address, path: "/\(expected.path)")
        guard object.kind == .dataset else { throw changed("was replaced") }
        let dataset = try DatasetStorage(object, "/\(expected.path)")
        let type = try expected.type.make()
        guard try dataset.isStored(in: expected.chunks), !dataset.isExternal,
            try dataset.shape() == expected.shape.map({ hsize_t($0) }), H5Tequal(dataset.type.id, type.id) > 0
        else { throw changed("has another type, shape or storage") }
        var actual = H5Dget_offset(object.id)
        if expected.chunks != nil {
            // libhdf5 does not tell where a chunk index is.
            let message = try LayoutMessage(header: Int64(clamping: address)) { range throws(TensorFileError) in
                try virtual.bytes(in: range)
            }
            guard let message else { throw changed("has another header") }
            actual = haddr_t(message.address)
        }
        guard actual == offset.map({ haddr_t($0) }) ?? CHDF5_noAddress() else {
            throw changed("was replaced by another dataset")
        }
        computed.insert(address)
    }

    /// The link at `path`, to which groups lead; nil when there is none.
    private func find(_ path: String) throws(TensorFileError) -> ObjectLink? {
        var group = try OpenObject(root: file)
        var names = path.split(separator: "/").map(String.init)
        let last = names.removeLast()
        var walked = ""
        for name in names {
            guard let link = try group.links(walked).first(where: { $0.name == LinkName(name) }),
                case .object(let address) = link.target
            else { return nil }
            walked += "/" + name
            group = try OpenObject(file, at: address, path: walked)
            guard group.kind == .group else { return nil }
        }
        return try group.links(walked).first { $0.name == LinkName(last) }
    }

    // MARK: Added objects

    private func readAttributes(of object: borrowing OpenObject, _ path: String) throws(TensorFileError) {
        for name in try object.attributeNames(path) {
            let attribute = try HDF5Identifier(
                H5Aopen(object.id, name.characters, CHDF5_default()), H5Aclose,
                "open attribute '\(name)' of '\(path)'")
            let type = try HDF5Identifier(
                H5Aget_type(attribute.id), H5Tclose, "look at attribute '\(name)' of '\(path)'")
            let space = try HDF5Identifier(
                H5Aget_space(attribute.id), H5Sclose, "look at attribute '\(name)' of '\(path)'")
            // Elements take no more room in memory than in the file.
            let buffer = try ElementBuffer(
                type.id, space.id, ElementShape(type.id), limit: size - Int64(expected.computedRange.count))
            guard buffer.count > 0 else { continue }
            try HDF5.check(
                H5Aread(attribute.id, type.id, buffer.start), "read attribute '\(name)' of '\(path)'")
        }
    }

    private mutating func check(
        _ object: borrowing OpenObject, _ path: String, _ storage: StorageBounds
    ) throws(TensorFileError) {
        let dataset = try DatasetStorage(object, path)
        let shape = try ElementShape(dataset.type.id)
        switch dataset.layout {
        case H5D_CONTIGUOUS where !dataset.isExternal:
            let offset = H5Dget_offset(object.id)
            if offset != CHDF5_noAddress() {
                try storage.check(
                    UInt64(offset), UInt64(H5Dget_storage_size(object.id)), "the dataset '\(path)'")
            }
        case H5D_CHUNKED: try checkChunks(of: dataset, storage)
        default: break
        }
        guard shape.isVariable, try dataset.isReadable(), let grid = try dataset.grid(),
            grid.blockBytes <= ContentsCheck.blockLimit
        else { return }
        // Blocks that were never written cost no bytes, only time.
        var blocks = 100_000
        let start = virtual.bytesRead
        let allowed = variableBytes
        try dataset.forEachBlock(of: grid, shape) { (_, _, _) throws(TensorFileError) in
            blocks -= 1
            return blocks > 0 && virtual.bytesRead - start < allowed
        }
        variableBytes -= min(variableBytes, virtual.bytesRead - start)
    }

    /// Walks over the chunk index. `BlockInspector` checks all addresses in those of the old format; newer ones have
    /// checksums.
    private mutating func checkChunks(
        of dataset: borrowing DatasetStorage, _ storage: StorageBounds
    ) throws(TensorFileError) {
        let path = dataset.path
        var count: hsize_t = 0
        try HDF5.check(
            H5Dget_num_chunks(dataset.id, dataset.space.id, &count), "read the chunk index of '\(path)'")
        let looked = min(Int(clamping: count), ContentsCheck.lookupsPerDataset, lookups)
        lookups -= looked
        for index in 0..<looked {
            var (address, size, filters) = (CHDF5_noAddress(), hsize_t(0), UInt32(0))
            try HDF5.check(
                H5Dget_chunk_info(dataset.id, dataset.space.id, hsize_t(index), nil, &filters, &address, &size),
                "read the chunk index of '\(path)'")
            guard address != CHDF5_noAddress() else { continue }
            try storage.check(UInt64(address), UInt64(size), "chunk \(index) of '\(path)'")
        }
    }
}
