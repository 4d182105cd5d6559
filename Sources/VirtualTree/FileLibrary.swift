// From a recording's path and a specification to a virtual file; files in use are remembered.

import Datasets
import EventFiles
import Files
import Foundation
import FrameStore
import Logging
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors

/// Makes virtual files of recordings; tells their sizes, and remembers the files themselves while they are in use.
final class FileLibrary: Sendable {
    /// What `stat` needs of a virtual file: arithmetic, nothing of which is kept.
    struct Facts: Sendable {
        /// The recording's state that the facts are of.
        let status: FileStatus
        /// Bytes of the file.
        let size: Int64
        /// Bytes of the file besides what is computed, which are always held.
        let wrapping: Int64
        let measure: FileMeasure
        let lists: FileLists
        let recording: RecordingSummary
    }

    private final class Weak: Sendable {
        weak let file: RecordingFile?
        init(_ file: RecordingFile) { self.file = file }
    }

    private struct Numbered {
        let status: FileStatus
        /// The digest of the lists that it is made by; nil without one.
        let list: UInt64?
        let numbers: [UInt64]
    }

    private struct Counted {
        let status: FileStatus
        let counts: FileCounts
    }

    private struct State {
        var open: [String: Weak] = [:]
        /// When `open` has this many entries, those of files that are gone are looked for.
        var sweepAt = 64
        /// The most recently used files, newest last: opening one again costs nothing.
        var recent: [RecordingFile] = []
        /// The numbers of files that were opened. Who falls out gets another one, and its frames are made again.
        var numbers = RecentTable<String, Numbered>(limit: 200_000)
        /// The elements of files whose number of elements only the events tell.
        var counts = RecentTable<String, Counted>(limit: 200_000)
        var nextNumber: UInt64 = 1
    }

    private static let recentLimit = 16

    private let source: SourceTree
    private let catalog: RecordingCatalog
    private let indexes: IndexStore
    private let frames: FrameStore
    private let programVersion: String
    private let logger: Logger
    private let sizes: FileSizes
    private let lists: ListFiles
    private let state = Mutex(State())

    init(
        source: SourceTree, catalog: RecordingCatalog, indexes: IndexStore, frames: FrameStore, programVersion: String,
        logger: Logger
    ) {
        self.source = source
        self.catalog = catalog
        self.indexes = indexes
        self.frames = frames
        self.programVersion = programVersion
        self.logger = logger
        sizes = FileSizes(programVersion: programVersion)
        lists = ListFiles(source: source)
    }

    // MARK: Sizes

    /// The facts of a virtual file if they are known for the recording as it is now; never scans.
    func knownFacts(_ key: String, _ spec: FileSpec, path: String, part: Int?) -> Facts? {
        guard let lists = lists.peek(spec, path: path), let known = catalog.knownSummary(path) else { return nil }
        return try? facts(key, spec, path, part, known.status, known.summary, lists, mayCount: false)
    }

    /// The facts of a virtual file, after a scan of the recording if it is new.
    func facts(_ key: String, _ spec: FileSpec, path: String, part: Int?) throws(FileSystemError) -> Facts {
        // A list that is missing is found out sooner than what a scan finds.
        let lists = try lists.lists(spec, path: path)
        let (status, summary) = try catalog.summary(path)
        do {
            guard let facts = try facts(key, spec, path, part, status, summary, lists, mayCount: true) else {
                throw FileSystemError(EIO, "'\(path)' changes faster than it can be read")
            }
            return facts
        } catch { throw FileLibrary.explain(error, path) }
    }

    private func facts(
        _ key: String, _ spec: FileSpec, _ path: String, _ part: Int?, _ status: FileStatus,
        _ summary: RecordingSummary, _ lists: FileLists, mayCount: Bool
    ) throws -> Facts? {
        try checkPart(spec, summary, path, part)
        let measure = try FileMeasure(lists.applied(to: spec), summary, part: part, times: lists.times)
        guard
            let counts = try measure.counts ?? counts(key, spec, path, part, status, mayCount: mayCount)
        else { return nil }
        let wrapping = try sizes.wrapping(measure, counts, summary, name: split(path).name)
        let computed = try measure.computedBytes(counts, of: summary)
        return Facts(
            status: status, size: wrapping + computed, wrapping: wrapping, measure: measure, lists: lists,
            recording: summary)
    }

