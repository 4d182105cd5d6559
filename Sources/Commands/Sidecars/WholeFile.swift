// A virtual file as an ordinary one: head and tail from a sidecar, what is computed from its recording or left out.

import Datasets
import EventFiles
import Files
import Foundation
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors
import VirtualTree

/// What is computed of a virtual file, from the recording that users added to.
struct ExportedContent {
    enum Plan {
        case tensor(TensorPlan)
        case events(EventsPlan)
    }

    let plan: Plan
    let recording: Recording
    let index: TimeIndex

    init(
        _ key: SidecarKey, _ source: SidecarFile, access: RecordingAccess, registry: PreprocessingRegistry
    ) throws(CommandError) {
        let description: FileDescription
        var version: String?
        do {
            recording = try access.open(key.recordingPath)
            let progress = Progress(key.recordingPath, total: recording.status.size)
            defer { progress.end() }
            index = try access.store.index(of: recording) { progress.update($0) }
            let summary = RecordingSummary(recording, index)
            if key.window.isEmpty {
                let measure = try EventsMeasure(
                    EventsSpec(key.preprocessing).withList(beside: key.recordingPath), summary, part: key.part)
                let events = try EventsPlan(measure, recording, index)
                plan = .events(events)
                version = measure.spec.ownVersion(measure.listDigest)
                description = measure.description(
                    events.counts, of: summary, name: "", programVersion: "")
            } else {
                let spec = try TensorSpec(preprocessing: key.preprocessing, window: key.window, registry: registry)
                let tensor = try TensorPlan(
                    spec: spec.withList(beside: key.recordingPath), recording: recording, index: index, part: key.part,
                    times: TimesFile.read(spec, beside: key.recordingPath), store: access.store)
                plan = .tensor(tensor)
                version = spec.ownVersion(tensor.measure.listDigest)
                description = try TensorFileDescription(
                    tensor, of: recording, index, name: "", programVersion: ""
                ).file()
            }
        } catch {
            throw CommandError(.recordingUnusable, "what is computed of it cannot be made: \(error)", cause: error)
        }
        let state = recording.sidecarState(version)
        guard state.isSameContent(as: source.recording), source.layout.datasets == description.computedDatasets else {
            throw CommandError(
                .recordingUnusable,
                "'\(key.recordingPath)' is not what it was when this was added: open the file in a mount, which carries it over, "
                    + "or export without the tensor")
        }
    }
}

/// Writes a whole virtual file.
struct WholeFile {
    private let source: SidecarFile
    private let content: ExportedContent?

    /// - Parameter content: nil leaves a hole in its place.
    init(_ source: SidecarFile, _ content: ExportedContent?) {
        self.source = source
        self.content = content
    }

    /// Makes the file at `path`, which is removed when that fails.
    func write(to path: String) throws(CommandError) {
        let descriptor = try WholeFile.attempt { () throws(FileError) in
            try FileCalls.open(path, O_WRONLY | O_CREAT | O_EXCL, permissions: 0o666)
        }
        defer { close(descriptor) }
        do throws(CommandError) {
            let size = try Sidecar.attempt { () throws(SidecarError) in try source.size() }
            let layout = source.layout
            try WholeFile.attempt { () throws(FileError) in
                try FileCalls.truncate(descriptor, to: size, path)
            }
            try copy(0..<min(layout.dataOffset, size), to: descriptor, path)
            if layout.tailOffset < size { try copy(layout.tailOffset..<size, to: descriptor, path) }
            if let content { try writeComputed(content, to: descriptor, path) }
        } catch {
            unlink(path)
            throw error
        }
    }

