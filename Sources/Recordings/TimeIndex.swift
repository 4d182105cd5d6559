// The time index of a recording: its totals, and for every 64 KiB what is needed to start decoding there.

import Files
import Synchronization

/// A piece of a recording between two bookmarks.
struct Segment: Hashable, Sendable {
    /// Where its first word is, bytes from the start of the file.
    var offset: Int64
    /// The decoder before its first word.
    var state: DecoderState
    /// Its earliest and latest event, us. Without events the earliest is above the latest.
    var lowest: Int64 = .max
    var highest: Int64 = .min
    /// Events of the recording before it.
    var eventsBefore: Int64

    func meets(_ times: Range<Int64>) -> Bool {
        lowest < times.upperBound && highest >= times.lowerBound && lowest <= highest
    }
    func isInside(_ times: Range<Int64>) -> Bool { lowest >= times.lowerBound && highest < times.upperBound }
}

/// What a scan knows at the end of a whole segment: enough to go on from there when the recording has grown.
struct ScanProgress: Hashable, Sendable {
    var offset: Int64
    var state = DecoderState()
    var tally = CountingTally()
    var eventCount: Int64 = 0
    var firstTime: Int64 = 0
    var lastTime: Int64 = 0
    /// Events that are earlier than the one before.
    var backwardSteps: Int64 = 0

    /// 1 when an event at `time` that comes next is earlier than the last one.
    func stepsBack(to time: Int64?) -> Int64 {
        guard let time, eventCount > 0 else { return 0 }
        return time < lastTime ? 1 : 0
    }
}

/// The totals and bookmarks of one state of a recording. Immutable.
public final class TimeIndex: Sendable, Equatable {
    public let identity: RecordingIdentity
    public let format: RecordingFormat
    /// Segments of the recording, in file order.
    let segments: [Segment]
    /// Bytes of a segment (EVT4: up to 4 more, so that no pair of vector and mask is split).
    let segmentSize: Int64
    /// At the end of the last whole segment.
    let resume: ScanProgress
    /// At the end of the recording.
    let end: ScanProgress
    /// External triggers in file order: all, or of more than 2^22 the first. Their times may run backwards where the
    /// recording's do.
    public let triggers: [Trigger]
    /// CRC-32 of the last bytes before the end (`tailSize` or all after the header), to know a recording that has
    /// grown.
    let tailDigest: UInt32
    /// The latest time in this segment and all before; the earliest in this and all after.
    private let highestSoFar: [Int64]
    private let lowestFromHere: [Int64]
    private let knownContents: Mutex<UInt64?>

    static let tailSize: Int64 = 65536

    init(
        identity: RecordingIdentity, format: RecordingFormat, segments: [Segment], segmentSize: Int64,
        resume: ScanProgress,
        end: ScanProgress, triggers: [Trigger], tailDigest: UInt32, contentsDigest: UInt64? = nil
    ) {
        self.identity = identity
        self.format = format
        self.segments = segments
        self.segmentSize = segmentSize
        self.resume = resume
        self.end = end
        self.triggers = triggers
        self.tailDigest = tailDigest
        knownContents = Mutex(contentsDigest)
        var highest = Int64.min
        highestSoFar = segments.map {
            highest = max(highest, $0.highest)
            return highest
        }
        var lowest = Int64.max
        var fromHere = [Int64](repeating: 0, count: segments.count)
        for i in segments.indices.reversed() {
            lowest = min(lowest, segments[i].lowest)
            fromHere[i] = lowest
        }
        lowestFromHere = fromHere
    }

    /// A digest of what the scan found: format, and for every segment the decoder's state, times and numbers of events.
    /// It is the same on every machine, and for a copy, where device and inode differ. Triggers do not count: no frame
    /// depends on them; nor do steps back, which follow from the rest of the recording.
    public var contentsDigest: UInt64 {
        knownContents.withLock { known in
            if let known { return known }
            let digest = IndexFile.contentsDigest(of: self)
            known = digest
            return digest
        }
    }

