// A recording's events, a block of all their columns at a time, and what belongs to them.

import EventFiles
import TensorFile

struct EventsSource: ContentSource {
    /// Units that come one after the other: some blocks of the plan each, or pieces of a dataset that is in none.
    private enum Series {
        case blocks(EventBlocks, each: Int, count: Int)
        case pieces(dataset: Int, count: Int)

        var count: Int {
            switch self {
            case .blocks(_, _, let count), .pieces(_, let count): count
            }
        }
    }

    let datasets: [ChunkedDataset]
    let rootAttributes: [(name: String, value: AttributeValue)]
    let byteCount: Int64
    private let plan: EventsPlan
    private let series: [Series]
    /// For each dataset of the plan its place in `datasets`; nil for a single value.
    private let places: [Int?]
    private let values: [(number: Int, description: DatasetDescription)]

    /// Events of a chunk. A chunk is unpacked whole, whatever is read of it. Read by h5py, 2500 events anywhere take
    /// 0.7 ms, 25,000 1.1 ms; with chunks of 2^16 1.2 and 1.5 ms, with 2^13 0.3 and 0.8 ms. Whole reads are as fast
    /// with each. Files are 1 % smaller with 2^16, 4 % larger with 2^13.
    static let chunkLength = 1 << 15
    /// Bytes of an index of times. 4 GiB are an entry for each ms of six days: times beyond are a damaged recording's.
    private static let largestIndex: Int64 = 1 << 32
    /// Packing takes several times as long as decoding: where a column may grow by a tenth, a file of a dense recording
    /// is 7 % larger and takes 30 % less processor time. With a fifth, a real one grew by 14 %.
    private static let quickCost = 10
    /// Blocks from which on it is worth finding out how columns are packed best.
    private static let manyBlocks = 4

    /// - Throws: `.recordingUnusable` where times are too far apart for an index of them.
    init(
        _ plan: EventsPlan, _ description: FileDescription, _ compression: ChunkCompression
    ) throws(GenerationError) {
        var datasets: [ChunkedDataset] = []
        var values: [(number: Int, description: DatasetDescription)] = []
        var places: [Int?] = []
        let isPacked = plan.measure.spec.layout == .ecf
        var series: [Series] = EventBlocks.allCases.map { kind in
            let each = isPacked ? EventsSource.blocksOfChunk(plan, kind) : 1
            return .blocks(kind, each: each, count: (plan.count(kind) + each - 1) / each)
        }
        var byteCount: Int64 = 0
        for (number, dataset) in description.datasets.enumerated() {
            guard let count = dataset.shape.first else {
                values.append((number, dataset))
                places.append(nil)
                continue
            }
            let kind = plan.place(ofDataset: number)?.kind
            let bytes = Int64(count) * Int64(dataset.type.size)
            guard kind == .events || bytes <= EventsSource.largestIndex else {
                throw GenerationError(
                    .recordingUnusable,
                    "its times go so far that '/\(dataset.path)' would have \(count) entries: it may be damaged, `evh5 info` tells"
                )
            }
            byteCount += bytes
            places.append(datasets.count)
            let chunked =
                isPacked
                ? EventsSource.chunked(dataset, asECF: kind == .events)
                : EventsSource.chunked(dataset, count, compression)
            datasets.append(chunked)
            if kind == nil {
                let length = EventsSource.pieceLength(chunked.stored)
                series.append(.pieces(dataset: number, count: (count + length - 1) / length))
            }
        }
        self.datasets = datasets
        self.values = values
        self.places = places
        self.series = series
        self.byteCount = byteCount
        self.plan = plan
        rootAttributes = description.rootAttributes
    }

    private static func chunked(
        _ dataset: DatasetDescription, _ count: Int, _ compression: ChunkCompression
    ) -> ChunkedDataset {
        // Blocks are whole chunks; what fits one block is one chunk.
        let block = dataset.blockBytes / dataset.type.size
        let length = count <= min(block, chunkLength) ? max(1, count) : min(block, chunkLength)
        let size = dataset.type.size
        let shuffle = compression.takesShuffle ? size : 1
        let filters = compression.filters(chunkBytes: length * size, elementBytes: size, shuffle: shuffle)
        return ChunkedDataset(
            stored: StoredDataset(dataset, chunk: [length], filters: filters),
            packing: .compressed(shuffle: shuffle), quickCost: EventsSource.quickCost)
    }

    /// As OpenEB's C++ reader wants it: all chunks of one length, and none packed but those of the events, all of which
    /// are.
    private static func chunked(_ dataset: DatasetDescription, asECF: Bool) -> ChunkedDataset {
        ChunkedDataset(
            stored: StoredDataset(dataset, chunk: [ECFEncoder.chunkLength], filters: asECF ? [.ecf] : []),
            packing: asECF ? .ecf : .none, quickCost: EventsSource.quickCost)
    }

