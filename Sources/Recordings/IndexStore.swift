// Time indexes that were made once: in memory and on disk, one scan per recording however many ask.

import Files
import Foundation
import Synchronization

/// Keeps time indexes in a folder and in memory. Safe to use from many threads, and the folder by many processes.
///
/// A folder that cannot be read or written never fails a call: the recording is scanned again, and `lastProblem` says
/// why.
public final class IndexStore: Sendable {
    let directory: String?
    private let layout: TimeIndex.Layout
    private let memoryLimit: Int
    private let onProblem: @Sendable (String) -> Void
    private let onIndex: @Sendable (Recording, TimeIndex) -> Void
    private let state = Mutex(State())
    /// See `found`; by name and state of the recording.
    let foundBefore = Mutex(RecentTable<String, [UInt8]>(limit: 32))
    /// What is known of recordings without their indexes. Those of short recordings are kept there and nowhere else.
    public let summaries: RecordingSummaries
    /// That scan a recording: memory is as fast as a few of them.
    private static let threads = min(4, ProcessInfo.processInfo.activeProcessorCount)

    private struct State {
        /// By file, the index last used, and when that was.
        var indexes: [FileKey: (index: TimeIndex, used: UInt64)] = [:]
        var memory = 0
        var clock: UInt64 = 0
        /// Scans that are running, by the exact state of the recording.
        var scans: [RecordingIdentity: SharedScan] = [:]
        var problem: String?
    }

    /// What stays the same when a recording grows.
    private struct FileKey: Hashable {
        let device: UInt64
        let inode: UInt64
        let geometry: Geometry
        let format: RecordingFormat

        init(_ identity: RecordingIdentity) {
            device = identity.device
            inode = identity.inode
            geometry = identity.geometry
            format = identity.format
        }
    }

    /// FNV-1a of what stays the same when a recording grows: the same in every process and on every machine, which may
    /// each have another number for the device.
    private static func fileName(_ identity: RecordingIdentity) -> String {
        hash("\(identity.inode)/\(identity.headerDigest)/\(identity.geometry)/\(identity.format)") + ".evh5index"
    }

