// Decoded events on their way into chunks: no more than a chunk of them is ever kept.

import Foundation
import Recordings
import Synchronization

/// Packs events as they come, a chunk whenever there are enough. Events come in order, without gaps, from number 0 on.
struct ECFWriter: EventWriter {
    private let cells: UnsafeMutablePointer<UInt32>
    private let times: UnsafeMutablePointer<Int64>
    private let chunks: UnsafeMutableRawBufferPointer
    private let chunkSize: Int
    /// Whether each event found room.
    private let fits: UnsafeMutablePointer<Bool>

    /// - Parameters:
    ///   - chunks: room for all chunks.
    ///   - fits: becomes false when a chunk has no room for its events.
    init(
        _ scratch: ECFScratch, chunks: UnsafeMutableRawBufferPointer, chunkSize: Int,
        fits: UnsafeMutablePointer<Bool>
    ) {
        cells = scratch.cells
        times = scratch.times
        self.chunks = chunks
        self.chunkSize = chunkSize
        self.fits = fits
    }

    @inline(__always)
    func write(_ place: Int, x: Int, y: Int, polarity: Int, t: Int64) {
        let own = place & (ECFEncoder.chunkLength &- 1)
        cells[own] = UInt32(truncatingIfNeeded: y &<< 12 | x &<< 1 | polarity)
        times[own] = t
        if own == ECFEncoder.chunkLength &- 1 { finish(place &+ 1) }
    }

    @inline(__always)
    func write(
        _ place: Int, _ cells: UnsafePointer<UInt32>, _ times: UnsafePointer<UInt32>, count: Int, base: Int64,
        columnBits: UInt32
    ) {
        let columns = (1 as UInt32) &<< columnBits &- 1
        let rows = (1 as UInt32) &<< (31 &- columnBits) &- 1
        var done = 0
        while done < count {
            let own = (place &+ done) & (ECFEncoder.chunkLength &- 1)
            let part = min(count &- done, ECFEncoder.chunkLength &- own)
            let (source, target) = (cells + done, self.cells + own)
            for i in 0..<part {
                let cell = source[i]
                target[i] = ((cell &>> columnBits) & rows) &<< 12 | (cell & columns) &<< 1 | cell &>> 31
            }
            let (since, when) = (times + done, self.times + own)
            for i in 0..<part { when[i] = base &+ Int64(since[i]) }
            done &+= part
            if own &+ part == ECFEncoder.chunkLength { finish(place &+ done) }
        }
    }

    /// Packs the chunk that ends with `count` events in all; the last one need not be full.
    @inline(never)
    func finish(_ count: Int) {
        let chunk = (count - 1) / ECFEncoder.chunkLength
        let start = chunk * chunkSize
        guard count > 0, start + chunkSize <= chunks.count else {
            fits.pointee = false
            return
        }
        let isDone = ECFEncoder.encode(
            cells, times, count: count - chunk * ECFEncoder.chunkLength,
            into: UnsafeMutableRawBufferPointer(rebasing: chunks[start..<start + chunkSize]))
        if !isDone { fits.pointee = false }
    }
}

/// Memory for the events of a chunk, borrowed from a few that are kept: it lies apart from the heap, in which it would
/// leave holes.
final class ECFScratch {
    private struct Pages: @unchecked Sendable {
        let start: UnsafeMutableRawPointer
    }

    private struct Pool: Sendable {
        var free: [Pages] = []
    }

    static let size = ECFEncoder.chunkLength * 12
    /// As many as threads may compute at once on most machines; 0.2 MB each.
    private static let kept = 16
    private static let pool = Mutex(Pool())

    private let pages: Pages

    var times: UnsafeMutablePointer<Int64> { pages.start.assumingMemoryBound(to: Int64.self) }
    var cells: UnsafeMutablePointer<UInt32> {
        (pages.start + ECFEncoder.chunkLength * 8).assumingMemoryBound(to: UInt32.self)
    }

    /// - Throws: `.unreadable` when no memory is left.
    init() throws(RecordingError) {
        if let free = Self.pool.withLock({ $0.free.popLast() }) {
            pages = free
            return
        }
        let start = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else {
            throw RecordingError(
                .unreadable,
                "no memory is left for packing events; give the daemon more, or lower --memory-target")
        }
        pages = Pages(start: start)
    }

    deinit {
        let isKept = Self.pool.withLock { [pages] pool in
            guard pool.free.count < Self.kept else { return false }
            pool.free.append(pages)
            return true
        }
        if !isKept { munmap(pages.start, Self.size) }
    }
}
