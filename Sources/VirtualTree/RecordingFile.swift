// A recording under a specification, ready to be read: the blocks of its computed datasets and the HDF5 file around
// them.

import Files
import Foundation
import FrameStore
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors

/// The bytes around the computed datasets once users have added to a file: a committed state, or a session's own view.
protocol AddedBytes: Sendable {
    /// Bytes of the whole virtual file.
    var size: Int64 { get }
    /// Fills `buffer` with the file's bytes from `offset` on, which lie in head or tail.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError)
}

extension SidecarSnapshot: AddedBytes {}
extension SidecarWriter: AddedBytes {}

/// A virtual file's content as of one state of its recording: a snapshot that stays the same while the recording
/// changes.
final class RecordingFile: Sendable {
    /// What names the file in stores.
    struct Names: Sendable {
        /// Each series in the frame store.
        let numbers: [UInt64]
        /// What of it is in the disk cache.
        let cacheKey: CacheKey
        /// The store of what users added.
        let sidecarKey: SidecarKey
    }

    let recording: Recording
    /// The recording's path below the source.
    let path: String
    let spec: FileSpec
    let counts: FileCounts
    let content: any FileContent
    let layout: FileLayout
    /// What must still hold of it after users wrote to it.
    let expectation: FileExpectation
    let names: Names
    /// The lists that it is made by.
    let lists: FileLists
    private let head: HeldBytes
    private let tail: HeldBytes
    let index: TimeIndex
    /// The state of the recording's file in which its bytes were last found to be those of the index.
    private let checked = Mutex<FileStatus?>(nil)

    init(
        recording: Recording, path: String, index: TimeIndex, spec: FileSpec, counts: FileCounts,
        content: any FileContent, layout: FileLayout, expectation: FileExpectation, names: Names,
        lists: FileLists
    ) {
        self.recording = recording
        self.path = path
        self.index = index
        self.spec = spec
        self.counts = counts
        self.content = content
        self.layout = layout
        self.expectation = expectation
        self.names = names
        self.lists = lists
        head = HeldBytes(layout.head)
        tail = HeldBytes(layout.tail)
    }

    /// See `FileSpec.ownVersion`.
    var ownVersion: String? { spec.ownVersion(lists.digest) }

    /// Reads ahead in the blocks that most of the bytes are in.
    func readAhead(depth: Int) -> ReadAhead { ReadAhead(frameCount: content.series.first?.count ?? 0, depth: depth) }

    /// A block that a read needs.
    private struct Wanted: Hashable {
        let series: Int
        let index: Int
    }

    /// The bytes of `range`, cut at the file's end; blocks come from the store, and are shared, not copied, if they are
    /// kept as they are read. Head and tail are those of `added`, or the skeleton's when nothing was added.
    ///
    /// `readAhead` belongs to the reader: when it moves forward, its next blocks are computed meanwhile.
    func read(
        _ range: Range<Int64>, from store: FrameStore, _ readAhead: ReadAhead, _ added: (any AddedBytes)?
    ) throws -> ReadResult {
        let map = added.map { layout.map.ending(at: $0.size) } ?? layout.map
        let pieces = map.pieces(in: range)
        let places = pieces.map { piece in
            if case .block(let dataset, let index, _) = piece {
                content.place(ofDataset: dataset, index: index)
            } else {
                BlockPlace.made
            }
        }
        var wanted: [Wanted] = []
        for case .kept(let series, let index, _) in places where wanted.last != Wanted(series: series, index: index) {
            wanted.append(Wanted(series: series, index: index))
        }
        prefetch(after: wanted, from: store, readAhead)
        // All at once: the store lets nobody wait for a frame who holds another. Those that do not fit the memory
        // target together, or are of several sizes, are copied one by one.
        var isCopied = false
        if let first = wanted.first {
            let series = content.series[first.series]
            let scratch = series.scratchBytes * min(series.atOnce, wanted.count)
            let most = store.mostFrames(byteCount: series.byteCount, scratchBytes: scratch)
            isCopied = wanted.count > max(1, most) || wanted.contains { $0.series != first.series }
        }
        let frames = try isCopied ? [] : self.frames(wanted, from: store)
        var origins = FrameOrigins()
        for frame in frames { origins.count(frame.origin) }
        var next = -1
        var last: Wanted?
        let reply = ReplyMemory(
            content.keepsBytes && !isCopied ? 0 : range.count + wanted.count * ReplyMemory.loss)
        let parts = try zip(pieces, places).map { part, place in
            switch (part, place) {
            case (.metadata(let bytes), _): return try metadata(bytes, map, added)
            case (.chunkIndex(let number, let bytes), _):
                let held = HeldBytes(map.indexes[number].bytes(in: bytes))
                return held.piece(0..<held.count)
            case (.block(let dataset, let index, let bytes), .made):
                return try made(dataset, index, bytes)
            case (.block(_, _, let bytes), .kept(let series, let index, let offset)):
                let own = offset + bytes.lowerBound..<offset + bytes.upperBound
                let block = Wanted(series: series, index: index)
                guard isCopied else {
                    if block != last { next += 1 }
                    last = block
                    return piece(of: frames[next], own, reply)
                }
                let frame = try self.frames([block], from: store)[0]
                origins.count(frame.origin)
                return copy(of: frame, own, reply)
            }
        }
        return ReadResult(pieces: parts, origins: origins)
    }