    private func copy(_ range: Range<Int64>, to descriptor: Int32, _ path: String) throws(CommandError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(Int64(buffer.count), range.upperBound - position))])
            try Sidecar.attempt { () throws(SidecarError) in try source.read(into: part, at: position) }
            try WholeFile.write(UnsafeRawBufferPointer(part), to: descriptor, at: position, path)
            position += Int64(part.count)
        }
    }

    /// Computes what is computed, and writes it where it belongs.
    private func writeComputed(_ content: ExportedContent, to descriptor: Int32, _ path: String) throws(CommandError) {
        let layout = source.layout
        let offsets = layout.offsets
        switch content.plan {
        case .tensor(let plan):
            try writeBlocks(plan.frameCount, of: plan.frameBytes, descriptor, path) { frame, memory, put throws in
                try plan.render(frame: frame, into: memory)
                try put(layout.dataOffset + Int64(frame) * Int64(plan.frameBytes), UnsafeRawBufferPointer(memory))
            }
        case .events(let plan):
            for kind in EventBlocks.allCases {
                try writeBlocks(plan.count(kind), of: plan.byteCount(kind), descriptor, path) {
                    block, memory, put throws in
                    try plan.render(kind, block, into: memory)
                    for part in plan.parts(ofBlock: block, kind) {
                        guard let offset = offsets[part.dataset] else { continue }
                        try put(
                            offset + part.bytes.lowerBound,
                            UnsafeRawBufferPointer(rebasing: memory[part.offset..<part.offset + part.bytes.count]))
                    }
                }
            }
        }
        do {
            switch content.plan {
            case .tensor(let plan):
                for (offset, times) in zip(offsets.dropFirst(), try plan.allTimes()) {
                    guard let offset else { continue }
                    try times.map(\.littleEndian).withUnsafeBytes {
                        try WholeFile.write($0, to: descriptor, at: offset, path)
                    }
                }
            case .events(let plan):
                for (number, (dataset, offset)) in zip(layout.datasets, offsets).enumerated()
                where plan.place(ofDataset: number) == nil {
                    guard let offset else { continue }
                    try writeParts(dataset.storedBytes, at: offset, to: descriptor, path) {
                        plan.bytes(ofDataset: number, $0)
                    }
                }
                for index in layout.chunkIndexes {
                    try writeParts(index.byteCount, at: index.offset, to: descriptor, path) { index.bytes(in: $0) }
                }
            }
            _ = try content.index.checkUnchanged(in: content.recording, checked: nil)
        } catch let error as CommandError { throw error } catch {
            throw CommandError(.recordingUnusable, "what is computed of it cannot be made: \(error)", cause: error)
        }
    }

    /// Writes the bytes that `make` makes, a megabyte at a time.
    private func writeParts(
        _ count: Int64, at offset: Int64, to descriptor: Int32, _ path: String, _ make: (Range<Int64>) -> [UInt8]
    ) throws {
        for start in stride(from: 0, to: count, by: 1 << 20) {
            try make(start..<min(count, start + (1 << 20))).withUnsafeBytes {
                try WholeFile.write($0, to: descriptor, at: offset + start, path)
            }
        }
    }

    private typealias Put = (Int64, UnsafeRawBufferPointer) throws -> Void

    /// Has blocks computed, as many at a time as there are processors; `body` writes each by what it is given.
    private func writeBlocks(
        _ count: Int, of byteCount: Int, _ descriptor: Int32, _ path: String,
        _ body: @Sendable (Int, UnsafeMutableRawBufferPointer, Put) throws -> Void
    ) throws(CommandError) {
        let progress = RateProgress("exporting", total: Int64(byteCount) * Int64(count))
        defer { progress.end() }
        let next = Mutex((block: 0, failure: CommandError?.none))
        DispatchQueue.concurrentPerform(iterations: max(1, ProcessInfo.processInfo.activeProcessorCount)) { _ in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
            defer { memory.deallocate() }
            while true {
                let block = next.withLock { next -> Int? in
                    guard next.failure == nil, next.block < count else { return nil }
                    defer { next.block += 1 }
                    return next.block
                }
                guard let block else { return }
                do {
                    try body(block, memory) { try WholeFile.write($1, to: descriptor, at: $0, path) }
                    progress.update(Int64(block + 1) * Int64(byteCount))
                } catch {
                    let failure =
                        error as? CommandError
                        ?? CommandError(.recordingUnusable, "block \(block) cannot be computed: \(error)", cause: error)
                    next.withLock { $0.failure = $0.failure ?? failure }
                }
            }
        }
        if let failure = next.withLock({ $0.failure }) { throw failure }
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, _ path: String
    ) throws(CommandError) {
        try attempt { () throws(FileError) in try FileCalls.write(bytes, to: descriptor, at: offset, path) }
    }

    private static func attempt<R>(_ body: () throws(FileError) -> R) throws(CommandError) -> R {
        do throws(FileError) { return try body() } catch {
            throw CommandError(.outputUnwritable, error.message, cause: error)
        }
    }
}
