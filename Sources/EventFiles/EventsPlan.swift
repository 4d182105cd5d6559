// An event file ready to be read: where its events are, and the bytes of its blocks.

import Foundation
import Recordings
import Synchronization
import TensorFile
import Tensors

/// What a block is part of: each kind is kept by itself.
public enum EventBlocks: Int, Sendable, CaseIterable {
    /// All columns of some events, which come of one decoding.
    case events
    /// Entries of the index of times.
    case index
}

/// The content of one event file.
public struct EventsPlan: Sendable {
    public let measure: EventsMeasure
    public let counts: EventsCounts
    public let triggers: [Trigger]
    /// For each trigger the latest time of it and all before.
    let triggersReached: [Int64]
    private let reader: EventReader
    private let selection: EventSelection
    private let blockLength: Int
    /// Bytes of a chunk of packed events.
    private let chunkSize: Int
    private let shape: IndexShape
    private let isPacked: Bool

    public var eventCount: Int64 { counts.events }

    /// Counts the events of a part; of the whole recording they are known.
    ///
    /// - Parameter isPacked: whether blocks of layout=ecf are chunks of one size, as a mount shows them; if not, they
    ///   are those of layout=prophesee.
    /// - Throws: `RecordingError`.
    public init(
        _ measure: EventsMeasure, _ recording: Recording, _ index: TimeIndex, isPacked: Bool = true
    ) throws(RecordingError) {
        self.measure = measure
        self.isPacked = isPacked && measure.spec.layout == .ecf
        reader = EventReader(recording, index, filters: measure.filters)
        selection = try reader.selection(of: measure.times)
        let times = measure.times
        triggers =
            times == Int64.min..<Int64.max ? index.triggers : index.triggers.filter { times.contains($0.t) }
        var reached = triggers.map(\.t)
        for i in reached.indices.dropFirst() { reached[i] = max(reached[i], reached[i - 1]) }
        triggersReached = reached
        counts = EventsCounts(
            events: selection.count, highestTime: selection.highestTime ?? 0, triggers: Int64(triggers.count),
            highestTriggerTime: reached.last ?? 0)
        blockLength = measure.blockLength(selection.count)
        chunkSize = measure.chunkSize(selection.count)
        shape = measure.index(counts)
    }

    /// How many blocks of a kind there are.
    public func count(_ kind: EventBlocks) -> Int {
        switch kind {
        case .events: Int((eventCount + Int64(blockLength) - 1) / Int64(blockLength))
        case .index: (storedEntries + EventsMeasure.indexBlock - 1) / EventsMeasure.indexBlock
        }
    }

    /// Bytes of a block as it is kept.
    public func byteCount(_ kind: EventBlocks) -> Int {
        switch kind {
        case .events: isPacked ? blockLength / ECFEncoder.chunkLength * chunkSize : blockLength * eventBytes
        case .index: EventsMeasure.indexBlock * measure.indexEntryBytes
        }
    }

    /// Entries of the index that the file has bytes for: of whole chunks where it is in chunks.
    private var storedEntries: Int {
        let length = isPacked ? ECFEncoder.chunkLength : 1
        return (shape.count + length - 1) / length * length
    }

    private var eventBytes: Int {
        measure.spec.layout == .columns ? measure.timeBytes + 5 : RecordWriter.size
    }

    /// Bytes that computing a block takes besides it.
    public func scratchBytes(_ kind: EventBlocks) -> Int {
        let filters = measure.filters?.scratchBytes ?? 0
        return switch kind {
        case .events: filters + (1 << 19) + (isPacked ? ECFScratch.size : 0)
        case .index: threads * (filters + (1 << 19)) + EventsMeasure.indexBlock * 16
        }
    }

    /// How many compute blocks, or search for times, at once.
    public var threads: Int { min(8, ProcessInfo.processInfo.activeProcessorCount) }

    /// Where the blocks of a computed dataset are kept: blocks of which kind, and where in each its own begins; nil for
    /// one that is made anew each time.
    public func place(ofDataset dataset: Int) -> (kind: EventBlocks, offset: Int)? {
        switch measure.spec.layout {
        case .columns:
            let time = measure.timeBytes
            switch EventsMeasure.Column(rawValue: dataset) {
            case .index: return (.index, 0)
            case .t: return (.events, 0)
            case .x: return (.events, blockLength * time)
            case .y: return (.events, blockLength * (time + 2))
            case .p: return (.events, blockLength * (time + 4))
            default: return nil
            }
        case .prophesee, .ecf:
            switch EventsMeasure.Record(rawValue: dataset) {
            case .events: return (.events, 0)
            case .index: return (.index, 0)
            case .triggers, .triggerIndex, nil: return nil
            }
        }
    }

