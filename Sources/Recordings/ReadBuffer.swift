// The memory that recordings are read through, kept for the next reader.

import Files
import Foundation
import Synchronization

/// Bytes of a recording as they are decoded, and the decoder's own memory; borrowed from a few that are kept.
///
/// Allocated and freed for every frame, they left holes in the heap between what other threads allocated meanwhile: 300
/// MB after a thousand frames.
@usableFromInline final class ReadBuffer {
    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer
        private(set) lazy var cells = CellDecoder()

        init() throws(RecordingError) { bytes = try Pages.allocate(512 << 10) }

        deinit { Pages.free(bytes) }
    }

    /// Memory that nobody uses, handed from thread to thread.
    private struct Pool: @unchecked Sendable {
        var free: [Memory] = []
    }

    /// As many as threads may compute at once on most machines; 0.6 MB each.
    private static let kept = 16
    private static let pool = Mutex(Pool())

    private let memory: Memory

    /// nil when there is nothing to read.
    ///
    /// - Throws: `.unreadable` when no memory is left.
    @usableFromInline convenience init?(for pieces: [EventReader.Piece]) throws(RecordingError) {
        guard pieces.contains(where: { !$0.bytes.isEmpty }) else { return nil }
        try self.init()
    }

    /// For a scan.
    ///
    /// - Throws: `.unreadable` when no memory is left.
    init() throws(RecordingError) {
        if let free = Self.pool.withLock({ $0.free.popLast() }) {
            memory = free
        } else {
            memory = try Memory()
        }
    }

    /// All of it.
    var bytes: UnsafeMutableRawBufferPointer { memory.bytes }

    deinit {
        Self.pool.withLock { [memory] pool in
            if pool.free.count < Self.kept { pool.free.append(memory) }
        }
    }

    /// Made when it is first needed.
    @usableFromInline func cellDecoder() -> CellDecoder { memory.cells }

    /// As much of `range` as fits; valid until the next read.
    @usableFromInline func read(_ recording: Recording, _ range: Range<Int64>) throws(RecordingError)
        -> UnsafeRawBufferPointer
    {
        let count = Int(min(Int64(memory.bytes.count), range.upperBound - range.lowerBound))
        let part = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<count])
        try recording.read(part, at: range.lowerBound)
        return UnsafeRawBufferPointer(part)
    }
}

/// Memory apart from the heap, where it would leave holes between what lives longer.
private enum Pages {
    static func allocate(_ count: Int) throws(RecordingError) -> UnsafeMutableRawBufferPointer {
        let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else {
            let cause = FileError.current("read", "a recording")
            throw RecordingError(
                .unreadable,
                "no memory is left for reading a recording; give the daemon more, or lower --memory-target",
                cause: cause)
        }
        return UnsafeMutableRawBufferPointer(start: start, count: count)
    }

    static func free(_ bytes: UnsafeMutableRawBufferPointer) { munmap(bytes.baseAddress, bytes.count) }
}
