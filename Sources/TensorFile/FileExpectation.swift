// What a virtual file must still be after users wrote to it.

/// A dataset that nobody may change.
public struct ComputedDataset: Hashable, Codable, Sendable {
    /// From the root, without a slash before it.
    public var path: String
    public var type: DatasetType
    public var shape: [Int]
    /// nil for a contiguous one.
    public var chunks: ChunkedStorage?

    public init(path: String, type: DatasetType, shape: [Int], chunks: ChunkedStorage? = nil) {
        self.path = path
        self.type = type
        self.shape = shape
        self.chunks = chunks
    }

    /// 0 for a contiguous one.
    var chunkCount: Int { chunks?.chunkCount(of: max(0, shape.first ?? 0)) ?? 0 }

    /// Bytes that it has in the file, without the index of its chunks.
    public var storedBytes: Int64 {
        guard let chunks else { return byteCount }
        let (bytes, overflow) = Int64(chunkCount).multipliedReportingOverflow(by: Int64(max(0, chunks.byteCount)))
        return overflow ? .max : bytes
    }

    /// Bytes of all elements. Shapes may come from a file, so no sum traps.
    public var byteCount: Int64 {
        shape.reduce(Int64(type.size)) { bytes, length in
            let (product, overflow) = bytes.multipliedReportingOverflow(by: Int64(max(0, length)))
            return overflow ? .max : product
        }
    }
}

/// The part of a virtual file that nobody may change: where the computed datasets are, and what they look like.
public struct FileExpectation: Hashable, Sendable {
    /// Where the first computed dataset begins.
    public var dataOffset: Int64
    /// Where the last one ends.
    public var tailOffset: Int64
    /// One after the other from `dataOffset` on.
    public var datasets: [ComputedDataset]

    public init(dataOffset: Int64, tailOffset: Int64, datasets: [ComputedDataset]) {
        self.dataOffset = dataOffset
        self.tailOffset = tailOffset
        self.datasets = datasets
    }

    /// A tensor file's.
    ///
    /// - Parameter frameShape: (C, H, W).
    public init(
        dataOffset: Int64, frameCount: Int, tailOffset: Int64, hasLastTimestamps: Bool, frameShape: [Int],
        elementType: ElementKind
    ) {
        var datasets = [ComputedDataset(path: "data", type: .number(elementType), shape: [frameCount] + frameShape)]
        if hasLastTimestamps {
            datasets.append(ComputedDataset(path: "last_timestamps", type: .number(.int64), shape: [frameCount]))
        }
        self.init(dataOffset: dataOffset, tailOffset: tailOffset, datasets: datasets)
    }

    /// Bytes that are computed, not stored.
    public var computedRange: Range<Int64> { dataOffset..<max(dataOffset, tailOffset) }
    /// The paths of all datasets that are evh5's.
    var ownPaths: [String] { datasets.map(\.path) }

    /// Where the bytes of each computed dataset begin; nil for one without bytes.
    public var offsets: [Int64?] {
        zip(datasets, StoragePlaces(datasets, from: dataOffset).offsets).map { $0.storedBytes == 0 ? nil : $1 }
    }

    /// The indexes of the chunks of those in chunks that have some.
    public var chunkIndexes: [ChunkIndex] { StoragePlaces(datasets, from: dataOffset).indexes }
}

/// Kept in committed states: those of tensor files look as they did when there were no others.
extension FileExpectation: Codable {
    private enum Key: String, CodingKey {
        case dataOffset, tailOffset, datasets
        case frameBytes, frameCount, hasLastTimestamps, frameShape, elementType
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        let dataOffset = try values.decode(Int64.self, forKey: .dataOffset)
        let tailOffset = try values.decode(Int64.self, forKey: .tailOffset)
        if let datasets = try values.decodeIfPresent([ComputedDataset].self, forKey: .datasets) {
            self.init(dataOffset: dataOffset, tailOffset: tailOffset, datasets: datasets)
            return
        }
        self.init(
            dataOffset: dataOffset, frameCount: try values.decode(Int.self, forKey: .frameCount),
            tailOffset: tailOffset, hasLastTimestamps: try values.decode(Bool.self, forKey: .hasLastTimestamps),
            frameShape: try values.decode([Int].self, forKey: .frameShape),
            elementType: try values.decode(ElementKind.self, forKey: .elementType))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(dataOffset, forKey: .dataOffset)
        try container.encode(tailOffset, forKey: .tailOffset)
        guard let tensor else {
            try container.encode(datasets, forKey: .datasets)
            return
        }
        try container.encode(tensor.frameShape.reduce(tensor.elementType.size, &*), forKey: .frameBytes)
        try container.encode(tensor.frameCount, forKey: .frameCount)
        try container.encode(tensor.hasLastTimestamps, forKey: .hasLastTimestamps)
        try container.encode(tensor.frameShape, forKey: .frameShape)
        try container.encode(tensor.elementType, forKey: .elementType)
    }

    /// What a tensor file's datasets are.
    public struct Tensor: Hashable, Sendable {
        public let frameCount: Int
        /// (C, H, W).
        public let frameShape: [Int]
        public let elementType: ElementKind
        public let hasLastTimestamps: Bool
    }

    /// nil for a file of another kind.
    public var tensor: Tensor? {
        guard let data = datasets.first, data.path == "data", case .number(let kind) = data.type,
            let count = data.shape.first
        else { return nil }
        let tensor = Tensor(
            frameCount: count, frameShape: Array(data.shape.dropFirst()), elementType: kind,
            hasLastTimestamps: datasets.count > 1)
        let same = FileExpectation(
            dataOffset: dataOffset, frameCount: count, tailOffset: tailOffset,
            hasLastTimestamps: tensor.hasLastTimestamps, frameShape: tensor.frameShape, elementType: kind)
        return same == self ? tensor : nil
    }
}
