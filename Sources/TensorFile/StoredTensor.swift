// Reading the tensor of any HDF5 file that has one: of a mount, of `evh5 generate`, of Metavision's generate_hdf5.

import CHDF5

/// An attribute's value as it is read.
public enum StoredValue: Hashable, Sendable {
    case text(String)
    /// Integers, floating point numbers and booleans (0 and 1).
    case number(Double)
    case boolean(Bool)
    case numbers([Double])
}

/// The dataset `/data` of an existing file; opened for each call, so that nothing is held between them.
public struct StoredTensor: Sendable {
    public let path: String
    /// N.
    public let frameCount: Int
    /// (C, H, W).
    public let frameShape: [Int]
    /// With NumPy's names: "float32".
    public let elementType: String
    /// Of `/data`, by name, those that are text, numbers or booleans.
    public let attributes: [(name: String, value: StoredValue)]

    /// Elements of a frame: 1 GB of float32.
    private static let largestFrame = 1 << 28

    /// - Throws: `.libraryFailed` when it is no HDF5 file or cannot be opened, `.invalidFile` when it has no tensor.
    public init(path: String) throws(TensorFileError) {
        self.path = path
        var attributes: [(name: String, value: StoredValue)] = []
        let (shape, type) = try Self.open(path) { dataset throws(TensorFileError) in
            attributes = try AttributeReader.all(of: dataset)
            let type = try HDF5Identifier(H5Dget_type(dataset), H5Tclose, "look at the datatype of '/data'")
            return (try Self.shape(of: dataset, path), TypeText.of(type.id))
        }
        guard type.hasPrefix("float") || type.hasPrefix("int") || type.hasPrefix("uint") else {
            throw TensorFileError(.invalidFile, "/data of '\(path)' holds no numbers but \(type)")
        }
        frameCount = shape[0]
        frameShape = Array(shape[1...])
        elementType = type
        self.attributes = attributes
    }

    /// The elements of a frame in row-major order, whatever type they have in the file.
    ///
    /// - Throws: `.libraryFailed` when it cannot be read, `.invalidFile` when the tensor has another shape by now.
    public func frame(_ index: Int) throws(TensorFileError) -> [Float] {
        try Self.open(path) { dataset throws(TensorFileError) in
            guard try Self.shape(of: dataset, path) == [frameCount] + frameShape, (0..<frameCount).contains(index)
            else {
                throw TensorFileError(.invalidFile, "'\(path)' changed while it was read")
            }
            let space = try HDF5Identifier(H5Dget_space(dataset), H5Sclose, "look at the dataspace of '/data'")
            let block = [1] + frameShape.map { hsize_t($0) }
            let start: [hsize_t] = [hsize_t(index), 0, 0, 0]
            try HDF5.check(
                H5Sselect_hyperslab(space.id, H5S_SELECT_SET, start, nil, block, nil), "select a frame of '/data'")
            let memory = try HDF5Identifier(H5Screate_simple(4, block, nil), H5Sclose, "make a dataspace")
            var values = [Float](repeating: 0, count: frameShape.reduce(1, *))
            try HDF5.check(
                H5Dread(dataset, CHDF5_nativeFloat32(), memory.id, space.id, CHDF5_default(), &values),
                "read frame \(index) of '\(path)'")
            return values
        }
    }

    /// The time of a frame in a dataset of times, `last_timestamps` or `starts`, us from the file's start; nil when it
    /// has none for the frame.
    public func time(of index: Int, in name: String) throws(TensorFileError) -> Int64? {
        try Self.open(path, name) { dataset throws(TensorFileError) -> Int64? in
            let space = try HDF5Identifier(H5Dget_space(dataset), H5Sclose, "look at the dataspace of a dataset")
            guard H5Sget_simple_extent_ndims(space.id) == 1, H5Sget_simple_extent_npoints(space.id) > index else {
                return nil
            }
            try HDF5.check(
                H5Sselect_hyperslab(space.id, H5S_SELECT_SET, [hsize_t(index)], nil, [1], nil), "select an element")
            let memory = try HDF5Identifier(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace")
            var value: Int64 = 0
            try HDF5.check(
                H5Dread(dataset, CHDF5_nativeInt64(), memory.id, space.id, CHDF5_default(), &value),
                "read '/\(name)' of '\(path)'")
            return value
        }
    }

    private static func open<R: Sendable>(
        _ path: String, _ name: String = "data", _ body: (hid_t) throws(TensorFileError) -> R
    ) throws(TensorFileError) -> R {
        try HDF5.serially { () throws(TensorFileError) in
            let file = try HDF5Identifier(
                H5Fopen(path, CHDF5_readOnly(), CHDF5_default()), H5Fclose, "open '\(path)'")
            guard H5Lexists(file.id, name, CHDF5_default()) > 0 else {
                throw TensorFileError(.invalidFile, "'\(path)' has no dataset /\(name)")
            }
            let dataset = try HDF5Identifier(
                H5Dopen2(file.id, name, CHDF5_default()), H5Dclose, "open /\(name) of '\(path)'")
            let chunkBytes = try chunkBytes(of: dataset.id, name)
            return try ChunkFormat.reading(chunkBytes: chunkBytes) { () throws(TensorFileError) in
                try body(dataset.id)
            }
        }
    }

    /// Bytes of an unpacked chunk; 0 for a dataset without, and for more than a number can be.
    private static func chunkBytes(of dataset: hid_t, _ name: String) throws(TensorFileError) -> Int {
        let properties = try HDF5Identifier(
            H5Dget_create_plist(dataset), H5Pclose, "look at the storage of '/\(name)'")
        guard H5Pget_layout(properties.id) == H5D_CHUNKED else { return 0 }
        let type = try HDF5Identifier(H5Dget_type(dataset), H5Tclose, "look at the datatype of '/\(name)'")
        var lengths = [hsize_t](repeating: 1, count: Int(H5S_MAX_RANK))
        try HDF5.check(
            H5Pget_chunk(properties.id, H5S_MAX_RANK, &lengths), "look at the storage of '/\(name)'")
        return lengths.reduce(H5Tget_size(type.id)) { bytes, length in
            let (product, overflow) = bytes.multipliedReportingOverflow(by: Int(clamping: length))
            return overflow ? 0 : product
        }
    }

    /// (N, C, H, W).
    private static func shape(of dataset: hid_t, _ path: String) throws(TensorFileError) -> [Int] {
        let space = try HDF5Identifier(H5Dget_space(dataset), H5Sclose, "look at the dataspace of '/data'")
        var shape = [hsize_t](repeating: 0, count: 4)
        guard H5Sget_simple_extent_ndims(space.id) == 4, H5Sget_simple_extent_dims(space.id, &shape, nil) == 4 else {
            throw TensorFileError(
                .invalidFile, "/data of '\(path)' has no four dimensions: frames, channels, rows, columns")
        }
        var (elements, overflow) = (UInt64(1), false)
        for length in shape[1...] {
            let product = elements.multipliedReportingOverflow(by: UInt64(length))
            (elements, overflow) = (product.partialValue, overflow || product.overflow)
        }
        guard elements > 0, !overflow, elements <= largestFrame, shape[0] < 1 << 48 else {
            throw TensorFileError(
                .invalidFile,
                "/data of '\(path)' has frames of \(shape[1...].map(Int.init)) elements, too few or too many")
        }
        return shape.map { Int($0) }
    }
}
