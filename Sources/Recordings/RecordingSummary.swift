// What is known of a recording once it was scanned, without its bookmarks: all that the size of a tensor file depends
// on.

import Files

/// The totals of one state of a recording. Of a recording so short that its index has one segment at most it is the
/// whole index, but for the triggers, which are read again.
public struct RecordingSummary: Hashable, Sendable {
    /// How much of the index it is.
    enum Extent: UInt8, Sendable {
        /// Only what the header says; the recording was not scanned.
        case header
        /// The totals; the bookmarks are elsewhere.
        case totals
        /// All: there are no words.
        case empty
        /// All: one segment that is not full.
        case part
        /// All: one full segment.
        case whole
    }

    public let inode: UInt64
    /// Bytes.
    public let size: Int64
    /// Nanoseconds since 1970.
    public let modified: Int64
    /// CRC-32 of the header.
    public let headerDigest: UInt32
    public let geometry: Geometry
    public let format: RecordingFormat
    /// Whether its words are read otherwise than the header says.
    let isReadOtherwise: Bool
    /// Digest of what settings gave the recording; see `Recording.settings`.
    public let settings: UInt64
    /// See `TimeIndex.contentsDigest`; 0 before the scan.
    public let contentsDigest: UInt64
    let payloadOffset: Int64
    /// At the end of the recording.
    let end: ScanProgress
    /// The earliest and the latest event, us. Without events the earliest is above the latest.
    let lowest: Int64
    let highest: Int64
    let tailDigest: UInt32
    let extent: Extent

    /// See `Recording.readingDigest`.
    public var readingDigest: UInt64 { isReadOtherwise ? Recording.readingDigest(format) : 0 }
    public var isScanned: Bool { extent != .header }
    /// Whether `index(of:)` gives the index.
    public var isWholeIndex: Bool { extent.rawValue >= Extent.empty.rawValue }
    public var timeShift: Int64 { end.state.timeShift }
    public var eventCount: Int64 { end.eventCount }
    public var firstTime: Int64 { end.firstTime }
    public var lastTime: Int64 { end.lastTime }
    public var lowestTime: Int64 { end.eventCount == 0 ? 0 : lowest }
    public var highestTime: Int64 { end.eventCount == 0 ? 0 : highest }
    /// See `TimeIndex.backwardSteps`.
    public var backwardSteps: Int64 { end.backwardSteps }
    public var drops: DropCounts { end.tally.drops }
    /// See `TimeIndex.triggerCount`.
    public var triggerCount: Int64 { end.tally.triggers }
    /// Those of them that the index keeps: all, or the first 2^22.
    public var keptTriggerCount: Int64 { min(triggerCount, Int64(TimeIndex.Layout.standard.triggerLimit)) }

    init(
        inode: UInt64, size: Int64, modified: Int64, headerDigest: UInt32, geometry: Geometry, format: RecordingFormat,
        isReadOtherwise: Bool, settings: UInt64, contentsDigest: UInt64, payloadOffset: Int64, end: ScanProgress,
        lowest: Int64, highest: Int64, tailDigest: UInt32, extent: Extent
    ) {
        self.inode = inode
        self.size = size
        self.modified = modified
        self.headerDigest = headerDigest
        self.geometry = geometry
        self.format = format
        self.isReadOtherwise = isReadOtherwise
        self.settings = settings
        self.contentsDigest = contentsDigest
        self.payloadOffset = payloadOffset
        self.end = end
        self.lowest = lowest
        self.highest = highest
        self.tailDigest = tailDigest
        self.extent = extent
    }

    /// What the header of `recording` says.
    public init(_ recording: Recording) {
        self.init(
            recording, digest: 0, end: ScanProgress(offset: recording.header.payloadOffset), lowest: .max,
            highest: .min, tailDigest: 0, extent: .header)
    }

    /// What `index` says, which is the index of `recording`.
    public init(_ recording: Recording, _ index: TimeIndex) {
        func summary(_ extent: Extent) -> RecordingSummary {
            let (lowest, highest) = index.eventCount == 0 ? (.max, .min) : (index.lowestTime, index.highestTime)
            return RecordingSummary(
                recording, digest: index.contentsDigest, end: index.end, lowest: lowest, highest: highest,
                tailDigest: index.tailDigest, extent: extent)
        }
        let extent: Extent =
            switch index.segments.count {
            case 0: .empty
            case 1: index.resume.offset == recording.header.payloadOffset ? .part : .whole
            default: .totals
            }
        let short = summary(extent)
        // It stands for the index only if it gives the same one back, bit by bit.
        self = extent == .totals || short.index(of: recording) == index ? short : summary(.totals)
    }

    private init(
        _ recording: Recording, digest: UInt64, end: ScanProgress, lowest: Int64, highest: Int64, tailDigest: UInt32,
        extent: Extent
    ) {
        let identity = recording.identity
        self.init(
            inode: identity.inode, size: identity.size, modified: identity.modified,
            headerDigest: identity.headerDigest, geometry: identity.geometry, format: recording.format,
            isReadOtherwise: recording.readingDigest != 0, settings: recording.settings, contentsDigest: digest,
            payloadOffset: recording.header.payloadOffset,
            end: end, lowest: lowest, highest: highest, tailDigest: tailDigest, extent: extent)
    }

    /// Whether it is of the file as `status` says it is, opened with the same settings. The device does not count, as
    /// every machine numbers those in its own way.
    public func isOf(_ status: FileStatus, settings: UInt64) -> Bool {
        status.kind == .regular && inode == status.inode && size == status.size && modified == status.modified
            && self.settings == settings
    }

    /// The index of `recording`; nil when this is of another state of it, or not the whole index.
    package func index(of recording: Recording) -> TimeIndex? {
        guard isWholeIndex, isOf(recording.status, settings: recording.settings),
            headerDigest == recording.header.digest, geometry == recording.geometry, format == recording.format,
            payloadOffset == recording.header.payloadOffset
        else { return nil }
        if triggerCount > 0 {
            // There is room for their number only. A scan of one segment is as fast as reading a file with them.
            let index = try? TimeIndex.build(recording)
            return index?.end == end && index?.tailDigest == tailDigest ? index : nil
        }
        let start = ScanProgress(offset: payloadOffset)
        var resume = start
        if extent == .whole {
            resume = end
            resume.tally.drops.truncatedBytes = 0
        }
        let segment = Segment(
            offset: payloadOffset, state: start.state, lowest: lowest, highest: highest, eventsBefore: 0)
        return TimeIndex(
            identity: recording.identity, format: format, segments: extent == .empty ? [] : [segment],
            segmentSize: TimeIndex.Layout.standard.segmentSize, resume: resume, end: end, triggers: [],
            tailDigest: tailDigest,
            contentsDigest: contentsDigest)
    }
}