    /// The parts of a block that are in the file: whose dataset they are of, which bytes of it, and where they begin in
    /// the block.
    public func parts(ofBlock block: Int, _ kind: EventBlocks) -> [(dataset: Int, bytes: Range<Int64>, offset: Int)] {
        if isPacked, kind == .events {
            let chunks = (Int(eventCount) - 1) / ECFEncoder.chunkLength + 1
            let each = blockLength / ECFEncoder.chunkLength
            let own = block * each..<min(chunks, (block + 1) * each)
            let bytes = Int64(own.lowerBound * chunkSize)..<Int64(own.upperBound * chunkSize)
            return [(EventsMeasure.Record.events.rawValue, bytes, 0)]
        }
        let widths: [(dataset: Int, bytes: Int)] =
            switch (measure.spec.layout, kind) {
            case (.columns, .events):
                [
                    (EventsMeasure.Column.t.rawValue, measure.timeBytes), (EventsMeasure.Column.x.rawValue, 2),
                    (EventsMeasure.Column.y.rawValue, 2), (EventsMeasure.Column.p.rawValue, 1),
                ]
            case (.prophesee, .events), (.ecf, .events): [(EventsMeasure.Record.events.rawValue, RecordWriter.size)]
            case (.columns, .index): [(EventsMeasure.Column.index.rawValue, measure.indexEntryBytes)]
            case (.prophesee, .index), (.ecf, .index): [(EventsMeasure.Record.index.rawValue, measure.indexEntryBytes)]
            }
        let (length, all) =
            kind == .events ? (blockLength, eventCount) : (EventsMeasure.indexBlock, Int64(storedEntries))
        let first = Int64(block) * Int64(length)
        let last = min(all, first + Int64(length))
        return widths.map { dataset, bytes in
            (dataset, first * Int64(bytes)..<last * Int64(bytes), place(ofDataset: dataset)?.offset ?? 0)
        }
    }

    // MARK: Blocks

    /// Computes a block and writes every byte of `memory`, which is `byteCount(kind)` long; what has no event is 0.
    ///
    /// - Throws: `RecordingError`.
    public func render(_ kind: EventBlocks, _ block: Int, into memory: UnsafeMutableRawBufferPointer) throws {
        switch kind {
        case .events: try renderEvents(block, memory)
        case .index: try renderIndex(block, memory)
        }
    }

    private func renderEvents(_ block: Int, _ memory: UnsafeMutableRawBufferPointer) throws(RecordingError) {
        let first = Int64(block) * Int64(blockLength)
        let ordinals = first..<max(first, min(eventCount, first + Int64(blockLength)))
        // The last block is not full; where a recording ends early, what is missing is 0 too.
        if ordinals.count < blockLength { memory.initializeMemory(as: UInt8.self, repeating: 0) }
        guard let start = memory.baseAddress else { return }
        let written: Int
        switch measure.spec.layout {
        case .ecf where isPacked: written = try writeChunks(ordinals, memory)
        case .prophesee, .ecf:
            written = try reader.write(
                numbered: ordinals, of: selection,
                to: RecordWriter(start.bindMemory(to: UInt64.self, capacity: 2 * blockLength)))
        case .columns where measure.isWide: written = try write(ordinals, Int64.self, start)
        case .columns: written = try write(ordinals, UInt32.self, start)
        }
        guard written == ordinals.count else { throw RecordingError.changed(reader.recording.path) }
    }

    private func writeChunks(
        _ ordinals: Range<Int64>, _ memory: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) -> Int {
        let scratch = try ECFScratch()
        defer { withExtendedLifetime(scratch) {} }
        let fits = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
        defer { fits.deallocate() }
        fits.initialize(to: true)
        let writer = ECFWriter(scratch, chunks: memory, chunkSize: chunkSize, fits: fits)
        let written = try reader.write(numbered: ordinals, of: selection, to: writer)
        if written % ECFEncoder.chunkLength > 0 { writer.finish(written) }
        // The index says how far times go, and how often back.
        guard fits.pointee else { throw RecordingError.changed(reader.recording.path) }
        return written
    }

