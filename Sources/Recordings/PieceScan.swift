// One recording scanned by several threads: pieces of it at once, joined in order to what a single thread finds.

import Foundation
import Synchronization

/// A piece of whole segments, scanned from a guess of the decoder's state at its start.
///
/// The guess is what decoding a little before the piece leaves. How often the time went around before, and the time
/// shift, are not known there: its times are moved when it is joined.
private struct ScannedPiece: Sendable {
    let offset: Int64
    let guess: DecoderState
    /// Events before them are counted from the start of the piece.
    let segments: [Segment]
    let triggers: [Trigger]
    let end: ScanProgress
}

/// Pieces to scan, taken by threads one by one, and what they found.
private final class PieceQueue: Sendable {
    private struct State {
        var next = 0
        var found: [Int: Result<ScannedPiece, RecordingError>] = [:]
    }

    private let recording: Recording
    private let layout: TimeIndex.Layout
    private let segmentSize: Int64
    /// Where the first piece begins, and the decoder there.
    private let start: (offset: Int64, state: DecoderState)
    private let pieceSize: Int64
    private let count: Int
    private let state = Mutex(State())

    init(
        _ recording: Recording, _ layout: TimeIndex.Layout, segmentSize: Int64,
        start: (offset: Int64, state: DecoderState), pieceSize: Int64, count: Int
    ) {
        self.recording = recording
        // Segments of a piece are merged where it is joined, if at all.
        self.layout = TimeIndex.Layout(
            segmentSize: layout.segmentSize, segmentLimit: .max, chunkSize: layout.chunkSize,
            pieceLength: layout.pieceLength, leadLength: layout.leadLength,
            // Many pieces may wait to be joined. One with more, which no sensor writes, is scanned again then.
            triggerLimit: layout.triggerLimit / 16)
        self.segmentSize = segmentSize
        self.start = start
        self.pieceSize = pieceSize
        self.count = count
    }

    func end(ofPiece i: Int) -> Int64 { start.offset + Int64(i + 1) * pieceSize }

    /// Scans the next piece; false when there is none left.
    func work() -> Bool {
        let next: Int? = state.withLock { state in
            guard state.next < count else { return nil }
            state.next += 1
            return state.next - 1
        }
        guard let next else { return false }
        let found: Result<ScannedPiece, RecordingError>
        do throws(RecordingError) { found = .success(try scan(next)) } catch { found = .failure(error) }
        state.withLock { $0.found[next] = found }
        return true
    }

    /// What was found in piece `i`, once.
    func take(_ i: Int) throws(RecordingError) -> ScannedPiece? {
        try state.withLock { $0.found.removeValue(forKey: i) }?.get()
    }

    /// Leaves no more pieces to take.
    func stop() { state.withLock { $0.next = count } }

    private func scan(_ i: Int) throws(RecordingError) -> ScannedPiece {
        let offset = end(ofPiece: i - 1)
        var guess = start.state
        if i > 0 {
            var lead = part(from: max(start.offset, offset - Int64(layout.leadLength) * segmentSize), DecoderState())
            try lead.read(to: offset)
            guess = lead.state
            guess.timeShift = 0
        }
        var piece = part(from: offset, guess)
        try piece.read(to: end(ofPiece: i))
        return ScannedPiece(
            offset: offset, guess: guess, segments: piece.segments, triggers: piece.tally.triggers, end: piece.whole)
    }

    private func part(from offset: Int64, _ state: DecoderState) -> IndexScan {
        IndexScan(
            recording, layout, origin: offset, segments: [], segmentSize: segmentSize,
            from: ScanProgress(offset: offset, state: state))
    }
}

extension IndexScan {
    /// Goes on over all whole pieces that are left, with `threads` threads.
    mutating func readPieces(_ threads: Int, _ progress: TimeIndex.Progress?) throws(RecordingError) {
        let pieceSize = Int64(layout.pieceLength) * layout.segmentSize
        // At the end of a piece a segment ends too, however long they grow. An EVT4 vector may lie across the border.
        guard recording.format != .evt4, pieceSize % lastSegmentSize == 0 else { return }
        let first = origin + (position - origin + pieceSize - 1) / pieceSize * pieceSize
        let count = Int(max(0, recording.identity.size - first) / pieceSize)
        guard count > 1 else { return }
        try read(to: first, progress)
        let queue = PieceQueue(
            recording, layout, segmentSize: segmentSize, start: (first, state), pieceSize: pieceSize, count: count)
        defer { queue.stop() }
        let finished = DispatchSemaphore(value: 0)
        let helpers = min(threads, count) - 1
        let variant = KernelVariant.current
        for _ in 0..<helpers {
            Thread.detachNewThread {
                KernelVariant.current = variant
                while queue.work() {}
                finished.signal()
            }
        }
        var joined = 0
        while queue.work() { try join(queue, &joined, progress) }
        for _ in 0..<helpers { finished.wait() }
        try join(queue, &joined, progress)
    }

