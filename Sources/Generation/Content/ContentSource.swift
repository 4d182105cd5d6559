// Where the datasets of a stored file come from.

import TensorFile

/// How much a stored file holds.
public enum ContentAmount: Hashable, Sendable {
    /// Of a tensor: frames, channels, rows, columns.
    case frames([Int])
    case events(Int64)

    /// 0 for events.
    public var frames: Int {
        if case .frames(let shape) = self { shape[0] } else { 0 }
    }

    /// 0 for frames.
    public var events: Int64 {
        if case .events(let count) = self { count } else { 0 }
    }
}

/// A dataset that is stored chunk by chunk.
struct ChunkedDataset: Sendable {
    enum Packing {
        /// As the user asked, with bytes of an element whose bytes are shuffled before; 1 where that is not done.
        case compressed(shuffle: Int)
        /// Prophesee's records, by Prophesee's codec.
        case ecf
        case none
    }

    let stored: StoredDataset
    let packing: Packing
    /// The part of its size that it may grow by where that packs it several times faster: 20 is a twentieth.
    let quickCost: Int

    /// Elements of the chunk at `start` that are in the dataset, where it has one dimension.
    func count(at start: [Int]) -> Int {
        min(stored.chunk.first ?? 1, (stored.description.shape.first ?? 1) - (start.first ?? 0))
    }
}

/// What is computed at once: a frame, a block of events with all their columns.
struct ContentUnit {
    struct Chunk {
        /// The dataset's place in `ContentSource.datasets`, and the chunk's first element.
        let dataset: Int
        let start: [Int]
        /// Where it is in the unit's memory. Always a whole chunk, whatever is behind the end of the dataset.
        let bytes: Range<Int>
    }

    /// Bytes of memory that it is computed in.
    let byteCount: Int
    let chunks: [Chunk]
    /// Bytes of the datasets that are done with it.
    let storedBytes: Int64
}

/// The content of one stored file. Units are computed by many threads; their chunks are stored in their order.
protocol ContentSource: Sendable {
    var datasets: [ChunkedDataset] { get }
    var rootAttributes: [(name: String, value: AttributeValue)] { get }
    var unitCount: Int { get }
    func unit(_ index: Int) -> ContentUnit
    /// Computes a unit and writes every byte of its memory.
    ///
    /// - Throws: `RecordingError`, or what a preprocessing of the user's own throws.
    func render(_ index: Int, into memory: UnsafeMutableRawBufferPointer) throws
    /// A unit that tells how its datasets are packed best; nil where there are too few for that to matter.
    var sample: Int? { get }
    /// Small datasets that are stored whole when all units are.
    func whole() throws -> [(dataset: StoredDataset, bytes: [UInt8])]
    var amount: ContentAmount { get }
    /// Bytes of the datasets before they are packed, those that are stored whole left out.
    var byteCount: Int64 { get }
}
