// From a recording's path and a specification to a virtual file; files in use are remembered.

import Datasets
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
final class TensorLibrary: Sendable {
    /// What `stat` needs of a virtual file: arithmetic, nothing of which is kept.
    struct Facts: Sendable {
        /// The recording's state that the facts are of.
        let status: FileStatus
        /// Bytes of the file.
        let size: Int64
        /// Bytes of the file besides the tensor, which are always held.
        let wrapping: Int64
        let measure: TensorMeasure
        let recording: RecordingSummary
    }

    private final class Weak: Sendable {
        weak let tensor: OpenTensor?
        init(_ tensor: OpenTensor) { self.tensor = tensor }
    }

    private struct Numbered {
        let status: FileStatus
        let number: UInt64
    }

    private struct Counted {
        let status: FileStatus
        let frameCount: Int
    }

    private struct State {
        var open: [String: Weak] = [:]
        /// When `open` has this many entries, those of files that are gone are looked for.
        var sweepAt = 64
        /// The most recently used files, newest last: opening one again costs nothing.
        var recent: [OpenTensor] = []
        /// The numbers of files that were opened. Who falls out gets another one, and its frames are made again.
        var numbers = RecentTable<String, Numbered>(limit: 200_000)
        /// Frames of files whose number of frames only the events tell.
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
    private let sizes: TensorSizes
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
        sizes = TensorSizes(programVersion: programVersion)
    }

    // MARK: Sizes

    /// The facts of a virtual file if they are known for the recording as it is now; never scans.
    func knownFacts(_ key: String, _ spec: TensorSpec, path: String, part: Int?) -> Facts? {
        guard let known = catalog.knownSummary(path) else { return nil }
        return try? facts(key, spec, path, part, known.status, known.summary, mayCount: false)
    }

    /// The facts of a virtual file, after a scan of the recording if it is new.
    func facts(_ key: String, _ spec: TensorSpec, path: String, part: Int?) throws(FileSystemError) -> Facts {
        let (status, summary) = try catalog.summary(path)
        do {
            guard let facts = try facts(key, spec, path, part, status, summary, mayCount: true) else {
                throw FileSystemError(EIO, "'\(path)' changes faster than it can be read")
            }
            return facts
        } catch { throw TensorLibrary.explain(error, path) }
    }

    private func facts(
        _ key: String, _ spec: TensorSpec, _ path: String, _ part: Int?, _ status: FileStatus,
        _ summary: RecordingSummary, mayCount: Bool
    ) throws -> Facts? {
        let totals = EventTotals(summary)
        try checkPart(spec, totals, path, part)
        let measure = try TensorMeasure(spec: spec, geometry: summary.geometry, totals: totals, part: part)
        guard
            let frameCount = try measure.frameCount ?? frameCount(key, spec, path, part, status, mayCount: mayCount)
        else { return nil }
        let wrapping = try sizes.wrapping(measure, frameCount: frameCount, summary, name: split(path).name)
        let perFrame = measure.frameBytes + (spec.isCounted ? MemoryLayout<Int64>.size : 0)
        let (tensor, overflow) = perFrame.multipliedReportingOverflow(by: frameCount)
        guard !overflow, tensor < Int.max / 2 else {
            throw TensorError(.notApplicable, "\(frameCount) frames of \(perFrame) bytes are more than a file can hold")
        }
        return Facts(
            status: status, size: wrapping + Int64(tensor), wrapping: wrapping, measure: measure, recording: summary)
    }

    private func checkPart(_ spec: TensorSpec, _ totals: EventTotals, _ path: String, _ part: Int?) throws {
        guard spec.maxDuration != nil else { return }
        let parts = try TensorMeasure.partCount(spec, totals)
        guard (part ?? 0) < parts else {
            throw FileSystemError(
                ENOENT, "'\(path)' has \(parts) parts of this duration; there is no part \(part ?? 0)", level: .debug)
        }
    }

    /// The frames of a file whose number the totals do not tell; nil when it is not known, unless it `mayCount` them.
    private func frameCount(
        _ key: String, _ spec: TensorSpec, _ path: String, _ part: Int?, _ status: FileStatus, mayCount: Bool
    ) throws -> Int? {
        if let known = state.withLock({ $0.counts[key] }), known.status == status { return known.frameCount }
        guard mayCount else { return nil }
        let tensor = try open(key, spec, path: path, part: part)
        return tensor.recording.status == status ? tensor.plan.frameCount : nil
    }

    /// Bytes that are really held of a virtual file: what is around the tensor, and its frames on disk.
    func heldBytes(_ facts: Facts) -> Int64 {
        guard let disk = frames.disk, !disk.holdsNothing else { return facts.wrapping }
        return facts.wrapping.saturating(adding: disk.heldBytes(sizes.cacheKey(facts.measure, facts.recording)))
    }

