// Signed events shared out between two bins of time: what voxel grids have in common.

import Glibc
import Recordings

/// The bins that an event adds to, and how much.
struct Shares {
    /// The first bin and its weight; the second one may be the same.
    var left: (bin: Int, weight: Double)
    var right: (bin: Int, weight: Double)

    static let none = Shares(left: (0, 0), right: (0, 0))
}

/// Adds the shares of every event, negative ones for off events, in double and in the order of events: the sums have
/// the bits that an array of float64 gets.
struct SharingSink: EventSink {
    private let sums: UnsafeMutablePointer<Double>
    private let cells: Int
    private let cell: CellIndex
    private let shares: (Int64) -> Shares
    let placement: CellPlacement?
    // Many events share a time: their shares are computed once.
    private var time: Int64?
    private var current = Shares.none

    /// - Parameters:
    ///   - sums: zeroed, grid.cells for each bin.
    ///   - shares: of an event at a time, us; bins that there are.
    init(_ sums: UnsafeMutablePointer<Double>, _ grid: FrameGrid, _ shares: @escaping (Int64) -> Shares) {
        self.sums = sums
        cells = grid.cells
        cell = CellIndex(grid)
        self.shares = shares
        placement = CellPlacement(grid, on: CellPlacement.onBit)
    }

    @inline(never)
    private mutating func setTime(_ t: Int64) {
        time = t
        current = shares(t)
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if t != time { setTime(t) }
        let place = cell(x, y)
        if place < 0 { return }
        add(place, on: polarity == 1)
    }

    @inline(__always)
    private func add(_ place: Int, on: Bool) {
        let sign = on ? 1.0 : -1.0
        sums[current.left.bin &* cells &+ place] += sign * current.left.weight
        sums[current.right.bin &* cells &+ place] += sign * current.right.weight
    }

    mutating func take(_ batch: CellBatch) {
        var start = 0
        while start < batch.count {
            let ticks = batch.times[start]
            var end = start &+ 1
            while end < batch.count, batch.times[end] == ticks { end &+= 1 }
            let t = batch.base &+ Int64(ticks)
            if t != time { setTime(t) }
            let left = sums + current.left.bin &* cells
            let right = sums + current.right.bin &* cells
            let (leftWeight, rightWeight) = (current.left.weight, current.right.weight)
            for i in start..<end {
                let event = batch.cells[i]
                let place = Int(event & ~CellPlacement.onBit)
                let off = UInt64(truncatingIfNeeded: ~event & CellPlacement.onBit) &<< 32
                left[place] += Double(bitPattern: leftWeight.bitPattern ^ off)
                right[place] += Double(bitPattern: rightWeight.bitPattern ^ off)
            }
            start = end
        }
    }
}

/// Passes `count` zeroed doubles to `body`.
func withSums<R>(
    _ count: Int, _ body: (UnsafeMutablePointer<Double>) throws(RecordingError) -> R
) throws(RecordingError) -> R {
    // Many megabytes for one frame: in large pages, where there are any, new ones cost a third.
    let largePage = 2 << 20
    let bytes = count * MemoryLayout<Double>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: bytes < largePage ? 16 : largePage)
    defer { memory.deallocate() }
    if bytes >= largePage { madvise(memory, bytes, MADV_HUGEPAGE) }
    let sums = memory.bindMemory(to: Double.self, capacity: count)
    sums.initialize(repeating: 0, count: count)
    return try body(sums)
}