    /// - Throws: `FileSystemError` with EFBIG when not even one block fits the memory target.
    func checkFits(_ store: FrameStore, memoryTarget: Int) throws(FileSystemError) {
        for series in content.series {
            let (block, more) = (series.byteCount, series.scratchBytes)
            guard store.mostFrames(byteCount: block, scratchBytes: more) == 0 else { continue }
            let (needed, _) = block.addingReportingOverflow(more)
            throw FileSystemError(
                EFBIG,
                "'\(path)': computing \(content.blockName) takes \(needed) bytes, more than the "
                    + "--memory-target of \(memoryTarget); mount with more, or open a smaller tensor (downsample=)",
                level: .warning)
        }
    }

    /// Bytes of head or tail.
    private func metadata(_ range: Range<Int64>, _ map: FileMap, _ added: (any AddedBytes)?) throws -> ReadResult.Piece
    {
        if let added {
            let held = try HeldBytes(capacity: Int(range.upperBound - range.lowerBound)) { memory in
                try added.read(into: memory, at: range.lowerBound)
                return memory.count
            }
            return held.piece(0..<held.count)
        }
        let (bytes, start) = range.lowerBound < map.dataOffset ? (head, 0) : (tail, map.tailOffset)
        return bytes.piece(Int(range.lowerBound - start)..<Int(range.upperBound - start))
    }

    /// Bytes of a block that is kept nowhere.
    private func made(_ dataset: Int, _ index: Int, _ range: Range<Int>) throws -> ReadResult.Piece {
        let start = Int64(index) * Int64(layout.map.datasets[dataset].blockBytes)
        let held = try content.make(
            dataset: dataset, start + Int64(range.lowerBound)..<start + Int64(range.upperBound))
        try checkUnchanged()
        return held.piece(0..<held.count)
    }

    /// As `piece(of:)`, in `reply` in any case: the frame may go.
    private func copy(of frame: Frame, _ range: Range<Int>, _ reply: ReplyMemory) -> ReadResult.Piece {
        guard content.keepsBytes else { return piece(of: frame, range, reply) }
        let target = reply.take(range.count, at: Frame.placeInPage + range.lowerBound)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: frame.bytes[range]))
        return ReadResult.Piece(bytes: UnsafeRawBufferPointer(target), owner: reply)
    }

    /// The bytes `range` of what is kept as `frame`; made in `reply` unless they are kept as they are read.
    private func piece(of frame: Frame, _ range: Range<Int>, _ reply: ReplyMemory) -> ReadResult.Piece {
        guard !content.keepsBytes else {
            return ReadResult.Piece(bytes: UnsafeRawBufferPointer(rebasing: frame.bytes[range]), owner: frame)
        }
        // Where it would be if the frame were kept whole.
        let target = reply.take(range.count + 6, at: Frame.placeInPage + range.lowerBound & ~3)
        let start = content.expand(frame.bytes, range, into: target)
        return ReadResult.Piece(
            bytes: UnsafeRawBufferPointer(rebasing: target[start..<start + range.count]), owner: reply)
    }

    private func prefetch(after wanted: [Wanted], from store: FrameStore, _ readAhead: ReadAhead) {
        guard let first = wanted.first, let last = wanted.last, first.series == 0, last.series == 0,
            first.index <= last.index
        else { return }
        let series = content.series[0]
        // The nearest is asked for last, because the store begins with the latest request.
        for block in readAhead.next(after: first.index...last.index).reversed() {
            store.prefetch(
                FrameKey(tensor: names.numbers[0], frame: block), byteCount: series.byteCount,
                scratchBytes: series.scratchBytes, cached: series.isOnDisk ? names.cacheKey : nil,
                isElsewhere: series.isElsewhere
            ) { [self] key, memory in try render(0, key.frame, memory) }
        }
    }

    /// Blocks of one series.
    private func frames(_ wanted: [Wanted], from store: FrameStore) throws -> [Frame] {
        guard let number = wanted.first?.series else { return [] }
        let series = content.series[number]
        return try store.frames(
            wanted.map { FrameKey(tensor: names.numbers[number], frame: $0.index) }, byteCount: series.byteCount,
            scratchBytes: series.scratchBytes, atOnce: series.atOnce,
            cached: series.isOnDisk ? names.cacheKey : nil, isElsewhere: series.isElsewhere
        ) { key, memory in try render(number, key.frame, memory) }
    }

    private func render(_ series: Int, _ index: Int, _ memory: UnsafeMutableRawBufferPointer) throws {
        try content.render(series: series, index: index, into: memory)
        // What was decoded while somebody rewrote the recording is neither the old nor the new.
        try checkUnchanged()
    }

    private func checkUnchanged() throws {
        let now = try index.checkUnchanged(in: recording, checked: checked.withLock { $0 })
        checked.withLock { $0 = now }
    }
}
