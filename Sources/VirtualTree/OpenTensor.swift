// A recording under a specification, ready to be read: its frames' plan and the HDF5 file around them.

import Files
import Foundation
import FrameStore
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors

/// The bytes around the tensor once users have added to a file: a committed state, or a session's own view.
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
final class OpenTensor: Sendable {
    let recording: Recording
    /// The recording's path below the source.
    let path: String
    let plan: TensorPlan
    let layout: TensorFileLayout
    /// Names the tensor in the frame store.
    let number: UInt64
    /// Names it in the disk cache.
    let cacheKey: CacheKey
    /// Names it in the store of what users added.
    let sidecarKey: SidecarKey
    /// How its frames are kept together, and what computing them takes besides.
    let blocks: FrameBlocks
    private let scratchBytes: Int
    private let head: HeldBytes
    private let tail: HeldBytes
    private let index: TimeIndex
    /// The state of the recording's file in which its bytes were last found to be those of the index.
    private let checked = Mutex<FileStatus?>(nil)

    init(
        recording: Recording, path: String, index: TimeIndex, plan: TensorPlan, layout: TensorFileLayout,
        number: UInt64, cacheKey: CacheKey, sidecarKey: SidecarKey
    ) {
        self.recording = recording
        self.path = path
        self.sidecarKey = sidecarKey
        self.index = index
        self.plan = plan
        self.layout = layout
        self.number = number
        self.cacheKey = cacheKey
        blocks = plan.blocks
        scratchBytes = plan.scratchBytes
        head = HeldBytes(layout.head)
        tail = HeldBytes(layout.tail)
    }

    /// The bytes of `range`, cut at the file's end; frames come from the store, and are shared, not copied, if they are
    /// kept whole. Head and tail are those of `added`, or the skeleton's when nothing was added.
    ///
    /// `readAhead` belongs to the reader: when it moves forward, its next frames are computed meanwhile.
    func read(
        _ range: Range<Int64>, from store: FrameStore, _ readAhead: ReadAhead, _ added: (any AddedBytes)?
    ) throws -> [ReadResult.Piece] {
        let map = added.map { layout.map.ending(at: $0.size) } ?? layout.map
        let pieces = map.pieces(in: range, blockLength: blocks.length)
        let keys = pieces.compactMap { piece in
            if case .frame(let block, _) = piece { FrameKey(tensor: number, frame: block) } else { nil }
        }
        let most = store.mostFrames(byteCount: blocks.byteCount, scratchBytes: scratchBytes)
        let isCopied = keys.count > max(1, most)
        if !keys.isEmpty { prefetch(after: keys, from: store, readAhead) }
        // All at once: the store lets nobody wait for a frame who holds another. Those that do not fit the memory
        // target together are copied one by one.
        var frames = try isCopied ? [] : self.frames(keys, from: store)[...]
        let reply = ReplyMemory(
            plan.keepsWholeFrames && !isCopied ? 0 : range.count + keys.count * ReplyMemory.loss)
        return try pieces.map { part in
            switch part {
            case .head(let bytes):
                return try added.map { try piece($0, at: 0, bytes) } ?? head.piece(bytes)
            case .tail(let bytes):
                return try added.map { try piece($0, at: map.tailOffset, bytes) } ?? tail.piece(bytes)
            case .timestamps(let bytes): return try timestamps(bytes)
            case .frame(let block, let bytes):
                guard isCopied else { return piece(of: frames.removeFirst(), bytes, reply) }
                let frame = try self.frames([FrameKey(tensor: number, frame: block)], from: store)[0]
                return copy(of: frame, bytes, reply)
            }
        }
    }

    /// - Throws: `FileSystemError` with EFBIG when not even one frame fits the memory target.
    func checkFits(_ store: FrameStore, memoryTarget: Int) throws(FileSystemError) {
        let (frame, more) = (blocks.byteCount, scratchBytes)
        guard store.mostFrames(byteCount: frame, scratchBytes: more) == 0 else { return }
        let (needed, _) = frame.addingReportingOverflow(more)
        throw FileSystemError(
            EFBIG,
            "'\(path)': computing a frame of \(plan.channels)x\(plan.height)x\(plan.width) takes \(needed) bytes, more than the "
                + "--memory-target of \(memoryTarget); mount with more, or open a smaller tensor (downsample=)",
            level: .warning)
    }

