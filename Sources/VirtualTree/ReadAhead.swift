// Whether a reader moves forward, and which frames it will want next.

import Synchronization

/// Watches the frames that one open file is read at.
///
/// A reader that goes on to the next frame is taken to go on further; one that jumps costs nothing.
final class ReadAhead: Sendable {
    private struct State {
        /// The frames that were read last.
        var first = Int.min
        var last = Int.min
        /// How many frames it has moved forward without a jump.
        var run = 0
    }

    private let state = Mutex(State())
    private let frameCount: Int
    /// How many frames to be ahead at most: as many as can be computed at once.
    private let depth: Int

    init(frameCount: Int, depth: Int) {
        self.frameCount = frameCount
        self.depth = max(1, depth)
    }

    /// The frames to compute now that `frames` are read; empty when the reader stays where it is or has jumped.
    func next(after frames: ClosedRange<Int>) -> Range<Int> {
        let (run, isNew) = state.withLock { state -> (Int, Bool) in
            let (first, last) = (frames.lowerBound, frames.upperBound)
            // Columns of events lie in the same blocks: who reads one after the other stays where they are.
            if first >= state.first, last <= state.last { return (state.run, false) }
            let forward = first == state.last || first == state.last &+ 1
            let steps = last &- state.last
            defer { (state.first, state.last) = (first, last) }
            guard forward else {
                state.run = 0
                return (0, false)
            }
            state.run += max(0, steps)
            return (state.run, steps > 0)
        }
        guard run > 0, isNew else { return 0..<0 }
        // Small frames are read many at a time: then as many again. One step may be chance, so one frame follows it.
        let count = frames.count > 2 ? frames.count : min(run, depth)
        let first = frames.upperBound + 1
        return first..<max(first, min(frameCount, first + count))
    }
}
