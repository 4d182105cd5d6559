// Decoded events as the structs that preprocessings of the user's own read, straight into shared memory.

import Recordings
import Tensors

/// Appends events: x, y, p as 16 bits each, 16 bits that are 0, and t as 64 bits, relative to the frame's start.
struct EventWriter: EventSink {
    private let memory: SharedMemory
    private var next: UnsafeMutablePointer<UInt64>
    private var end: UnsafeMutablePointer<UInt64>
    private let width: UInt
    private let height: UInt
    private let t0: Int64
    private(set) var failure: WorkerFailure?

    /// Pixels that fill no whole cell are left out, as for all preprocessings: their cells do not exist.
    init(into memory: SharedMemory, _ window: EventWindow, _ grid: FrameGrid) throws(WorkerFailure) {
        guard let start = memory.events.baseAddress else { throw WorkerFailure(.kept, "there is no shared memory") }
        self.memory = memory
        next = start
        end = start + memory.events.count
        width = UInt(grid.width << grid.shift)
        height = UInt(grid.height << grid.shift)
        t0 = window.t0
    }

    /// Events so far.
    var count: Int { memory.events.baseAddress.map { (next - $0) / 2 } ?? 0 }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        guard UInt(bitPattern: x) < width, UInt(bitPattern: y) < height else { return }
        if next == end { grow() }
        next[0] = UInt64(truncatingIfNeeded: x | y &<< 16 | polarity &<< 32)
        next[1] = UInt64(bitPattern: t &- t0)
        next += 2
    }

    @inline(never)
    private mutating func grow() {
        let used = memory.events.count
        if failure == nil {
            do throws(WorkerFailure) { try memory.growEvents() } catch { failure = error }
        }
        guard let start = memory.events.baseAddress else { return }
        end = start + memory.events.count
        // Where there is no more room, the rest is written over the last event: the frame has failed.
        next = start + (failure == nil ? used : memory.events.count - 2)
    }
}
