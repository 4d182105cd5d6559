// From a recording's path and a specification to a virtual file, with what was found out remembered.

import Datasets
import Files
import Foundation
import FrameStore
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors

/// Makes virtual files of recordings; remembers their sizes, and the files themselves while they are in use.
final class TensorLibrary: Sendable {
    /// What `stat` needs of a virtual file.
    struct Facts: Sendable {
        /// The recording's state that the facts are of.
        let status: FileStatus
        let size: Int64
        /// Bytes of the file besides the tensor, which are always held.
        let wrapping: Int64
        /// Names its frames on disk.
        let cacheKey: CacheKey
        /// Names the tensor in the frame store.
        let number: UInt64
        /// Names the file in the store of what users added.
        let sidecarKey: SidecarKey
        let recording: RecordingState
    }

    private final class Weak: Sendable {
        weak let tensor: OpenTensor?
        init(_ tensor: OpenTensor) { self.tensor = tensor }
    }

    private struct State {
        var facts: [String: Facts] = [:]
        var open: [String: Weak] = [:]
        /// The most recently used files, newest last: opening one again costs nothing.
        var recent: [OpenTensor] = []
        var nextNumber: UInt64 = 1
    }

    private static let recentLimit = 16
    private static let factsLimit = 200_000

    private let source: SourceTree
    private let catalog: RecordingCatalog
    private let indexes: IndexStore
    private let frames: FrameStore
    private let programVersion: String
    private let state = Mutex(State())

    init(
        source: SourceTree, catalog: RecordingCatalog, indexes: IndexStore, frames: FrameStore, programVersion: String
    ) {
        self.source = source
        self.catalog = catalog
        self.indexes = indexes
        self.frames = frames
        self.programVersion = programVersion
    }

    /// The facts of a virtual file if they are known for the recording as it is now; never scans.
    func knownFacts(_ key: String, path: String) -> Facts? {
        guard let facts = state.withLock({ $0.facts[key] }), let status = try? source.status(path),
            status == facts.status
        else { return nil }
        return facts
    }

    /// The facts of a virtual file, after a scan of the recording if it is new.
    func facts(_ key: String, _ spec: TensorSpec, path: String, part: Int?) throws(FileSystemError) -> Facts {
        if let facts = knownFacts(key, path: path) { return facts }
        _ = try open(key, spec, path: path, part: part)
        guard let facts = state.withLock({ $0.facts[key] }) else {
            throw FileSystemError(EIO, "'\(path)' changes faster than it can be read")
        }
        return facts
    }

    /// Bytes that are really held of a virtual file: what is around the tensor, and its frames on disk.
    func heldBytes(_ facts: Facts) -> Int64 { facts.wrapping + (frames.disk?.heldBytes(facts.cacheKey) ?? 0) }

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
        do {
            let index = try indexes.index(of: recording)
            let parts = try TensorPlan.partCount(spec, index)
            guard (part ?? 0) < parts else {
                throw FileSystemError(
                    ENOENT, "'\(path)' has \(parts) parts of this duration; there is no part \(part ?? 0)",
                    level: .debug)
            }
            let plan = try TensorPlan(spec: spec, recording: recording, index: index, part: part)
            let layout = try TensorFileLayout.make(
                TensorFileDescription(
                    plan, of: recording, index, name: split(path).name, programVersion: programVersion))
            let sidecarKey = SidecarKey(
                recordingPath: try source.resolved(path), preprocessing: spec.preprocessingText,
                window: spec.windowText, part: part)
            tensor = state.withLock { state in
                // The same content keeps its number, and with it its frames.
                let known = state.facts[key].flatMap { $0.status == recording.status ? $0.number : nil }
                if let old = state.facts[key]?.number, known == nil { frames.drop(tensor: old) }
                let number = known ?? state.nextNumber
                if known == nil { state.nextNumber += 1 }
                let tensor = OpenTensor(
                    recording: recording, path: path, index: index, plan: plan, layout: layout, number: number,
                    sidecarKey: sidecarKey)
                if state.facts.count >= TensorLibrary.factsLimit { state.facts.removeAll() }
                state.facts[key] = Facts(
                    status: recording.status, size: layout.size,
                    wrapping: Int64(layout.head.count + layout.tail.count), cacheKey: tensor.cacheKey, number: number,
                    sidecarKey: sidecarKey, recording: recording.sidecarState(of: spec.preprocessing))
                state.open = state.open.filter { $0.value.tensor != nil }
                state.open[key] = Weak(tensor)
                return tensor
            }
        } catch { throw TensorLibrary.explain(error, path) }
        keepRecent(tensor)
        return tensor
    }

    /// How many parts of `spec.maxDuration` the recording at `path` has; scans it if it is new.
    func partCount(_ spec: TensorSpec, path: String) throws(FileSystemError) -> Int {
        let recording = try catalog.open(path)
        do { return try TensorPlan.partCount(spec, indexes.index(of: recording)) } catch {
            throw TensorLibrary.explain(error, path)
        }
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

    /// Lets go of files whose recording was deleted or is another by now: they would keep its disk space, and frames nobody can ask for.
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
            let number: Int32 =
                switch error.code {
                case .changed: ESTALE
                case .notARecording, .geometryMissing, .geometryUnusable, .encodingMissing, .headerContradiction: ENOENT
                case .unreadable, .unwritable: (error.cause as? FileError)?.errno ?? EIO
                }
            return FileSystemError(number, "'\(path)': \(error.message)", cause: error)
        case let error as TensorError where error.code == .preprocessingFailed:
            return FileSystemError(EIO, "'\(path)': \(error.message)", cause: error)
        case let error as TensorError:
            return FileSystemError(ENOENT, "'\(path)': \(error.message)", level: .warning, cause: error)
        default: return FileSystemError(EIO, "'\(path)': \(error)", cause: error)
        }
    }
}

extension Recording {
    /// What a sidecar remembers of its recording. What was added to a tensor of a preprocessing of the user's own is carried over when
    /// that becomes another, as if the recording had changed.
    package func sidecarState(of preprocessing: any Preprocessing) -> RecordingState {
        // FNV-1a; 0 for evh5's own preprocessings, whose changes are evh5's.
        let version = preprocessing.version?.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return RecordingState(
            device: identity.device, inode: identity.inode, size: identity.size, modified: identity.modified,
            headerDigest: UInt64(identity.headerDigest) ^ (version ?? 0) ^ readingDigest)
    }
}
