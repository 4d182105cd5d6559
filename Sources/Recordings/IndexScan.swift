// The sequential scan that makes a time index.

import Files

extension TimeIndex {
    /// Told how many bytes are done, on the calling thread; a scan ends with what it throws.
    public typealias Progress = (Int64) throws(RecordingError) -> Void

    /// The sizes that a scan works with; others than the standard ones are for tests.
    public struct Layout: Hashable, Sendable {
        /// Bytes of a segment at first, a multiple of 8.
        public var segmentSize: Int64
        /// When there are this many segments (an even number), each two become one.
        public var segmentLimit: Int
        /// Bytes read at a time.
        public var chunkSize: Int
        /// Segments of a piece that a thread scans, where several do.
        public var pieceLength: Int
        /// Segments that a thread decodes before a piece, to guess the decoder's state there.
        public var leadLength: Int
        /// Triggers that are kept; more are only counted.
        public var triggerLimit: Int

        /// 64 KiB segments, at most 2^18 of them; chunks that stay in the processor's second level cache; pieces of 16
        /// MiB; 2^22 triggers, which take 64 MiB of memory.
        public static let standard = Layout(segmentSize: 65536, segmentLimit: 1 << 18, chunkSize: 1 << 19)

        public init(
            segmentSize: Int64, segmentLimit: Int, chunkSize: Int, pieceLength: Int = 256, leadLength: Int = 4,
            triggerLimit: Int = 1 << 22
        ) {
            self.segmentSize = max(8, segmentSize & ~7)
            self.segmentLimit = max(2, segmentLimit & ~1)
            self.chunkSize = max(16, chunkSize)
            self.pieceLength = max(1, pieceLength)
            self.leadLength = max(1, leadLength)
            self.triggerLimit = max(0, triggerLimit)
        }
    }

    /// Scans the recording as it was when it was opened. `progress` is told how many bytes are done, from the calling
    /// thread.
    ///
    /// - Parameter threads: how many scan a long recording, the calling one included; the index is the same for any
    ///   number.
    /// - Throws: `.changed`, `.unreadable`.
    public static func build(
        _ recording: Recording, layout: Layout = .standard, threads: Int = 1, progress: Progress? = nil
    ) throws(RecordingError) -> TimeIndex {
        let start = ScanProgress(offset: recording.header.payloadOffset)
        var scan = IndexScan(recording, layout, segments: [], segmentSize: layout.segmentSize, from: start)
        return try scan.run(threads, progress)
    }

    /// The index of `recording`, which is the one of this index grown longer: scanned only from the last whole segment
    /// on.
    ///
    /// - Returns: nil when it is not a continuation (another file, another header, not longer, or other bytes where
    ///   this one ended).
    /// - Throws: `.changed`, `.unreadable`.
    public func extended(
        to recording: Recording, layout: Layout = .standard, threads: Int = 1, progress: Progress? = nil
    ) throws(RecordingError) -> TimeIndex? {
        let new = recording.identity
        guard new.device == identity.device, new.inode == identity.inode, new.headerDigest == identity.headerDigest,
            new.geometry == identity.geometry, new.format == identity.format, new.size > identity.size
        else { return nil }
        guard try Self.tailDigest(of: recording, size: identity.size) == tailDigest else { return nil }
        let whole = segments.prefix { $0.offset < resume.offset }
        // In file order: the first are those of the whole segments.
        let found = triggers.prefix(Int(min(Int64(triggers.count), resume.tally.triggers)))
        var scan = IndexScan(
            recording, layout, segments: Array(whole), segmentSize: segmentSize, triggers: Array(found), from: resume)
        return try scan.run(threads, progress)
    }

