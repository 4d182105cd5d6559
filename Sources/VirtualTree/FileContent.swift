// Where the computed bytes of a file come from, block by block.

import EventFiles
import FrameStore
import Recordings
import TensorFile
import Tensors

/// Blocks of one size that the frame store keeps under one number.
struct BlockSeries: Sendable {
    /// How many there are.
    let count: Int
    /// Bytes of one as it is kept.
    let byteCount: Int
    /// Bytes that computing one takes besides.
    let scratchBytes: Int
    /// Whether other processes compute them.
    var isElsewhere = false
    /// How many of a request's are computed at a time. A request is for several only where they are small: threads pay
    /// if they are not so small that waking one takes as long.
    var atOnce = 1
    /// Whether they are kept on disk too: where that is faster than computing them again.
    var isOnDisk = true
}

/// Where bytes of a computed dataset are.
enum BlockPlace: Sendable {
    /// In block `index` of a series, in which the dataset's own bytes begin at `offset`.
    case kept(series: Int, index: Int, offset: Int)
    /// Nowhere: they are few, and made each time.
    case made
}

/// The computed datasets of one file.
protocol FileContent: Sendable {
    var series: [BlockSeries] { get }
    /// Whether the bytes that are kept are those that are read; else `expand` makes them.
    var keepsBytes: Bool { get }

    /// Where block `index` of computed dataset `dataset` is.
    func place(ofDataset dataset: Int, index: Int) -> BlockPlace
    /// Computes block `index` of a series: writes all bytes of `memory`.
    func render(series: Int, index: Int, into memory: UnsafeMutableRawBufferPointer) throws
    /// The bytes of a dataset that are nowhere.
    func make(dataset: Int, _ range: Range<Int64>) throws -> HeldBytes
    /// Makes the bytes `range` of a block of what is kept of it in `target`, which has room for three more before and
    /// after.
    ///
    /// - Returns: where in `target` they begin.
    func expand(_ kept: UnsafeRawBufferPointer, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) -> Int
    /// What computing one block is called in messages.
    var blockName: String { get }
}

/// A tensor: dataset 0 in blocks of frames, then its datasets of times.
struct TensorContent: FileContent {
    let plan: TensorPlan
    let series: [BlockSeries]

    init(_ plan: TensorPlan) {
        self.plan = plan
        series = [
            BlockSeries(
                count: plan.blocks.count, byteCount: plan.blocks.byteCount, scratchBytes: plan.scratchBytes,
                isElsewhere: plan.spec.preprocessing.runsElsewhere)
        ]
    }

    var keepsBytes: Bool { plan.keepsWholeFrames }
    var blockName: String { "a frame of \(plan.channels)x\(plan.height)x\(plan.width)" }

    func place(ofDataset dataset: Int, index: Int) -> BlockPlace {
        dataset == 0 ? .kept(series: 0, index: index, offset: 0) : .made
    }

    func render(series: Int, index: Int, into memory: UnsafeMutableRawBufferPointer) throws {
        try plan.renderKept(block: index, into: memory)
    }

    /// Of a dataset of times, int64 per frame.
    func make(dataset: Int, _ range: Range<Int64>) throws -> HeldBytes {
        let width = MemoryLayout<Int64>.size
        let bytes = Int(range.lowerBound)..<Int(range.upperBound)
        let frames = bytes.lowerBound / width..<(bytes.upperBound + width - 1) / width
        let times = try plan.times(dataset - 1, frames)
        let start = bytes.lowerBound - frames.lowerBound * width
        return HeldBytes(capacity: bytes.count) { memory in
            times.withUnsafeBytes {
                memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + memory.count]))
            }
            return memory.count
        }
    }

    func expand(_ kept: UnsafeRawBufferPointer, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) -> Int
    { plan.expand(kept, range, into: target) }
}

/// Events, in the blocks that `EventsPlan` makes.
struct EventsContent: FileContent {
    let plan: EventsPlan
    let series: [BlockSeries]

    init(_ plan: EventsPlan) {
        self.plan = plan
        series = EventBlocks.allCases.map { kind in
            // Decoding gives events faster than a disk gives the many more bytes of their columns; an entry of the
            // index stands for thousands of them.
            BlockSeries(
                count: plan.count(kind), byteCount: plan.byteCount(kind), scratchBytes: plan.scratchBytes(kind),
                atOnce: kind == .events ? plan.threads : 1, isOnDisk: kind == .index)
        }
    }

    var keepsBytes: Bool { true }
    var blockName: String { "a block of events" }

    func place(ofDataset dataset: Int, index: Int) -> BlockPlace {
        plan.place(ofDataset: dataset).map { .kept(series: $0.kind.rawValue, index: index, offset: $0.offset) } ?? .made
    }

    func render(series: Int, index: Int, into memory: UnsafeMutableRawBufferPointer) throws {
        try plan.render(EventBlocks.allCases[series], index, into: memory)
    }

    func make(dataset: Int, _ range: Range<Int64>) throws -> HeldBytes {
        HeldBytes(plan.bytes(ofDataset: dataset, range))
    }

    func expand(_ kept: UnsafeRawBufferPointer, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) -> Int
    {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: kept[range]))
        return 0
    }
}