    private func checkPart(_ spec: FileSpec, _ recording: RecordingSummary, _ path: String, _ part: Int?) throws {
        guard spec.maxDuration != nil else { return }
        let parts = try spec.partCount(recording)
        guard (part ?? 0) < parts else {
            throw FileSystemError(
                ENOENT, "'\(path)' has \(parts) parts of this duration; there is no part \(part ?? 0)", level: .debug)
        }
    }

    /// The elements of a file whose number the totals do not tell; nil when it is not known, unless it `mayCount` them.
    private func counts(
        _ key: String, _ spec: FileSpec, _ path: String, _ part: Int?, _ status: FileStatus, mayCount: Bool
    ) throws -> FileCounts? {
        if let known = state.withLock({ $0.counts[key] }), known.status == status { return known.counts }
        guard mayCount else { return nil }
        let file = try open(key, spec, path: path, part: part)
        return file.recording.status == status ? file.counts : nil
    }

    /// Bytes that are really held of a virtual file: what is around the computed datasets, and their blocks on disk.
    func heldBytes(_ facts: Facts) -> Int64 {
        guard let disk = frames.disk, !disk.holdsNothing else { return facts.wrapping }
        return facts.wrapping.saturating(adding: disk.heldBytes(sizes.cacheKey(facts.measure, facts.recording)))
    }

    /// How many parts of `spec.maxDuration` the recording at `path` has; scans it if it is new.
    func partCount(_ spec: FileSpec, path: String) throws(FileSystemError) -> Int {
        let (_, summary) = try catalog.summary(path)
        do { return try spec.partCount(summary) } catch {
            throw FileLibrary.explain(error, path)
        }
    }

    /// Names the file in the store of what users added.
    func sidecarKey(_ spec: FileSpec, path: String, part: Int?) throws(FileSystemError) -> SidecarKey {
        let names = spec.sidecarNames
        return SidecarKey(
            recordingPath: try source.resolved(path), preprocessing: names.preprocessing, window: names.window,
            part: part)
    }

    // MARK: Files

    /// The virtual file for the recording as it is now.
    /// - Throws: `FileSystemError` with ENOENT when there is no such recording or part.
    func open(_ key: String, _ spec: FileSpec, path: String, part: Int?) throws(FileSystemError) -> RecordingFile {
        let lists = try lists.lists(spec, path: path)
        let status = try source.status(path)
        if let file = state.withLock({ $0.open[key]?.file }), file.recording.status == status,
            file.lists.digest == lists.digest
        {
            keepRecent(file)
            return file
        }
        let recording = try catalog.open(path)
        let file: RecordingFile
        do { file = try make(key, lists.applied(to: spec), path, part, recording, lists) } catch {
            throw FileLibrary.explain(error, path)
        }
        keepRecent(file)
        return file
    }

    private func make(
        _ key: String, _ spec: FileSpec, _ path: String, _ part: Int?, _ recording: Recording,
        _ lists: FileLists
    ) throws -> RecordingFile {
        let index = try indexes.index(of: recording)
        let summary = RecordingSummary(recording, index)
        try checkPart(spec, summary, path, part)
        let measure: FileMeasure
        let counts: FileCounts
        let content: any FileContent
        switch spec {
        case .tensor(let spec):
            let plan = try TensorPlan(
                spec: spec, recording: recording, index: index, part: part, times: lists.times, store: indexes)
            // As the facts have it: the times of triggers are in the index only.
            measure = .tensor(
                try TensorMeasure(
                    spec: spec, geometry: recording.geometry, totals: EventTotals(index), part: part,
                    times: lists.times))
            counts = .frames(plan.frameCount)
            content = TensorContent(plan)
        case .events(let spec):
            let events = try EventsMeasure(spec, summary, part: part)
            let plan = try EventsPlan(events, recording, index)
            measure = .events(events)
            counts = .events(plan.counts)
            content = EventsContent(plan)
        }
        recording.letGo()
        let name = split(path).name
        let description = try measure.description(counts, of: summary, name: name, programVersion: programVersion)
        let layout = try FileLayout.make(description)
        if !sizes.note(layout, measure, counts, summary, name: name) {
            logger.error(
                "'\(key)' was listed with another size than the \(layout.size) bytes that it has; please report this")
        }
        let sidecarKey = try sidecarKey(spec, path: path, part: part)
        let cacheKey = sizes.cacheKey(measure, summary)
        return state.withLock { state in
            let names = RecordingFile.Names(
                numbers: numbers(key, recording.status, lists.digest, content.series.count, &state),
                cacheKey: cacheKey,
                sidecarKey: sidecarKey)
            let file = RecordingFile(
                recording: recording, path: path, index: index, spec: spec, counts: counts, content: content,
                layout: layout, expectation: description.expectation(layout), names: names, lists: lists)
            if measure.counts == nil {
                state.counts[key] = Counted(status: recording.status, counts: counts)
            }
            if state.open.count >= state.sweepAt {
                state.open = state.open.filter { $0.value.file != nil }
                state.sweepAt = max(64, 2 * state.open.count)
            }
            state.open[key] = Weak(file)
            return file
        }
    }