    /// How many parts of `spec.maxDuration` the recording at `path` has; scans it if it is new.
    func partCount(_ spec: TensorSpec, path: String) throws(FileSystemError) -> Int {
        let (_, summary) = try catalog.summary(path)
        do { return try TensorMeasure.partCount(spec, EventTotals(summary)) } catch {
            throw TensorLibrary.explain(error, path)
        }
    }

    /// Names the file in the store of what users added.
    func sidecarKey(_ spec: TensorSpec, path: String, part: Int?) throws(FileSystemError) -> SidecarKey {
        SidecarKey(
            recordingPath: try source.resolved(path), preprocessing: spec.preprocessingText, window: spec.windowText,
            part: part)
    }

    // MARK: Files

    /// The virtual file for the recording as it is now.
    /// - Throws: `FileSystemError` with ENOENT when there is no such recording or part.
    func open(_ key: String, _ spec: TensorSpec, path: String, part: Int?) throws(FileSystemError) -> OpenTensor {
        let status = try source.status(path)
        if let tensor = state.withLock({ $0.open[key]?.tensor }), tensor.recording.status == status {
            keepRecent(tensor)
            return tensor
        }
        let recording = try catalog.open(path)
        let tensor: OpenTensor
        do { tensor = try make(key, spec, path, part, recording) } catch { throw TensorLibrary.explain(error, path) }
        keepRecent(tensor)
        return tensor
    }

    private func make(
        _ key: String, _ spec: TensorSpec, _ path: String, _ part: Int?, _ recording: Recording
    ) throws -> OpenTensor {
        let index = try indexes.index(of: recording)
        try checkPart(spec, EventTotals(index), path, part)
        let plan = try TensorPlan(spec: spec, recording: recording, index: index, part: part)
        recording.letGo()
        let name = split(path).name
        let summary = RecordingSummary(recording, index)
        let layout = try TensorFileLayout.make(
            TensorFileDescription(
                plan.measure, frameCount: plan.frameCount, of: summary, name: name, programVersion: programVersion))
        if !sizes.note(layout, plan.measure, summary, name: name) {
            logger.error(
                "'\(key)' was listed with another size than the \(layout.size) bytes that it has; please report this")
        }
        let sidecarKey = try sidecarKey(spec, path: path, part: part)
        let cacheKey = sizes.cacheKey(plan.measure, summary)
        return state.withLock { state in
            let tensor = OpenTensor(
                recording: recording, path: path, index: index, plan: plan, layout: layout,
                number: number(key, recording.status, &state), cacheKey: cacheKey, sidecarKey: sidecarKey)
            if plan.measure.frameCount == nil {
                state.counts[key] = Counted(status: recording.status, frameCount: plan.frameCount)
            }
            if state.open.count >= state.sweepAt {
                state.open = state.open.filter { $0.value.tensor != nil }
                state.sweepAt = max(64, 2 * state.open.count)
            }
            state.open[key] = Weak(tensor)
            return tensor
        }
    }

    /// The same content keeps its number, and with it its frames.
    private func number(_ key: String, _ status: FileStatus, _ state: inout State) -> UInt64 {
        if let known = state.numbers[key] {
            if known.status == status { return known.number }
            frames.drop(tensor: known.number)
        }
        defer { state.nextNumber += 1 }
        state.numbers[key] = Numbered(status: status, number: state.nextNumber)
        return state.nextNumber
    }

    private func keepRecent(_ tensor: OpenTensor) {
        let leaving = state.withLock { state -> OpenTensor? in
            state.recent.removeAll { $0 === tensor }
            state.recent.append(tensor)
            return state.recent.count > TensorLibrary.recentLimit ? state.recent.removeFirst() : nil
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
        state.withLock { state in state.recent.removeAll { tensor in outdated.contains { $0 === tensor } } }
        for tensor in outdated { frames.drop(tensor: tensor.number) }
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

extension Recording {
    /// What a sidecar remembers of its recording.
    package func sidecarState(of preprocessing: any Preprocessing) -> RecordingState {
        RecordingState(
            device: identity.device, inode: identity.inode, size: identity.size, modified: identity.modified,
            headerDigest: sidecarDigest(identity.headerDigest, preprocessing) ^ readingDigest)
    }
}

extension TensorLibrary.Facts {
    /// The same, of a recording that need not be open.
    var sidecarState: RecordingState {
        RecordingState(
            device: status.device, inode: recording.inode, size: recording.size, modified: recording.modified,
            headerDigest: sidecarDigest(recording.headerDigest, measure.spec.preprocessing) ^ recording.readingDigest)
    }
}

/// What was added to a tensor of a preprocessing of the user's own is carried over when that becomes another, as if the
/// recording had changed.
private func sidecarDigest(_ header: UInt32, _ preprocessing: any Preprocessing) -> UInt64 {
    // FNV-1a; 0 for evh5's own preprocessings, whose changes are evh5's.
    let version = preprocessing.version?.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return UInt64(header) ^ (version ?? 0)
}
