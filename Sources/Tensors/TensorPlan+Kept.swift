// Frames as they are kept until somebody reads them: as they are, or as counts, a byte for each float32.

import Recordings

/// A preprocessing whose elements are each the value of a count of events.
protocol CountingPreprocessing: Preprocessing {
    /// The float32 of each count, for frames divided by 2^shift; nil when a byte cannot hold the counts.
    func table(shift: Int) -> SaturationTable?

    /// Counts events up to 255, and writes every one of the frame's counters.
    func count(
        _ window: EventWindow, on grid: FrameGrid, into counters: UnsafeMutablePointer<UInt8>
    ) throws(RecordingError)
}

/// How a plan's frames are counted and what becomes of the counts.
struct FrameCounting: Sendable {
    let preprocessing: any CountingPreprocessing
    let table: SaturationTable

    /// nil where frames hold anything but float32 of counts.
    init?(_ preprocessing: any Preprocessing, shift: Int, storedAsUInt8: Bool) {
        guard !storedAsUInt8, let counting = preprocessing as? any CountingPreprocessing,
            let table = counting.table(shift: shift)
        else { return nil }
        self.preprocessing = counting
        self.table = table
    }
}

extension TensorPlan {
    /// Bytes of a frame as it is kept: `frameBytes`, or a quarter of them. New memory is a large part of what a frame
    /// costs, and four times as many frames stay in it.
    public var keptBytes: Int { counting == nil ? frameBytes : frameBytes / 4 }

    /// Whether frames are kept as they are.
    public var keepsWholeFrames: Bool { counting == nil }

    /// Computes a frame as it is kept and writes every byte of `kept`, which is `keptBytes` long.
    ///
    /// - Throws: as `render(frame:into:)`.
    public func renderKept(frame index: Int, into kept: UnsafeMutableRawBufferPointer) throws {
        try renderKept(frame: index, into: kept, of: nil)
    }

    /// As above; the frame's events are among `gathered`, if there are any.
    func renderKept(
        frame index: Int, into kept: UnsafeMutableRawBufferPointer, of gathered: GatheredEvents?
    ) throws {
        guard let counting else { return try render(frame: index, into: kept, of: gathered) }
        guard (0..<frameCount).contains(index), kept.count == keptBytes, let base = kept.baseAddress else {
            throw TensorError(
                .notApplicable, "frame \(index) in \(kept.count) bytes: there are \(frameCount) of \(keptBytes) bytes")
        }
        let counters = base.bindMemory(to: UInt8.self, capacity: kept.count)
        let window =
            try gathered?.window(index, from: startTime, isTimed: false)
            ?? events.window(index, from: startTime, isTimed: false)
        try counting.preprocessing.count(window, on: grid, into: counters)
        // Counts beyond make no difference, but take bits where frames are packed.
        let top = counting.table.top
        for i in 0..<kept.count { counters[i] = min(counters[i], top) }
    }

    /// Writes the bytes `range` of the frames that `kept` holds into `target`, which has room for three more before and
    /// after.
    ///
    /// - Returns: where in `target` they begin.
    /// - Precondition: `range` lies in the frames and `target` is aligned to 4 bytes.
    public func expand(
        _ kept: UnsafeRawBufferPointer, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= (counting == nil ? 1 : 4) * kept.count)
        guard let counting else {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: kept[range]))
            return 0
        }
        let elements = range.lowerBound / 4..<(range.upperBound + 3) / 4
        precondition(target.count >= 4 * elements.count)
        if let counts = kept.baseAddress?.assumingMemoryBound(to: UInt8.self), let values = target.baseAddress {
            counting.table.expand(
                counts + elements.lowerBound, count: elements.count,
                into: values.bindMemory(to: Float.self, capacity: elements.count))
        }
        return range.lowerBound % 4
    }
}
