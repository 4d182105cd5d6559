// How a computed dataset is stored in chunks.

/// Chunks of one size that follow each other in the file, in the order of the elements: so where each is, is
/// arithmetic. The dataset has one dimension, which readers see as unlimited.
public struct ChunkedStorage: Hashable, Codable, Sendable {
    /// Elements of each chunk, also of the last one: what of it lies beyond the dataset is there and not looked at.
    public var elements: Int
    /// Bytes of each chunk in the file.
    public var byteCount: Int
    /// The filter that unpacks it; nil for elements as they are.
    public var filter: ChunkFilter?

    public init(elements: Int, byteCount: Int, filter: ChunkFilter? = nil) {
        self.elements = elements
        self.byteCount = byteCount
        self.filter = filter
    }

    /// How many chunks `count` elements are.
    public func chunkCount(of count: Int) -> Int {
        count / max(1, elements) + (count % max(1, elements) > 0 ? 1 : 0)
    }
}

/// Where the bytes of computed datasets are, and the indexes of those in chunks: one after the other, first all
/// datasets, then all indexes. No sum traps: shapes may come from a file.
struct StoragePlaces {
    /// Where each dataset's bytes begin, also of those that have none.
    let offsets: [Int64]
    let indexes: [ChunkIndex]
    /// Where the last of all this ends.
    let end: Int64

    init(_ datasets: [ComputedDataset], from start: Int64) {
        var next = start
        func take(_ bytes: Int64) -> Int64 {
            defer { next = next.addingReportingOverflow(bytes).partialValue }
            return next
        }
        offsets = datasets.map { take($0.storedBytes) }
        var indexes: [ChunkIndex] = []
        for (number, dataset) in datasets.enumerated() {
            guard let chunks = dataset.chunks, dataset.chunkCount > 0 else { continue }
            var index = ChunkIndex(
                dataset: number, offset: next, chunkCount: dataset.chunkCount, chunks: chunks,
                elementSize: dataset.type.size, dataOffset: offsets[number])
            index.offset = take(index.byteCount)
            indexes.append(index)
        }
        self.indexes = indexes
        end = next
    }
}