    /// The same index of a recording on another device, as another machine numbers the devices.
    func moved(to identity: RecordingIdentity) -> TimeIndex {
        TimeIndex(
            identity: identity, format: format, segments: segments, segmentSize: segmentSize, resume: resume, end: end,
            triggers: triggers, tailDigest: tailDigest, contentsDigest: contentsDigest)
    }

    /// What was subtracted from every timestamp, us.
    public var timeShift: Int64 { end.state.timeShift }
    /// Bookmarks that it has.
    package var segmentCount: Int { segments.count }
    public var eventCount: Int64 { end.eventCount }
    /// The time of the first event in file order, us; 0 without events.
    public var firstTime: Int64 { end.firstTime }
    /// The time of the last event in file order, us; 0 without events.
    public var lastTime: Int64 { end.lastTime }
    /// The earliest time, us; 0 without events. Below `firstTime` where time runs backwards.
    public var lowestTime: Int64 { eventCount == 0 ? 0 : lowestFromHere.first ?? 0 }
    /// The latest time, us; 0 without events.
    public var highestTime: Int64 { eventCount == 0 ? 0 : highestSoFar.last ?? 0 }
    /// Events that are earlier than the one before; 0 where time never runs backwards.
    public var backwardSteps: Int64 { end.backwardSteps }
    public var drops: DropCounts { end.tally.drops }
    /// Trigger, monitoring, vendor and padding words, which hold no CD events.
    public var otherWords: Int64 { end.tally.otherWords }
    /// External triggers, also those beyond what `triggers` keeps. Those before the first time high word have no time
    /// and are not among them.
    public var triggerCount: Int64 { end.tally.triggers }
    /// Seconds from the earliest to the latest event.
    public var duration: Double { Double(highestTime - lowestTime) / 1e6 }
    /// Events per second over the duration; 0 when it is 0.
    public var rate: Double { duration > 0 ? Double(eventCount) / duration : 0 }
    /// Bytes this index takes in memory, about.
    public var memorySize: Int {
        segments.count * (MemoryLayout<Segment>.stride + 16) + triggers.count * MemoryLayout<Trigger>.stride + 512
    }

    public static func == (a: TimeIndex, b: TimeIndex) -> Bool {
        a === b
            || (a.identity == b.identity && a.format == b.format && a.segments == b.segments
                && a.segmentSize == b.segmentSize
                && a.resume == b.resume && a.end == b.end && a.tailDigest == b.tailDigest && a.triggers == b.triggers)
    }

    /// The segments outside of which no event has a time in `times`; those inside may still miss it.
    func candidates(_ times: Range<Int64>) -> Range<Int> {
        guard !times.isEmpty else { return 0..<0 }
        let first = Self.firstIndex(segments.count) { highestSoFar[$0] >= times.lowerBound }
        let last = Self.firstIndex(segments.count) { lowestFromHere[$0] >= times.upperBound }
        return first < last ? first..<last : 0..<0
    }

    /// The first segment in which an event is not before `time`; those before have earlier ones only.
    func firstSegment(reaching time: Int64) -> Int {
        Self.firstIndex(segments.count) { highestSoFar[$0] >= time }
    }

    /// The earliest event of segment `i` and all after it, us.
    func lowestTime(from i: Int) -> Int64 { i < lowestFromHere.count ? lowestFromHere[i] : .max }

    /// The first of 0..<count for which `holds` is true, count if none; it must stay true after that.
    static func firstIndex(_ count: Int, where holds: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The events of segment `i`.
    func eventCount(ofSegment i: Int) -> Int64 {
        (i + 1 < segments.count ? segments[i + 1].eventsBefore : eventCount) - segments[i].eventsBefore
    }

    /// Where segment `i` ends, bytes from the start of the file.
    func endOffset(ofSegment i: Int) -> Int64 { i + 1 < segments.count ? segments[i + 1].offset : end.offset }
}
