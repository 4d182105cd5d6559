// The file that a time index is kept in: little endian numbers behind a checksum.

import CXXHash
import Files

/// Layout: magic (8 bytes), version (u32), CRC-32 of everything after it (u32), then the fields in the order of `body`.
package enum IndexFile {
    private static let magic = Array("evh5tidx".utf8)
    /// To be raised whenever the layout or the meaning of a field changes, also when decoding gives other events than
    /// before.
    package static let version: UInt32 = 3
    private static let headSize = 16

    package static func bytes(of index: TimeIndex) -> [UInt8] {
        var body = Output()
        body.append(index)
        var file = Output()
        file.bytes = magic
        file.append(version)
        file.append(crc32(body.bytes))
        return file.bytes + body.bytes
    }

    /// See `TimeIndex.contentsDigest`.
    static func contentsDigest(of index: TimeIndex) -> UInt64 {
        var contents = Output()
        contents.append(contentsOf: index)
        return digest(contents.bytes[...])
    }

    fileprivate static func digest(_ contents: ArraySlice<UInt8>) -> UInt64 {
        contents.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }

    /// nil when `bytes` is no index of this version, is damaged, or holds what no scan would make.
    package static func index(from bytes: [UInt8]) -> TimeIndex? {
        guard bytes.count > headSize, Array(bytes[..<8]) == magic else { return nil }
        var input = Input(bytes: bytes, position: 8)
        guard input.number(UInt32.self) == version, let digest = input.number(UInt32.self),
            bytes.withUnsafeBytes({ crc32(UnsafeRawBufferPointer(rebasing: $0[headSize...])) }) == digest
        else { return nil }
        return input.index()
    }
}

private struct Output {
    var bytes: [UInt8] = []

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ state: DecoderState) {
        append(state.timeHigh)
        append(state.timeShift)
        append(state.timeLow)
        append(state.y)
        append(state.baseX)
        append(state.vectorPolarity)
        append(state.started ? 1 as UInt8 : 0)
    }

    mutating func append(_ progress: ScanProgress) {
        append(progress.offset)
        append(progress.state)
        let drops = progress.tally.drops
        for count in [
            drops.outsideGeometry, drops.beforeTimeHigh, drops.withoutAddress, drops.unknownWords, drops.truncatedBytes,
            progress.tally.otherWords, progress.eventCount, progress.firstTime, progress.lastTime,
        ] { append(count) }
    }

    mutating func append(_ index: TimeIndex) {
        let identity = index.identity
        append(identity.device)
        append(identity.inode)
        append(identity.size)
        append(identity.modified)
        append(identity.headerDigest)
        append(Int64(identity.geometry.width))
        append(Int64(identity.geometry.height))
        append(index.resume.backwardSteps)
        append(index.backwardSteps)
        append(index.resume.tally.triggers)
        append(index.triggerCount)
        append(Int64(index.triggers.count))
        bytes.reserveCapacity(bytes.count + index.triggers.count * Input.triggerSize)
        for trigger in index.triggers {
            append(trigger.t)
            append(trigger.id)
            append(trigger.p)
        }
        append(contentsOf: index)
    }

    /// All but the identity, the steps back and the triggers.
    mutating func append(contentsOf index: TimeIndex) {
        append(UInt8(RecordingFormat.allCases.firstIndex(of: index.format) ?? 0))
        append(index.segmentSize)
        append(index.tailDigest)
        append(index.resume)
        append(index.end)
        append(Int64(index.segments.count))
        bytes.reserveCapacity(bytes.count + index.segments.count * Input.segmentSize)
        for segment in index.segments {
            append(segment.offset)
            append(segment.state)
            append(segment.lowest)
            append(segment.highest)
            append(segment.eventsBefore)
        }
    }
}

private struct Input {
    let bytes: [UInt8]
    var position: Int
    /// Bytes of a segment and of a trigger in the file.
    static let segmentSize = 56
    static let triggerSize = 12