    /// Whether the file of `recording` still begins with the bytes this index is of: one that grew does, one that was
    /// rewritten longer has another header or other bytes where the old ones ended.
    ///
    /// - Parameter checked: what the file was when this was last asked; then its bytes need not be compared again.
    /// - Returns: what the file is now.
    /// - Throws: `.changed`, `.unreadable`.
    public func checkUnchanged(
        in recording: Recording, checked: FileStatus? = nil
    ) throws(RecordingError) -> FileStatus {
        let now = try recording.checkUnchanged()
        guard now.size > recording.identity.size, now != checked else { return now }
        guard try Self.digest(of: recording, 0..<recording.header.payloadOffset) == recording.header.digest,
            try Self.tailDigest(of: recording, size: identity.size) == tailDigest
        else { throw RecordingError.changed(recording.path) }
        return now
    }

    /// The CRC-32 of the last bytes of the recording when it had `size` bytes.
    static func tailDigest(of recording: Recording, size: Int64) throws(RecordingError) -> UInt32 {
        try digest(of: recording, max(min(recording.header.payloadOffset, size), size - tailSize)..<size)
    }

    private static func digest(of recording: Recording, _ range: Range<Int64>) throws(RecordingError) -> UInt32 {
        // A header or a tail, which are no longer than this memory.
        let memory = try ReadBuffer()
        defer { withExtendedLifetime(memory) {} }
        let part = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<min(range.count, memory.bytes.count)])
        try recording.read(part, at: range.lowerBound)
        return crc32(UnsafeRawBufferPointer(part))
    }
}

/// Takes the events of a segment for the index.
struct IndexSink: EventSink {
    var count: Int64 = 0
    var first: Int64 = 0
    var last: Int64 = 0
    var lowest = Int64.max
    var highest = Int64.min
    /// Events that are earlier than the one before.
    var backwardSteps: Int64 = 0
    /// Whether `first` is set.
    var isTouched = false

    @inline(__always)
    mutating func add(_ events: Int, at t: Int64) {
        count &+= Int64(events)
        touch(t)
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) { add(1, at: t) }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) { add(mask.nonzeroBitCount, at: t) }

    /// There are events at `t`, which are counted apart.
    @inline(__always)
    mutating func touch(_ t: Int64) {
        if !isTouched {
            first = t
        } else if t < last {
            backwardSteps &+= 1
        }
        isTouched = true
        last = t
        lowest = min(lowest, t)
        highest = max(highest, t)
    }
}

/// One scan, from the start of a recording or from the end of a whole segment.
struct IndexScan {
    let recording: Recording
    let layout: TimeIndex.Layout
    /// Where the first segment begins.
    let origin: Int64
    var segments: [Segment]
    var segmentSize: Int64
    /// At the end of the last whole segment.
    var whole: ScanProgress
    /// Within the segment that is being scanned.
    var position: Int64
    var state: DecoderState
    var tally: ScanTally
    private var sink = IndexSink()

    init(
        _ recording: Recording, _ layout: TimeIndex.Layout, origin: Int64? = nil, segments: [Segment],
        segmentSize: Int64, triggers: [Trigger] = [], from start: ScanProgress
    ) {
        self.recording = recording
        self.layout = layout
        self.origin = origin ?? recording.header.payloadOffset
        self.segments = segments
        self.segmentSize = segmentSize
        whole = start
        position = start.offset
        state = start.state
        tally = ScanTally(start.tally, triggers, limit: layout.triggerLimit)
    }

    mutating func run(_ threads: Int, _ progress: TimeIndex.Progress?) throws(RecordingError) -> TimeIndex {
        let fileEnd = recording.identity.size
        // Taken before and compared after: a recording rewritten meanwhile must not give an index of both.
        let tail = try TimeIndex.tailDigest(of: recording, size: fileEnd)
        if threads > 1 { try readPieces(threads, progress) }
        try read(to: fileEnd, progress)
        var end = whole
        if position > whole.offset {
            segments.append(openSegment)
            end = now
        }
        end.tally.drops.truncatedBytes = max(0, fileEnd - position)
        let index = TimeIndex(
            identity: recording.identity, format: recording.format, segments: segments, segmentSize: segmentSize,
            resume: whole,
            end: end, triggers: tally.triggers, tailDigest: tail)
        _ = try index.checkUnchanged(in: recording)
        return index
    }

