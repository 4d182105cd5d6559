// The summaries of a folder's recordings as the bytes of one file: loaded by one read, searched where they lie.

import CXXHash
import Files
import Foundation

/// Summaries by file name. Immutable; its bytes are those of the file.
///
/// Layout, little endian: magic (8 bytes), version (u32), version of indexes (u32), XXH3-64 of everything after it
/// (u64), number of summaries (u32), bytes of the folder's path (u32); the path; the summaries, `recordSize` bytes
/// each, sorted by their names' bytes; for each the end of its name (u32); the names, one after the other.
package final class SummaryTable: Sendable {
    private static let magic = Array("evh5fold".utf8)
    /// To be raised whenever the layout or the meaning of a field changes, also when headers are read in another way
    /// than before. What decoding gives is the matter of `IndexFile.version`.
    static let version: UInt32 = 3
    private static let headSize = 32
    static let recordSize = 200

    /// The file.
    package let bytes: [UInt8]
    package let folder: String
    package let count: Int
    private let records: Int
    private let ends: Int
    private let names: Int

    /// nil when `bytes` are no table of this version, damaged, or of another folder. Each summary is checked when it is
    /// asked for.
    package init?(_ bytes: [UInt8], folder: String) {
        guard bytes.count >= Self.headSize, bytes.starts(with: Self.magic) else { return nil }
        let head = bytes.withUnsafeBytes { head in
            (
                version: head.number(8, UInt32.self), indexVersion: head.number(12, UInt32.self),
                digest: head.number(16, UInt64.self), count: Int(head.number(24, UInt32.self)),
                path: Int(head.number(28, UInt32.self))
            )
        }
        // Neither product nor sum can overflow: each number has 32 bits.
        records = Self.headSize + head.path
        ends = records + head.count * Self.recordSize
        names = ends + head.count * 4
        guard head.version == Self.version, head.indexVersion == IndexFile.version, names <= bytes.count,
            bytes[Self.headSize..<records].elementsEqual(folder.utf8), Self.digest(bytes) == head.digest
        else { return nil }
        self.bytes = bytes
        self.folder = folder
        count = head.count
        var before = 0
        for i in 0..<count {
            let end = end(i)
            guard end > before, names + end <= bytes.count else { return nil }
            before = end
        }
    }

    private static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress.map { $0 + 24 }, $0.count - 24) }
    }

    /// Writes the checksum.
    package static func seal(_ bytes: inout [UInt8]) {
        let digest = digest(bytes)
        bytes.replaceSubrange(16..<24, with: withUnsafeBytes(of: digest.littleEndian) { Array($0) })
    }

    private func end(_ i: Int) -> Int { bytes.withUnsafeBytes { Int($0.number(ends + 4 * i, UInt32.self)) } }

    private func nameRange(_ i: Int) -> Range<Int> {
        let start = i == 0 ? 0 : end(i - 1)
        return names + start..<names + end(i)
    }

    package func name(_ i: Int) -> String { String(decoding: bytes[nameRange(i)], as: UTF8.self) }

    /// The summary of the file called `name`; nil when there is none that makes sense.
    package func find(_ name: String) -> RecordingSummary? {
        var name = name
        return name.withUTF8 { wanted in
            let wanted = UnsafeRawBufferPointer(wanted)
            let i = TimeIndex.firstIndex(count) { compare($0, wanted) >= 0 }
            return i < count && compare(i, wanted) == 0 ? summary(i) : nil
        }
    }

    private func compare(_ i: Int, _ other: UnsafeRawBufferPointer) -> Int {
        bytes.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[nameRange(i)]).order(other) }
    }

    /// nil when it holds what no scan would find.
    func summary(_ i: Int) -> RecordingSummary? {
        bytes.withUnsafeBytes { bytes in
            let start = records + i * Self.recordSize
            return RecordingSummary(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.recordSize]))
        }
    }

    // MARK: Making

    /// A table of `summaries`.
    package convenience init?(_ summaries: [String: RecordingSummary], folder: String) {
        var items = summaries.map { (name: Array($0.key.utf8), summary: $0.value) }
        items.sort { left, right in
            left.name.withUnsafeBytes { left in right.name.withUnsafeBytes { left.order($0) < 0 } }
        }
        var builder = Builder(count: items.count)
        for item in items {
            item.name.withUnsafeBytes { name in builder.add(name) { item.summary.write(to: $0) } }
        }
        self.init(builder.file(folder), folder: folder)
    }

    /// The summaries of both tables; where both have a name, that of `newer`. With `keeping`, only the names that it
    /// says.
    package static func merged(_ older: SummaryTable, _ newer: SummaryTable?, keeping: ((String) -> Bool)? = nil)
        -> SummaryTable
    {
        var builder = Builder(count: older.count + (newer?.count ?? 0))
        func add(_ table: SummaryTable, _ i: Int) {
            if let keeping, !keeping(table.name(i)) { return }
            table.bytes.withUnsafeBytes { bytes in
                let start = table.records + i * recordSize
                builder.add(UnsafeRawBufferPointer(rebasing: bytes[table.nameRange(i)])) {
                    $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + recordSize]))
                }
            }
        }
        var (i, j) = (0, 0)
        while i < older.count || j < newer?.count ?? 0 {
            guard let newer, j < newer.count else {
                add(older, i)
                i += 1
                continue
            }
            let order =
                i == older.count
                ? 1
                : newer.bytes.withUnsafeBytes {
                    older.compare(i, UnsafeRawBufferPointer(rebasing: $0[newer.nameRange(j)]))
                }
            if order < 0 {
                add(older, i)
            } else {
                add(newer, j)
                j += 1
            }
            if order <= 0 { i += 1 }
        }
        return SummaryTable(builder.file(older.folder), folder: older.folder) ?? older
    }

    private struct Builder {
        private var records: [UInt8] = []
        private var ends: [UInt32] = []
        private var names: [UInt8] = []

        init(count: Int) {
            records.reserveCapacity(count * recordSize)
            ends.reserveCapacity(count)
        }

        mutating func add(_ name: UnsafeRawBufferPointer, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
            let start = records.count
            records.append(contentsOf: repeatElement(0, count: recordSize))
            records.withUnsafeMutableBytes { write(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
            names.append(contentsOf: name)
            ends.append(UInt32(clamping: names.count))
        }

        func file(_ folder: String) -> [UInt8] {
            var file = magic
            func append<T: FixedWidthInteger>(_ value: T) {
                withUnsafeBytes(of: value.littleEndian) { file.append(contentsOf: $0) }
            }
            file.reserveCapacity(headSize + folder.utf8.count + records.count + 4 * ends.count + names.count)
            append(version)
            append(IndexFile.version)
            append(0 as UInt64)
            append(UInt32(clamping: ends.count))
            append(UInt32(clamping: folder.utf8.count))
            file += Array(folder.utf8)
            file += records
            for end in ends { append(end) }
            file += names
            SummaryTable.seal(&file)
            return file
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func number<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: T.Type) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension RecordingSummary {
    /// Places in a record.
    private enum Place {
        static let inode = 0, size = 8, modified = 16, settings = 24, contents = 32, header = 40, payload = 44
        static let width = 48, height = 50, format = 52, extent = 53, reading = 54, tail = 56
        static let drops = 64, otherWords = 104, events = 112, firstTime = 120, lastTime = 128, lowest = 136,
            highest = 144
        static let end = 152, timeHigh = 160, timeShift = 168
        static let timeLow = 176, y = 178, baseX = 180, polarity = 182, started = 183
        static let triggers = 184, backward = 192
    }

    fileprivate func write(to record: UnsafeMutableRawBufferPointer) {
        func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, _ place: Int) {
            record.storeBytes(of: value.littleEndian, toByteOffset: place, as: T.self)
        }
        put(inode, Place.inode)
        put(size, Place.size)
        put(modified, Place.modified)
        put(settings, Place.settings)
        put(contentsDigest, Place.contents)
        put(headerDigest, Place.header)
        put(UInt32(clamping: payloadOffset), Place.payload)
        put(UInt16(clamping: geometry.width), Place.width)
        put(UInt16(clamping: geometry.height), Place.height)
        put(UInt8(clamping: RecordingFormat.allCases.firstIndex(of: format) ?? 255), Place.format)
        put(extent.rawValue, Place.extent)
        put(isReadOtherwise ? 1 as UInt8 : 0, Place.reading)
        put(tailDigest, Place.tail)
        let drops = end.tally.drops
        let counts = [
            drops.outsideGeometry, drops.beforeTimeHigh, drops.withoutAddress, drops.unknownWords, drops.truncatedBytes,
        ]
        for (i, count) in counts.enumerated() { put(count, Place.drops + 8 * i) }
        put(end.tally.otherWords, Place.otherWords)
        put(end.eventCount, Place.events)
        put(end.tally.triggers, Place.triggers)
        put(end.backwardSteps, Place.backward)
        put(end.firstTime, Place.firstTime)
        put(end.lastTime, Place.lastTime)
        put(lowest, Place.lowest)
        put(highest, Place.highest)
        put(end.offset, Place.end)
        put(end.state.timeHigh, Place.timeHigh)
        put(end.state.timeShift, Place.timeShift)
        put(end.state.timeLow, Place.timeLow)
        put(end.state.y, Place.y)
        put(end.state.baseX, Place.baseX)
        put(end.state.vectorPolarity, Place.polarity)
        put(end.state.started ? 1 as UInt8 : 0, Place.started)
    }

    /// nil when the numbers are none that a scan could have found.
    fileprivate init?(_ record: UnsafeRawBufferPointer) {
        func number<T: FixedWidthInteger & BitwiseCopyable>(_ place: Int) -> T { record.number(place, T.self) }
        func isTime(_ t: Int64) -> Bool { t > -1 << 61 && t < 1 << 61 }
        let (width, height): (UInt16, UInt16) = (number(Place.width), number(Place.height))
        let format: UInt8 = number(Place.format)
        let started: UInt8 = number(Place.started)
        var state = DecoderState()
        state.timeHigh = number(Place.timeHigh)
        state.timeShift = number(Place.timeShift)
        state.timeLow = number(Place.timeLow)
        state.y = number(Place.y)
        state.baseX = number(Place.baseX)
        state.vectorPolarity = number(Place.polarity)
        state.started = started == 1
        var end = ScanProgress(offset: number(Place.end), state: state, eventCount: number(Place.events))
        end.tally.drops.outsideGeometry = number(Place.drops)
        end.tally.drops.beforeTimeHigh = number(Place.drops + 8)
        end.tally.drops.withoutAddress = number(Place.drops + 16)
        end.tally.drops.unknownWords = number(Place.drops + 24)
        end.tally.drops.truncatedBytes = number(Place.drops + 32)
        end.tally.otherWords = number(Place.otherWords)
        end.tally.triggers = number(Place.triggers)
        end.backwardSteps = number(Place.backward)
        end.firstTime = number(Place.firstTime)
        end.lastTime = number(Place.lastTime)
        let drops = end.tally.drops
        // Far beyond any recording, and far from overflow in sums.
        let most = max(
            drops.outsideGeometry, drops.beforeTimeHigh, drops.withoutAddress, drops.unknownWords,
            drops.truncatedBytes, end.tally.otherWords, end.eventCount)
        let least = min(
            drops.outsideGeometry, drops.beforeTimeHigh, drops.withoutAddress, drops.unknownWords,
            drops.truncatedBytes, end.tally.otherWords, end.eventCount)
        let (lowest, highest): (Int64, Int64) = (number(Place.lowest), number(Place.highest))
        let (size, payload): (Int64, UInt32) = (number(Place.size), number(Place.payload))
        guard let extent = Extent(rawValue: number(Place.extent)), Int(format) < RecordingFormat.allCases.count,
            (1...16384).contains(width), (1...16384).contains(height), started < 2, state.isValid,
            least >= 0, most < 1 << 60, end.tally.triggers >= 0,
            end.tally.triggers <= end.tally.otherWords, (0...end.eventCount).contains(end.backwardSteps),
            isTime(end.firstTime), isTime(end.lastTime),
            lowest > highest ? (lowest == .max && highest == .min) : isTime(lowest) && isTime(highest),
            (end.eventCount > 0) == (lowest <= highest), end.offset >= Int64(payload), end.offset <= size
        else { return nil }
        self.init(
            inode: number(Place.inode), size: size, modified: number(Place.modified),
            headerDigest: number(Place.header), geometry: Geometry(width: Int(width), height: Int(height)),
            format: RecordingFormat.allCases[Int(format)], isReadOtherwise: number(Place.reading) == 1 as UInt8,
            settings: number(Place.settings),
            contentsDigest: number(Place.contents), payloadOffset: Int64(payload), end: end, lowest: lowest,
            highest: highest, tailDigest: number(Place.tail), extent: extent)
    }
}