    /// Blocks that it takes for a chunk of that length; where a block is several chunks, 1.
    private static func blocksOfChunk(_ plan: EventsPlan, _ kind: EventBlocks) -> Int {
        max(1, ECFEncoder.chunkLength * recordSize / max(1, plan.byteCount(kind)))
    }

    /// Bytes of an event, and of an entry of the index, in Prophesee's files.
    private static let recordSize = 16

    /// Elements of a dataset in no blocks that are made at a time: whole chunks.
    private static func pieceLength(_ stored: StoredDataset) -> Int {
        max(stored.description.blockBytes / stored.description.type.size, stored.chunk.first ?? 1)
    }

    var unitCount: Int { series.reduce(0) { $0 + $1.count } }

    /// The series of a unit, and which of its units it is.
    private func place(_ index: Int) -> (series: Series, index: Int) {
        var index = index
        for one in series {
            if index < one.count { return (one, index) }
            index -= one.count
        }
        preconditionFailure("there is no such unit")
    }

    func unit(_ index: Int) -> ContentUnit {
        let (series, index) = place(index)
        switch series {
        case .blocks(let kind, 1, _):
            let parts = plan.parts(ofBlock: index, kind)
            return ContentUnit(
                byteCount: plan.byteCount(kind), chunks: parts.flatMap { chunks($0.dataset, $0.bytes, at: $0.offset) },
                storedBytes: parts.reduce(0) { $0 + Int64($1.bytes.count) })
        case .blocks(let kind, let each, _):
            // Of one dataset, without gaps.
            let parts = blocks(kind, index, each).flatMap { plan.parts(ofBlock: $0, kind) }
            guard let first = parts.first, let last = parts.last else { preconditionFailure("there is no such unit") }
            let range = first.bytes.lowerBound..<last.bytes.upperBound
            return ContentUnit(
                byteCount: each * plan.byteCount(kind), chunks: chunks(first.dataset, range, at: 0),
                storedBytes: Int64(range.count))
        case .pieces(let dataset, _):
            let (range, whole) = piece(dataset, index)
            return ContentUnit(
                byteCount: whole, chunks: chunks(dataset, range, at: 0), storedBytes: Int64(range.count))
        }
    }

    /// The blocks of a unit; fewer in the last one.
    private func blocks(_ kind: EventBlocks, _ unit: Int, _ each: Int) -> Range<Int> {
        unit * each..<min(plan.count(kind), (unit + 1) * each)
    }

    /// The bytes of a dataset that are piece `index` of it, and those of its chunks.
    private func piece(_ dataset: Int, _ index: Int) -> (bytes: Range<Int64>, whole: Int) {
        guard let place = places[dataset] else { preconditionFailure("a single value has no pieces") }
        let stored = datasets[place].stored
        let size = stored.description.type.size
        let block = Int64(EventsSource.pieceLength(stored) * size)
        let end = Int64((stored.description.shape.first ?? 0) * size)
        let range = Int64(index) * block..<min(end, Int64(index + 1) * block)
        let chunk = (stored.chunk.first ?? 1) * size
        return (range, (range.count + chunk - 1) / chunk * chunk)
    }

    /// The chunks of a dataset's bytes `range`, which begin at `offset` of the unit's memory.
    private func chunks(_ dataset: Int, _ range: Range<Int64>, at offset: Int) -> [ContentUnit.Chunk] {
        guard let place = places[dataset] else { return [] }
        let stored = datasets[place].stored
        let size = stored.description.type.size
        let length = (stored.chunk.first ?? 1) * size
        let first = Int(range.lowerBound) / size
        return stride(from: 0, to: range.count, by: length).map { done in
            ContentUnit.Chunk(
                dataset: place, start: [first + done / size], bytes: offset + done..<offset + done + length)
        }
    }

    func render(_ index: Int, into memory: UnsafeMutableRawBufferPointer) throws {
        let (series, index) = place(index)
        switch series {
        case .blocks(let kind, let each, _):
            let size = plan.byteCount(kind)
            let blocks = blocks(kind, index, each)
            for (place, block) in blocks.enumerated() {
                try plan.render(
                    kind, block,
                    into: UnsafeMutableRawBufferPointer(rebasing: memory[place * size..<(place + 1) * size]))
            }
            UnsafeMutableRawBufferPointer(rebasing: memory[(blocks.count * size)...])
                .initializeMemory(as: UInt8.self, repeating: 0)
        case .pieces(let dataset, _):
            let bytes = plan.bytes(ofDataset: dataset, piece(dataset, index).bytes)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            memory.copyBytes(from: bytes)
        }
    }

    var sample: Int? {
        let blocks = plan.measure.spec.layout == .ecf ? 0 : plan.count(.events)
        return blocks >= EventsSource.manyBlocks ? blocks / 2 : nil
    }

    func whole() -> [(dataset: StoredDataset, bytes: [UInt8])] {
        values.map { number, description in
            (StoredDataset(description), plan.bytes(ofDataset: number, 0..<Int64(description.type.size)))
        }
    }

    var amount: ContentAmount { .events(plan.eventCount) }
}