    /// Goes on up to byte `end`, as far as there are whole words.
    mutating func read(to end: Int64, _ progress: TimeIndex.Progress? = nil) throws(RecordingError) {
        guard position < end else { return }
        // Borrowed: memory of this size from the heap would leave it full of holes between what small recordings keep.
        let memory = try ReadBuffer()
        defer { withExtendedLifetime(memory) {} }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<min(layout.chunkSize, memory.bytes.count)])
        while position < end {
            let before = position
            let chunk = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(Int64(buffer.count), end - position))])
            try recording.read(chunk, at: position)
            scan(UnsafeRawBufferPointer(chunk))
            try progress?(position)
            // What is left is no whole word.
            if position == before { break }
        }
    }

    /// The segment from the last whole one to here.
    private var openSegment: Segment {
        Segment(
            offset: whole.offset, state: whole.state, lowest: sink.lowest, highest: sink.highest,
            eventsBefore: whole.eventCount)
    }

    /// The totals up to here.
    private var now: ScanProgress {
        var progress = ScanProgress(
            offset: position, state: state, tally: tally.counts, eventCount: whole.eventCount + sink.count)
        progress.firstTime = whole.eventCount == 0 ? sink.first : whole.firstTime
        progress.lastTime = sink.count == 0 ? whole.lastTime : sink.last
        progress.backwardSteps =
            whole.backwardSteps + sink.backwardSteps + whole.stepsBack(to: sink.count > 0 ? sink.first : nil)
        return progress
    }

    /// Goes on with `chunk`, the bytes from `position` on, as far as it holds whole words.
    private mutating func scan(_ chunk: UnsafeRawBufferPointer) {
        let start = position
        let chunkEnd = start + Int64(chunk.count)
        while position < chunkEnd {
            // An EVT4 vector at the end of a segment takes its mask along, into what would be the next one.
            let segmentEnd = origin + Int64(segments.count + 1) * segmentSize
            var used = decode(chunk, from: start, to: min(segmentEnd, chunkEnd))
            if used == 0, segmentEnd < chunkEnd { used = decode(chunk, from: start, to: min(position + 8, chunkEnd)) }
            if used == 0 { break }
            if position >= segmentEnd { closeSegment() }
        }
    }

    /// Decodes `chunk`, which starts at file offset `start`, from `position` to `end`.
    private mutating func decode(_ chunk: UnsafeRawBufferPointer, from start: Int64, to end: Int64) -> Int {
        guard end > position else { return 0 }
        let bytes = UnsafeRawBufferPointer(rebasing: chunk[Int(position - start)..<Int(end - start)])
        let used =
            KernelScan.scan(
                bytes, recording.format, geometry: recording.geometry, state: &state, into: &sink, tally: &tally)
            ?? recording.format.decode(
                bytes, geometry: recording.geometry, state: &state, into: &sink, tally: &tally)
        position += Int64(used)
        return used
    }

    private mutating func closeSegment() {
        let segment = openSegment
        whole = now
        sink = IndexSink()
        append(segment)
    }

    /// Adds a segment of the size that segments have.
    mutating func append(_ segment: Segment) {
        segments.append(segment)
        if segments.count >= layout.segmentLimit { mergeSegments() }
    }

    /// Makes one segment of each two, so that the index of a recording of any length stays small.
    private mutating func mergeSegments() {
        segments = stride(from: 0, to: segments.count & ~1, by: 2).map { i in
            var merged = segments[i]
            merged.lowest = min(merged.lowest, segments[i + 1].lowest)
            merged.highest = max(merged.highest, segments[i + 1].highest)
            return merged
        }
        segmentSize *= 2
    }
}