    /// The same content keeps its numbers, one for each series of blocks, and with them its blocks.
    private func numbers(
        _ key: String, _ status: FileStatus, _ list: UInt64?, _ count: Int, _ state: inout State
    ) -> [UInt64] {
        if let known = state.numbers[key] {
            if known.status == status, known.list == list { return known.numbers }
            for number in known.numbers { frames.drop(tensor: number) }
        }
        let numbers = (0..<UInt64(count)).map { state.nextNumber + $0 }
        state.nextNumber += UInt64(count)
        state.numbers[key] = Numbered(status: status, list: list, numbers: numbers)
        return numbers
    }

    private func keepRecent(_ file: RecordingFile) {
        let leaving = state.withLock { state -> RecordingFile? in
            state.recent.removeAll { $0 === file }
            state.recent.append(file)
            return state.recent.count > FileLibrary.recentLimit ? state.recent.removeFirst() : nil
        }
        // Freed here, outside the lock.
        _ = consume leaving
        dropOutdated()
    }

    /// Lets go of files whose recording was deleted or is another by now: they would keep its disk space, and frames
    /// nobody can ask for.
    func dropOutdated() {
        let recent = state.withLock { $0.recent }
        let outdated = recent.filter { (try? FileStatus(path: $0.recording.path)) != $0.recording.status }
        guard !outdated.isEmpty else { return }
        state.withLock { state in state.recent.removeAll { file in outdated.contains { $0 === file } } }
        for file in outdated { for number in file.names.numbers { frames.drop(tensor: number) } }
    }

    /// An error of the layers below as what the caller of a system call is told.
    static func explain(_ error: any Error, _ path: String) -> FileSystemError {
        switch error {
        case let error as FileSystemError: return error
        case let error as SidecarError:
            return FileSystemError(error.errno, "'\(path)': \(error.message)", cause: error)
        case let error as RecordingError:
            if error.code == .interrupted {
                return FileSystemError(EINTR, "'\(path)': \(error.message)", level: .debug, cause: error)
            }
            let number: Int32 =
                switch error.code {
                case .interrupted: EINTR
                case .changed: ESTALE
                case .notARecording, .geometryMissing, .geometryUnusable, .encodingMissing, .headerContradiction: ENOENT
                case .unreadable, .unwritable: (error.cause as? FileError)?.errno ?? EIO
                }
            return FileSystemError(number, "'\(path)': \(error.message)", cause: error)
        case let error as FrameStoreError where error.code == .interrupted:
            return FileSystemError(EINTR, "'\(path)': \(error.message)", level: .debug, cause: error)
        case let error as FrameStoreError:
            return FileSystemError(ENOMEM, "'\(path)': \(error.message)", cause: error)
        case let error as TensorError where error.code == .preprocessingFailed:
            return FileSystemError(EIO, "'\(path)': \(error.message)", cause: error)
        case let error as TensorError:
            return FileSystemError(ENOENT, "'\(path)': \(error.message)", level: .warning, cause: error)
        default: return FileSystemError(EIO, "'\(path)': \(error)", cause: error)
        }
    }
}
