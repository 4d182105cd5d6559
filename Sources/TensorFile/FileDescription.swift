// What a virtual file holds, before anything is laid out: any datasets, all of which are computed.

/// A dataset of a virtual file: contiguous, without filters, if it is not in chunks.
public struct DatasetDescription: Sendable {
    /// From the root, without a slash before it: `data`, `events/x`. Groups on the way are made.
    public var path: String
    public var type: DatasetType
    /// Empty for a single value.
    public var shape: [Int]
    /// Bytes of it that are computed at a time, 1 or more where there are elements.
    public var blockBytes: Int
    /// nil for a contiguous one. The chunks' bytes are what is computed then, and filters are nobody's business here.
    public var chunks: ChunkedStorage?
    /// In the order in which they are created.
    public var attributes: [(name: String, value: AttributeValue)]

    public init(
        _ path: String, _ type: DatasetType, shape: [Int], blockBytes: Int,
        chunks: ChunkedStorage? = nil, attributes: [(name: String, value: AttributeValue)] = []
    ) {
        self.path = path
        self.type = type
        self.shape = shape
        self.blockBytes = blockBytes
        self.chunks = chunks
        self.attributes = attributes
    }

    /// Bytes that it has in the file, without the index of its chunks; nil when that is more than a number can be, or
    /// a length is negative.
    var byteCount: Int? {
        if let chunks {
            guard let count = shape.first, count >= 0 else { return nil }
            let (bytes, overflow) = chunks.chunkCount(of: count).multipliedReportingOverflow(by: chunks.byteCount)
            return overflow ? nil : bytes
        }
        var bytes = type.size
        for length in shape {
            guard length >= 0 else { return nil }
            let product = bytes.multipliedReportingOverflow(by: length)
            if product.overflow { return nil }
            bytes = product.partialValue
        }
        return bytes
    }
}

/// Everything a virtual file's layout follows from: equal descriptions give equal bytes.
public struct FileDescription: Sendable {
    /// In the order of the file; their places here are the numbers that a `FileMap` gives them. A dataset is aligned to
    /// its elements when those before it have as large ones, or larger.
    public var datasets: [DatasetDescription]
    /// Attributes of the root group, in the order in which they are created.
    public var rootAttributes: [(name: String, value: AttributeValue)]

    public init(
        datasets: [DatasetDescription], rootAttributes: [(name: String, value: AttributeValue)] = []
    ) {
        self.datasets = datasets
        self.rootAttributes = rootAttributes
    }

    /// The datasets as an expectation has them.
    public var computedDatasets: [ComputedDataset] {
        datasets.map { ComputedDataset(path: $0.path, type: $0.type, shape: $0.shape, chunks: $0.chunks) }
    }

    /// Bytes of all datasets and of the indexes of their chunks; nil when no file can hold them.
    public var computedBytes: Int64? {
        var sum: Int64 = 0
        for dataset in datasets {
            guard let bytes = dataset.byteCount else { return nil }
            let (next, overflow) = sum.addingReportingOverflow(Int64(bytes))
            guard !overflow, next < Int64.max / 2 else { return nil }
            sum = next
        }
        // An index is far smaller than its chunks.
        return StoragePlaces(computedDatasets, from: 0).end
    }

    /// Whether a dataset is in chunks.
    var isChunked: Bool { datasets.contains { $0.chunks != nil } }

    /// What must still hold of the file, laid out as `layout`, after users wrote to it.
    public func expectation(_ layout: FileLayout) -> FileExpectation {
        FileExpectation(
            dataOffset: layout.dataOffset, tailOffset: layout.map.tailOffset,
            datasets: computedDatasets)
    }

    /// Throws when the datasets do not fit a file.
    func check() throws(TensorFileError) {
        // Head and tail stay far below 2^40 bytes: leave them that room.
        var room = Int.max - (1 << 40)
        for dataset in datasets {
            guard let bytes = dataset.byteCount, bytes <= room else {
                throw TensorFileError(
                    .tooLarge,
                    "the dataset '/\(dataset.path)' of shape \(dataset.shape) is larger than a file can be")
            }
            room -= bytes
            guard dataset.blockBytes >= 1 || bytes == 0 else {
                throw TensorFileError(
                    .invalidDescription, "the dataset '/\(dataset.path)' has \(bytes) bytes in blocks of none")
            }
            guard let chunks = dataset.chunks else { continue }
            // An index has 32 bits for the bytes of a chunk.
            guard dataset.shape.count == 1, (1...Int(UInt32.max)).contains(chunks.elements),
                (1...Int(UInt32.max)).contains(chunks.byteCount)
            else {
                throw TensorFileError(
                    .invalidDescription,
                    "the dataset '/\(dataset.path)' of shape \(dataset.shape) cannot be in chunks of \(chunks.elements) elements and \(chunks.byteCount) bytes"
                )
            }
        }
    }
}
