// Which bytes of a virtual file are what: metadata that libhdf5 wrote, or blocks of datasets that are computed. Knows
// nothing of how the metadata came to be.

/// The regions of a virtual file. They follow each other without gaps: the head, the bytes of the computed datasets one
/// after the other, the indexes of those in chunks, the tail.
public struct FileMap: Hashable, Sendable {
    /// The bytes of a computed dataset.
    public struct Dataset: Hashable, Sendable {
        /// Where they begin in the file.
        public let offset: Int64
        public let byteCount: Int64
        /// Bytes that are computed at a time; the last block may have fewer. 1 or more where there are bytes.
        public let blockBytes: Int

        public var end: Int64 { offset + byteCount }
    }

    /// The computed datasets in the order of the file, also those without bytes.
    public let datasets: [Dataset]
    /// The indexes of the chunks of those that are in chunks, in the order of the file.
    public let indexes: [ChunkIndex]
    /// Where the first of them begins: the bytes of the head.
    public let dataOffset: Int64
    /// Where the tail begins: where the last of all that is computed ends.
    public let tailOffset: Int64
    /// Bytes of the whole file.
    public let size: Int64

    /// The map of a file whose numbers were checked not to overflow, with the computed datasets of `description` from
    /// `dataOffset` on.
    ///
    /// - Parameter size: where it ends; nil is without a tail.
    init(dataOffset: Int64, _ description: FileDescription, size: Int64? = nil) {
        let places = StoragePlaces(description.computedDatasets, from: dataOffset)
        let datasets = zip(description.datasets, places.offsets).map { dataset, offset in
            Dataset(
                offset: offset, byteCount: Int64(dataset.byteCount ?? 0), blockBytes: max(1, dataset.blockBytes))
        }
        self.init(
            dataOffset: dataOffset, datasets: datasets, indexes: places.indexes, tailOffset: places.end,
            size: size ?? places.end)
    }

    private init(dataOffset: Int64, datasets: [Dataset], indexes: [ChunkIndex], tailOffset: Int64, size: Int64) {
        self.dataOffset = dataOffset
        self.datasets = datasets
        self.indexes = indexes
        self.tailOffset = tailOffset
        self.size = size
    }

    /// The map of the same file with a longer or shorter tail, or none: it ends at `size`, `tailOffset` or more.
    public func ending(at size: Int64) -> FileMap {
        FileMap(
            dataOffset: dataOffset, datasets: datasets, indexes: indexes, tailOffset: tailOffset,
            size: max(size, tailOffset))
    }

    /// A run of bytes that come from one place.
    public enum Piece: Hashable, Sendable {
        /// These bytes of the file, all in the head or all in the tail.
        case metadata(Range<Int64>)
        /// Bytes `range` of block `index` of a computed dataset.
        case block(dataset: Int, index: Int, range: Range<Int>)
        /// Bytes `range` of the index number `number` of chunks.
        case chunkIndex(number: Int, range: Range<Int64>)

        /// The number of bytes.
        public var count: Int {
            switch self {
            case .metadata(let range), .chunkIndex(_, let range): Int(range.upperBound - range.lowerBound)
            case .block(_, _, let range): range.count
            }
        }
    }

    /// The pieces of the bytes in `range`, in order; what of it lies outside the file is left out.
    public func pieces(in range: Range<Int64>) -> [Piece] {
        var pieces: [Piece] = []
        let range = range.clamped(to: 0..<size)
        guard !range.isEmpty else { return pieces }
        let head = range.clamped(to: 0..<dataOffset)
        if !head.isEmpty { pieces.append(.metadata(head)) }
        for (number, dataset) in datasets.enumerated() {
            let bytes = range.clamped(to: dataset.offset..<dataset.end)
            guard !bytes.isEmpty else { continue }
            let end = Int(bytes.upperBound - dataset.offset)
            var position = Int(bytes.lowerBound - dataset.offset)
            while position < end {
                let index = position / dataset.blockBytes
                let start = index * dataset.blockBytes
                let stop = min(end - start, dataset.blockBytes)
                pieces.append(.block(dataset: number, index: index, range: (position - start)..<stop))
                position = start + stop
            }
        }
        for (number, index) in indexes.enumerated() {
            let bytes = range.clamped(to: index.offset..<index.end)
            guard !bytes.isEmpty else { continue }
            pieces.append(
                .chunkIndex(
                    number: number, range: bytes.lowerBound - index.offset..<bytes.upperBound - index.offset))
        }
        let tail = range.clamped(to: tailOffset..<size)
        if !tail.isEmpty { pieces.append(.metadata(tail)) }
        return pieces
    }
}