    private func write<Time: FixedWidthInteger>(
        _ ordinals: Range<Int64>, _: Time.Type, _ start: UnsafeMutableRawPointer
    ) throws(RecordingError) -> Int {
        let time = MemoryLayout<Time>.size
        let length = blockLength
        let writer = ColumnWriter<Time>(
            x: (start + length * time).bindMemory(to: UInt16.self, capacity: length),
            y: (start + length * (time + 2)).bindMemory(to: UInt16.self, capacity: length),
            p: (start + length * (time + 4)).bindMemory(to: UInt8.self, capacity: length),
            t: start.bindMemory(to: Time.self, capacity: length))
        return try reader.write(numbered: ordinals, of: selection, to: writer)
    }

    /// Entries of the index, found by several threads at once: who opens a file often reads them all.
    private func renderIndex(_ block: Int, _ memory: UnsafeMutableRawBufferPointer) throws(RecordingError) {
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        let first = block * EventsMeasure.indexBlock
        let entries = min(first, shape.count)..<min(shape.count, first + EventsMeasure.indexBlock)
        let shift = shape.before
        // The boundaries that the entries are of.
        let wanted = (entries.lowerBound - shift..<entries.upperBound - shift).clamped(to: 0..<shape.boundaries)
        let found = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 2 * max(1, wanted.count))
        defer { found.deallocate() }
        found.initialize(repeating: 0)
        try find(wanted, found)
        let numbers = memory.bindMemory(to: Int64.self)
        for entry in entries {
            let boundary = entry - shift
            let place = entry - first
            if measure.spec.layout == .columns {
                numbers[place] = found[boundary - wanted.lowerBound].littleEndian
            } else {
                let (id, time) = try record(boundary, wanted, found)
                numbers[2 * place] = id.littleEndian
                numbers[2 * place + 1] = time.littleEndian
            }
        }
    }

    /// An entry of Prophesee's index: none before the events, each boundary's event, and the end.
    private func record(
        _ boundary: Int, _ wanted: Range<Int>, _ found: UnsafeMutableBufferPointer<Int64>
    ) throws(RecordingError) -> (id: Int64, time: Int64) {
        if boundary < 0 { return (0, -1) }
        if wanted.contains(boundary) {
            let place = boundary - wanted.lowerBound
            let id = found[place]
            return id < eventCount ? (id, found[wanted.count + place]) : (id, try lastTime())
        }
        return (eventCount, try lastTime())
    }

    /// The time of the last event; 0 without one.
    private func lastTime() throws(RecordingError) -> Int64 {
        guard eventCount > 0 else { return 0 }
        var record: (UInt64, UInt64) = (0, 0)
        let failure = withUnsafeMutablePointer(to: &record) { record -> RecordingError? in
            record.withMemoryRebound(to: UInt64.self, capacity: 2) { words in
                do throws(RecordingError) {
                    _ = try reader.write(
                        numbered: eventCount - 1..<eventCount, of: selection, to: RecordWriter(words))
                    return nil
                } catch { return error }
            }
        }
        if let failure { throw failure }
        return Int64(bitPattern: UInt64(littleEndian: record.1))
    }

    private func find(_ wanted: Range<Int>, _ found: UnsafeMutableBufferPointer<Int64>) throws(RecordingError) {
        guard !wanted.isEmpty, let start = found.baseAddress else { return }
        struct Target: @unchecked Sendable { let ordinals: UnsafeMutablePointer<Int64> }
        let target = Target(ordinals: start)
        let parts = min(threads, max(1, wanted.count / 64))
        let failure = Mutex<RecordingError?>(nil)
        let variant = KernelVariant.current
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let range = wanted.count * part / parts..<wanted.count * (part + 1) / parts
            KernelVariant.current = variant
            do throws(RecordingError) {
                try reader.find(
                    BoundaryTimes(first: 0, step: shape.step), from: wanted.lowerBound + range.lowerBound,
                    count: range.count, of: selection,
                    ordinals: target.ordinals + range.lowerBound,
                    times: target.ordinals + wanted.count + range.lowerBound)
            } catch { failure.withLock { $0 = $0 ?? error } }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