    mutating func number<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) -> T? {
        guard bytes.count - position >= MemoryLayout<T>.size else { return nil }
        defer { position += MemoryLayout<T>.size }
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: T.self)) }
    }

    mutating func state() -> DecoderState? {
        guard let timeHigh = number(Int64.self), let timeShift = number(Int64.self), let timeLow = number(UInt16.self),
            let y = number(UInt16.self), let baseX = number(UInt16.self), let polarity = number(UInt8.self),
            let started = number(UInt8.self), started < 2
        else { return nil }
        var state = DecoderState()
        state.timeHigh = timeHigh
        state.timeShift = timeShift
        state.timeLow = timeLow
        state.y = y
        state.baseX = baseX
        state.vectorPolarity = polarity
        state.started = started == 1
        return state.isValid ? state : nil
    }

    private static func isTime(_ t: Int64) -> Bool { t > -1 << 61 && t < 1 << 61 }
    /// Bytes; see `Recording`.
    private static let largestOffset: Int64 = 1 << 56
    private static let largestSegment: Int64 = 1 << 56

    mutating func progress() -> ScanProgress? {
        guard let offset = number(Int64.self), let state = state() else { return nil }
        var numbers: [Int64] = []
        for _ in 0..<9 {
            guard let number = number(Int64.self) else { return nil }
            numbers.append(number)
        }
        // Far beyond any recording, and far from overflow in sums.
        guard numbers[..<7].allSatisfy({ $0 >= 0 && $0 < 1 << 60 }), numbers[7...].allSatisfy(Self.isTime) else {
            return nil
        }
        var progress = ScanProgress(offset: offset, state: state, eventCount: numbers[6])
        progress.tally.drops.outsideGeometry = numbers[0]
        progress.tally.drops.beforeTimeHigh = numbers[1]
        progress.tally.drops.withoutAddress = numbers[2]
        progress.tally.drops.unknownWords = numbers[3]
        progress.tally.drops.truncatedBytes = numbers[4]
        progress.tally.otherWords = numbers[5]
        progress.firstTime = numbers[7]
        progress.lastTime = numbers[8]
        return progress
    }

    /// Triggers of the whole segments and of all; and those that were kept.
    private mutating func triggers() -> (resume: Int64, end: Int64, kept: [Trigger])? {
        let limit = Int64(TimeIndex.Layout.standard.triggerLimit)
        guard let resume = number(Int64.self), let end = number(Int64.self), let count = number(Int64.self),
            resume >= 0, resume <= end, end < 1 << 60, count == min(end, limit),
            count <= (bytes.count - position) / Self.triggerSize
        else { return nil }
        var kept: [Trigger] = []
        kept.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let t = number(Int64.self), let id = number(Int16.self), let p = number(Int16.self), Self.isTime(t),
                Trigger.channels.contains(id), p == 0 || p == 1
            else { return nil }
            kept.append(Trigger(t: t, id: id, p: p))
        }
        return (resume, end, kept)
    }

    mutating func index() -> TimeIndex? {
        guard let device = number(UInt64.self), let inode = number(UInt64.self), let size = number(Int64.self),
            let modified = number(Int64.self), let headerDigest = number(UInt32.self), let width = number(Int64.self),
            let height = number(Int64.self), let geometry = Geometry("\(width)x\(height)"),
            let resumeSteps = number(Int64.self), let endSteps = number(Int64.self), let triggers = triggers()
        else { return nil }
        let contents = bytes[position...]
        guard let format = number(UInt8.self), Int(format) < RecordingFormat.allCases.count,
            let segmentSize = number(Int64.self), (1...Self.largestSegment).contains(segmentSize),
            let tailDigest = number(UInt32.self), var resume = progress(), var end = progress(),
            let count = number(Int64.self),
            count >= 0, count == (bytes.count - position) / Self.segmentSize,
            (bytes.count - position) % Self.segmentSize == 0,
            size <= Self.largestOffset, end.offset <= size, resume.offset >= 0, resume.offset <= end.offset,
            resume.eventCount <= end.eventCount, triggers.resume <= resume.tally.otherWords,
            triggers.end <= end.tally.otherWords,
            resumeSteps >= 0, resumeSteps <= endSteps, endSteps <= end.eventCount,
            // Where the next segment would end is a number.
            (count + 2).multipliedReportingOverflow(by: segmentSize).overflow == false
        else { return nil }
        resume.tally.triggers = triggers.resume
        end.tally.triggers = triggers.end
        resume.backwardSteps = resumeSteps
        end.backwardSteps = endSteps
        let identity = RecordingIdentity(
            device: device, inode: inode, size: size, modified: modified, headerDigest: headerDigest,
            geometry: geometry,
            format: RecordingFormat.allCases[Int(format)])
        var segments: [Segment] = []
        segments.reserveCapacity(Int(count))
        var offset: Int64 = 0
        var events: Int64 = 0
        for _ in 0..<count {
            guard let start = number(Int64.self), let state = state(), let lowest = number(Int64.self),
                let highest = number(Int64.self), let before = number(Int64.self), start >= offset, start < end.offset,
                before >= events, before <= end.eventCount,
                lowest > highest ? (lowest == .max && highest == .min) : Self.isTime(lowest) && Self.isTime(highest)
            else { return nil }
            segments.append(
                Segment(offset: start, state: state, lowest: lowest, highest: highest, eventsBefore: before))
            (offset, events) = (start + 1, before)
        }
        return TimeIndex(
            identity: identity, format: RecordingFormat.allCases[Int(format)], segments: segments,
            segmentSize: segmentSize,
            resume: resume, end: end, triggers: triggers.kept, tailDigest: tailDigest,
            contentsDigest: IndexFile.digest(contents))
    }
}