    /// Bytes of a segment when all are scanned.
    private var lastSegmentSize: Int64 {
        var size = segmentSize
        while (recording.identity.size - origin) / size >= Int64(layout.segmentLimit) { size *= 2 }
        return size
    }

    /// Joins the next pieces that are there. One that began with a wrong guess is scanned again.
    private mutating func join(
        _ queue: PieceQueue, _ joined: inout Int, _ progress: TimeIndex.Progress?
    ) throws(RecordingError) {
        while let piece = try queue.take(joined) {
            if join(piece) { try progress?(position) } else { try read(to: queue.end(ofPiece: joined), progress) }
            joined += 1
        }
    }

    /// Goes on with `piece`, as if it had been scanned here; false, with nothing done, when it began with another
    /// state.
    private mutating func join(_ piece: ScannedPiece) -> Bool {
        guard position == piece.offset, state.isSame(as: piece.guess, in: recording.format) else { return false }
        let turns = state.timeHigh - piece.guess.timeHigh
        // Where one thread would count wraps no more, the piece must not either. Below that no sum here overflows.
        guard piece.end.state.timeHigh + turns < DecoderState.turnLimit - 1 << 34 else { return false }
        guard piece.triggers.count == piece.end.tally.triggers else { return false }
        let shift = state.timeShift - piece.guess.timeShift
        func moved(_ state: DecoderState) -> DecoderState {
            var state = state
            state.timeHigh += turns
            state.timeShift += shift
            return state
        }
        let base = whole
        var open: Segment?
        for (i, found) in piece.segments.enumerated() {
            var segment = found
            segment.state = moved(found.state)
            segment.eventsBefore += base.eventCount
            if found.lowest <= found.highest {
                segment.lowest += turns - shift
                segment.highest += turns - shift
            }
            if let earlier = open {
                segment.offset = earlier.offset
                segment.state = earlier.state
                segment.eventsBefore = earlier.eventsBefore
                segment.lowest = min(segment.lowest, earlier.lowest)
                segment.highest = max(segment.highest, earlier.highest)
            }
            let end = i + 1 < piece.segments.count ? piece.segments[i + 1].offset : piece.end.offset
            if end >= origin + Int64(segments.count + 1) * segmentSize {
                append(segment)
                open = nil
            } else {
                open = segment
            }
        }
        whole = ScanProgress(
            offset: piece.end.offset, state: moved(piece.end.state), tally: base.tally + piece.end.tally,
            eventCount: base.eventCount + piece.end.eventCount, firstTime: base.firstTime, lastTime: base.lastTime)
        whole.backwardSteps = base.backwardSteps + piece.end.backwardSteps
        if piece.end.eventCount > 0 {
            whole.backwardSteps += base.stepsBack(to: piece.end.firstTime + turns - shift)
            if base.eventCount == 0 { whole.firstTime = piece.end.firstTime + turns - shift }
            whole.lastTime = piece.end.lastTime + turns - shift
        }
        position = whole.offset
        state = whole.state
        tally.counts = whole.tally
        tally.add(piece.triggers, later: turns - shift)
        return true
    }
}

extension DecoderState {
    /// Whether decoding goes on from here as from `other`, with times that are apart by a multiple of their range and
    /// by the difference of the time shifts.
    fileprivate func isSame(as other: DecoderState, in format: RecordingFormat) -> Bool {
        if self == other { return true }
        let range: Int64 =
            switch format {
            case .evt3: 1 << 24
            case .evt2, .evt21, .evt21Legacy, .evt4: 1 << 34
            case .dat, .dat1: 1 << 32
            }
        var other = other
        guard (timeHigh - other.timeHigh) % range == 0, started || format.isDAT else { return false }
        other.timeHigh = timeHigh
        other.timeShift = timeShift
        return self == other
    }
}
