// A tensor, frame by frame.

import Datasets
import TensorFile
import Tensors

struct TensorSource: ContentSource {
    let datasets: [ChunkedDataset]
    let rootAttributes: [(name: String, value: AttributeValue)]
    private let plan: TensorPlan
    private let times: [StoredDataset]

    /// Frames from which on it is worth finding out how they are packed best.
    private static let manyFrames = 16

    /// - Throws: `TensorFileError` when no file can hold it.
    init(
        _ plan: TensorPlan, _ description: TensorFileDescription, _ compression: ChunkCompression
    ) throws(TensorFileError) {
        let stored = try description.stored(
            filters: compression.filters(
                chunkBytes: plan.frameBytes, elementBytes: description.elementType.size, shuffle: 1))
        datasets = [ChunkedDataset(stored: stored.data, packing: .compressed(shuffle: 1), quickCost: 20)]
        rootAttributes = description.rootAttributes
        times = stored.times
        self.plan = plan
    }

    var unitCount: Int { plan.frameCount }

    func unit(_ index: Int) -> ContentUnit {
        let chunk = ContentUnit.Chunk(dataset: 0, start: [index, 0, 0, 0], bytes: 0..<plan.frameBytes)
        return ContentUnit(byteCount: plan.frameBytes, chunks: [chunk], storedBytes: Int64(plan.frameBytes))
    }

    func render(_ index: Int, into memory: UnsafeMutableRawBufferPointer) throws {
        try plan.render(frame: index, into: memory)
    }

    var sample: Int? { plan.frameCount >= TensorSource.manyFrames ? plan.frameCount / 2 : nil }

    func whole() throws -> [(dataset: StoredDataset, bytes: [UInt8])] {
        zip(times, try plan.allTimes()).map { dataset, times in
            (dataset, times.map(\.littleEndian).withUnsafeBytes { [UInt8]($0) })
        }
    }

    var amount: ContentAmount { .frames([plan.frameCount, plan.channels, plan.height, plan.width]) }
    var byteCount: Int64 { Int64(plan.frameCount) * Int64(plan.frameBytes) }
}