    /// As `piece(of:)`, in `reply` in any case: the frame may go.
    private func copy(of frame: Frame, _ range: Range<Int>, _ reply: ReplyMemory) -> ReadResult.Piece {
        guard plan.keepsWholeFrames else { return piece(of: frame, range, reply) }
        let target = reply.take(range.count, at: Frame.placeInPage + range.lowerBound)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: frame.bytes[range]))
        return ReadResult.Piece(bytes: UnsafeRawBufferPointer(target), owner: reply)
    }

    /// Bytes `range` of what `added` has from `offset` on.
    private func piece(_ added: any AddedBytes, at offset: Int64, _ range: Range<Int>) throws -> ReadResult.Piece {
        let held = try HeldBytes(capacity: range.count) { memory in
            try added.read(into: memory, at: offset + Int64(range.lowerBound))
            return memory.count
        }
        return held.piece(0..<range.count)
    }

    /// The bytes `range` of the frames that are kept as `frame`; made in `reply` unless they are kept whole.
    private func piece(of frame: Frame, _ range: Range<Int>, _ reply: ReplyMemory) -> ReadResult.Piece {
        guard !plan.keepsWholeFrames else {
            return ReadResult.Piece(bytes: UnsafeRawBufferPointer(rebasing: frame.bytes[range]), owner: frame)
        }
        // Where it would be if the frame were kept whole.
        let target = reply.take(range.count + 6, at: Frame.placeInPage + range.lowerBound & ~3)
        let start = plan.expand(frame.bytes, range, into: target)
        return ReadResult.Piece(
            bytes: UnsafeRawBufferPointer(rebasing: target[start..<start + range.count]), owner: reply)
    }

    private func prefetch(after keys: [FrameKey], from store: FrameStore, _ readAhead: ReadAhead) {
        guard let first = keys.first?.frame, let last = keys.last?.frame else { return }
        // The nearest is asked for last, because the store begins with the latest request.
        for block in readAhead.next(after: first...last).reversed() {
            store.prefetch(
                FrameKey(tensor: number, frame: block), byteCount: blocks.byteCount,
                scratchBytes: scratchBytes, cached: cacheKey, isElsewhere: plan.spec.preprocessing.runsElsewhere
            ) { [self] key, memory in try render(key, memory) }
        }
    }

    private func frames(_ keys: [FrameKey], from store: FrameStore) throws -> [Frame] {
        guard !keys.isEmpty else { return [] }
        return try store.frames(
            keys, byteCount: blocks.byteCount, scratchBytes: scratchBytes, cached: cacheKey,
            isElsewhere: plan.spec.preprocessing.runsElsewhere, compute: render)
    }

    private func render(_ key: FrameKey, _ memory: UnsafeMutableRawBufferPointer) throws {
        try plan.renderKept(block: key.frame, into: memory)
        // What was decoded while somebody rewrote the recording is neither the old nor the new.
        try checkUnchanged()
    }

    private func checkUnchanged() throws {
        let now = try index.checkUnchanged(in: recording, checked: checked.withLock { $0 })
        checked.withLock { $0 = now }
    }

    /// The part `bytes` of the array `/last_timestamps`, int64 per frame.
    private func timestamps(_ bytes: Range<Int>) throws -> ReadResult.Piece {
        let width = MemoryLayout<Int64>.size
        let frames = bytes.lowerBound / width..<(bytes.upperBound + width - 1) / width
        let times = try plan.lastTimestamps(frames)
        try checkUnchanged()
        let held = HeldBytes(capacity: times.count * width) { memory in
            times.withUnsafeBytes { memory.copyMemory(from: $0) }
            return memory.count
        }
        let start = bytes.lowerBound - frames.lowerBound * width
        return held.piece(start..<start + bytes.count)
    }
}