    /// FNV-1a, in hexadecimal.
    static func hash(_ text: String) -> String {
        let hash = text.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Recordings of more bytes are scanned by a thread of their own, so that whoever asked first can give up while
    /// others wait.
    private static let shortScan: Int64 = 8 << 20

    /// - Parameters:
    ///   - directory: where indexes are kept, made when needed; nil keeps them in memory only.
    ///   - memoryLimit: bytes of indexes to keep in memory; those least recently used go first.
    ///   - onProblem: told each time why the folder could not be used, on the thread of the call.
    ///   - onIndex: told of each index that is made or read from disk, on the thread of the call.
    public init(
        directory: String?, memoryLimit: Int = 64 << 20, layout: TimeIndex.Layout = .standard,
        onProblem: @escaping @Sendable (String) -> Void = { _ in },
        onIndex: @escaping @Sendable (Recording, TimeIndex) -> Void = { _, _ in }
    ) {
        self.onProblem = onProblem
        self.onIndex = onIndex
        self.directory = directory
        self.memoryLimit = memoryLimit
        self.layout = layout
        summaries = RecordingSummaries(directory: directory, onProblem: onProblem)
    }

    /// Why the folder could last not be used; nil when it always could.
    public var lastProblem: String? { state.withLock { $0.problem } }

    /// The index of `recording` as it was when it was opened: from memory, from disk, by scanning what it has grown, or
    /// by a full scan. `progress` is told the bytes done when this call scans.
    ///
    /// A scan that nobody waits for any more ends (`LongWait`).
    ///
    /// - Throws: `.changed`, `.unreadable`, `.interrupted`.
    public func index(
        of recording: Recording, progress: ((Int64) -> Void)? = nil
    ) throws(RecordingError) -> TimeIndex {
        if let known = known(recording) { return known }
        let identity = recording.identity
        let (scan, isNew) = state.withLock { state in
            if let running = state.scans[identity], running.join() { return (running, false) }
            let scan = SharedScan()
            state.scans[identity] = scan
            return (scan, true)
        }
        guard isNew else { return try scan.wait().get() }
        if progress != nil || identity.size <= Self.shortScan {
            run(scan, of: recording, progress)
        } else {
            let variant = KernelVariant.current
            Thread.detachNewThread { [self] in
                KernelVariant.current = variant
                run(scan, of: recording) { _ throws(RecordingError) in
                    if scan.isUnwanted { throw SharedScan.interrupted(recording.path) }
                }
            }
        }
        return try scan.wait().get()
    }

    private func run(_ scan: SharedScan, of recording: Recording, _ progress: TimeIndex.Progress?) {
        let result = make(recording, progress)
        // A failed scan is tried again by the next call; a good one is in memory.
        state.withLock { state in
            if state.scans[recording.identity] === scan { state.scans[recording.identity] = nil }
        }
        scan.finish(result)
    }

    /// The index of `recording` if no scan is needed for it.
    public func indexIfKnown(of recording: Recording) -> TimeIndex? {
        if let known = known(recording) { return known }
        guard let stored = onDisk(recording), stored.identity == recording.identity else { return nil }
        remember(stored)
        onIndex(recording, stored)
        return stored
    }

    private func make(_ recording: Recording, _ progress: TimeIndex.Progress?) -> Result<TimeIndex, RecordingError> {
        do throws(RecordingError) {
            // Another scan may have ended between the look into memory and this one's start.
            if let known = inMemory(recording.identity) ?? summaries.index(of: recording) { return .success(known) }
            let older = state.withLock { $0.indexes[FileKey(recording.identity)]?.index }
            let stored = onDisk(recording)
            if let stored, stored.identity == recording.identity {
                remember(stored)
                summaries.note(RecordingSummary(recording, stored), of: recording)
                onIndex(recording, stored)
                return .success(stored)
            }
            var index: TimeIndex?
            // The longer of the two older ones saves more.
            let candidates = [older, stored].compactMap { $0 }.sorted { $0.identity.size > $1.identity.size }
            for candidate in candidates where index == nil {
                index = try candidate.extended(to: recording, layout: layout, threads: Self.threads, progress: progress)
            }
            let made: TimeIndex
            if let index {
                made = index
            } else {
                made = try TimeIndex.build(recording, layout: layout, threads: Self.threads, progress: progress)
            }
            let summary = RecordingSummary(recording, made)
            let isNoted = summaries.note(summary, of: recording)
            // A file for each of a million short recordings would be a million files. Those that were written just now
            // have one: no summary keeps them.
            if !(summary.isWholeIndex && layout == .standard && isNoted) {
                remember(made)
                save(made)
            }
            onIndex(recording, made)
            return .success(made)
        } catch {
            return .failure(error)
        }
    }

    /// The index if it is in memory, or a short one in the summary of its folder.
    private func known(_ recording: Recording) -> TimeIndex? {
        if let known = inMemory(recording.identity) { return known }
        guard let short = summaries.index(of: recording) else { return nil }
        onIndex(recording, short)
        return short
    }

    private func inMemory(_ identity: RecordingIdentity) -> TimeIndex? {
        state.withLock { state in
            let key = FileKey(identity)
            guard let found = state.indexes[key]?.index, found.identity == identity else { return nil }
            state.clock += 1
            state.indexes[key]?.used = state.clock
            return found
        }
    }

    private func remember(_ index: TimeIndex) {
        state.withLock { state in
            state.clock += 1
            let key = FileKey(index.identity)
            if let old = state.indexes.updateValue((index, state.clock), forKey: key) {
                state.memory -= old.index.memorySize
            }
            state.memory += index.memorySize
            guard state.memory > memoryLimit else { return }
            // Many at once: looking for the oldest takes a look at all.
            let byAge = state.indexes.sorted { $0.value.used < $1.value.used }
            for (key, value) in byAge.dropLast() where state.memory > memoryLimit / 4 * 3 {
                state.indexes[key] = nil
                state.memory -= value.index.memorySize
            }
        }
    }

    private func onDisk(_ recording: Recording) -> TimeIndex? {
        let identity = recording.identity
        guard let directory else { return nil }
        let path = "\(directory)/\(Self.fileName(identity))"
        do throws(FileError) {
            let file = try File(path: path)
            let size = try file.status().size
            guard size < 1 << 28 else { return nil }
            guard let index = IndexFile.index(from: try file.bytes(in: 0..<size)) else {
                note("'\(path)' is damaged or from another version; it will be replaced")
                return nil
            }
            return FileKey(index.identity) == FileKey(identity) ? index : fromElsewhere(index, recording)
        } catch {
            if error.errno != 2 { note(error.message) }
            return nil
        }
    }

    /// `index` if it is of the same state of `recording`, made where the device has another number; nil otherwise.
    private func fromElsewhere(_ index: TimeIndex, _ recording: Recording) -> TimeIndex? {
        let here = recording.identity
        let identity = RecordingIdentity(
            device: here.device, inode: index.identity.inode, size: index.identity.size,
            modified: index.identity.modified, headerDigest: index.identity.headerDigest,
            geometry: index.identity.geometry, format: index.identity.format)
        // An equal file of another disk is less likely than anything else that can go wrong, and yet a look at its end
        // is cheap.
        guard identity == here, (try? TimeIndex.tailDigest(of: recording, size: here.size)) == index.tailDigest else {
            return nil
        }
        return index.moved(to: here)
    }

    private func save(_ index: TimeIndex) {
        guard let directory else { return }
        do throws(FileError) {
            try makeDirectories(directory)
            try AtomicFile.write(IndexFile.bytes(of: index), to: "\(directory)/\(Self.fileName(index.identity))")
        } catch {
            note("a time index could not be stored: \(error.message)")
        }
    }

    func note(_ problem: String) {
        state.withLock { $0.problem = problem }
        onProblem(problem)
    }
}
