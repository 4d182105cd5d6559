// A dataset of one dimension that users added, as a curve: few enough points to draw.

import CHDF5

/// A curve of numbers. What is no finite number is nil.
public struct AddedSeries: Codable, Hashable, Sendable {
    /// Elements of the dataset.
    public var count: Int
    /// All elements, where there are few enough.
    public var values: [Double?]?
    /// Else the least and the greatest of each of equal parts.
    public var minimum: [Double?]?
    public var maximum: [Double?]?
}

extension AddedContents {
    /// More elements than anybody has frames.
    private static let mostElements = 200_000_000

    /// The elements of a dataset of one dimension that users added to `file`, thinned where there are more than
    /// `points`.
    ///
    /// Errors: `.notFound` when there is no such dataset, or it holds something else; `.libraryFailed`, `.invalidFile`,
    /// `.fileUnreadable`.
    public static func series(
        _ file: any RandomAccessFile, _ expected: FileExpectation, dataset path: String, points: Int
    ) throws(TensorFileError) -> AddedSeries {
        try HDF5.serially { () throws(TensorFileError) in
            try VirtualFile.withFile(file, computed: expected.computedRange) { (source, _) throws(TensorFileError) in
                let own = OwnPaths(expected.ownPaths)
                guard !own.all.contains(path), let address = try own.address(of: path, in: source) else {
                    throw TensorFileError(.notFound, "nothing called '\(path)' was added")
                }
                let object = try OpenObject(source, at: address, path: path)
                guard object.kind == .dataset else { throw TensorFileError(.notFound, "'\(path)' is no dataset") }
                let storage = try DatasetStorage(object, path)
                guard let shape = try storage.shape(), shape.count == 1, let elements = NumberElements(storage.type.id),
                    shape[0] <= hsize_t(mostElements), try storage.isReadable()
                else {
                    throw TensorFileError(
                        .notFound,
                        "'\(path)' is no list of at most \(mostElements) numbers that is stored in this file")
                }
                return try series(storage, Int(shape[0]), elements, points: max(1, points))
            }
        }
    }

    private static func series(
        _ storage: borrowing DatasetStorage, _ count: Int, _ elements: NumberElements, points: Int
    ) throws(TensorFileError) -> AddedSeries {
        var curve = Curve(count: count, points: points)
        // As many as a chunk has, which is decoded as a whole.
        let chunk = try storage.chunkShape(rank: 1).map { Int(clamping: $0[0]) } ?? 0
        let block = max(1 << 16, min(chunk, 1 << 24))
        let file = try HDF5Identifier(H5Scopy(storage.space.id), H5Sclose, "copy a dataspace")
        for start in stride(from: 0, to: count, by: block) {
            let length = min(block, count - start)
            let memory = try HDF5Identifier(
                H5Screate_simple(1, [hsize_t(length)], nil), H5Sclose, "make a dataspace")
            try HDF5.check(
                H5Sselect_hyperslab(file.id, H5S_SELECT_SET, [hsize_t(start)], nil, [hsize_t(length)], nil),
                "select elements of '\(storage.path)'")
            let values = try elements.read(storage.id, storage.type.id, memory.id, file.id, length, storage.path)
            for (place, value) in values.enumerated() { curve.add(value, at: start + place) }
        }
        return curve.series
    }
}

/// How a dataset's elements become numbers.
private enum NumberElements {
    /// libhdf5 converts them.
    case number
    /// h5py's booleans: an enumeration of a byte.
    case byte

    /// nil for elements that are no numbers.
    init?(_ type: hid_t) {
        switch H5Tget_class(type) {
        case H5T_INTEGER, H5T_FLOAT: self = .number
        case H5T_ENUM where H5Tget_size(type) == 1: self = .byte
        default: return nil
        }
    }

    func read(
        _ dataset: hid_t, _ type: hid_t, _ memory: hid_t, _ file: hid_t, _ count: Int, _ path: String
    ) throws(TensorFileError) -> [Double] {
        switch self {
        case .number:
            var values = [Double](repeating: 0, count: count)
            try HDF5.check(
                H5Dread(dataset, CHDF5_nativeFloat64(), memory, file, CHDF5_default(), &values), "read '\(path)'")
            return values
        case .byte:
            var values = [Int8](repeating: 0, count: count)
            try HDF5.check(H5Dread(dataset, type, memory, file, CHDF5_default(), &values), "read '\(path)'")
            return values.map { Double($0) }
        }
    }
}

/// Elements as they come, thinned.
private struct Curve {
    private let count: Int
    private let isThinned: Bool
    private var minimum: [Double?]
    private var maximum: [Double?]

    init(count: Int, points: Int) {
        self.count = count
        isThinned = count > points
        minimum = Array(repeating: nil, count: min(count, points))
        maximum = isThinned ? minimum : []
    }

    mutating func add(_ value: Double, at place: Int) {
        guard value.isFinite else { return }
        guard isThinned else {
            minimum[place] = value
            return
        }
        let part = place * minimum.count / count
        minimum[part] = min(minimum[part] ?? value, value)
        maximum[part] = max(maximum[part] ?? value, value)
    }

    var series: AddedSeries {
        isThinned
            ? AddedSeries(count: count, minimum: minimum, maximum: maximum)
            : AddedSeries(count: count, values: minimum)
    }
}
