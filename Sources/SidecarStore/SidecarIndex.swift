// Which sidecars a store has, and which recordings they were made for: in memory, so that the many files to which
// nothing was added cost nothing.

import Files
import Foundation
import Synchronization

/// What a sidecar says of its recording.
struct KnownSidecar: Sendable {
    let folder: String
    let key: SidecarKey
    let recording: RecordingState
    let fingerprint: RecordingFingerprint?
}

/// The sidecars of a store by folder and by what their recordings can be known by. Thread-safe.
///
/// It follows the store's log of changes, and walks through the whole store at first and now and then, beside those who
/// ask: somebody may have put a backup in place.
final class SidecarIndex: Sendable {
    private struct Entry: Sendable {
        /// Of the file `current`.
        let status: FileStatus
        /// nil when the state cannot be read: that sidecar is there, but nobody's candidate.
        let sidecar: KnownSidecar?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var byRecording: [RecordingName: Set<String>] = [:]
        var position = ChangeLog.Position()
        /// ns of the monotonic clock; nil before the first time.
        var walked: Int64?
        var walkTook: Int64 = 0
        var looked: Int64 = 0

        mutating func set(_ folder: String, _ entry: Entry?) {
            if let old = entries[folder]?.sidecar {
                for name in RecordingName.all(old.recording) {
                    byRecording[name]?.remove(folder)
                    if byRecording[name]?.isEmpty == true { byRecording[name] = nil }
                }
            }
            entries[folder] = entry
            guard let sidecar = entry?.sidecar else { return }
            for name in RecordingName.all(sidecar.recording) { byRecording[name, default: []].insert(folder) }
        }
    }

    /// What a recording can be found by.
    private enum RecordingName: Hashable {
        case file(device: UInt64, inode: UInt64)
        case content(size: Int64, modified: Int64)

        /// The surest first.
        static func all(_ recording: RecordingState) -> [RecordingName] {
            [
                .file(device: recording.device, inode: recording.inode),
                .content(size: recording.size, modified: recording.modified),
            ]
        }
    }

    /// A walk is not due again before this many ns, nor before many times what it took.
    private static let leastBetweenWalks: Int64 = 10_000_000_000

    private let paths: StorePaths
    private let calls: any StorageCalls
    private let log: ChangeLog
    private let state = Mutex(State())
    private let walking = Mutex(())

    init(_ paths: StorePaths, _ calls: any StorageCalls) {
        self.paths = paths
        self.calls = calls
        log = ChangeLog(paths, calls)
    }

    // MARK: Looking up

    /// Whether there is a sidecar in `folder`.
    ///
    /// - Parameter age: how old, in seconds, what is known may be. 0 costs one call of stat.
    func holds(_ folder: String, age: Double) throws(SidecarError) -> Bool {
        try update(age)
        return state.withLock { $0.entries[folder] != nil }
    }

    /// Whether there is any sidecar.
    func holdsAny(age: Double) throws(SidecarError) -> Bool {
        try update(age)
        return state.withLock { !$0.entries.isEmpty }
    }

    /// The sidecars whose recordings may be `recording`: those of the same file first, then those of the same size and
    /// time.
    func candidates(_ recording: RecordingState, age: Double) throws(SidecarError) -> [KnownSidecar] {
        try update(age)
        return state.withLock { state in
            var folders: [String] = []
            for name in RecordingName.all(recording) {
                guard let found = state.byRecording[name] else { continue }
                folders += found.sorted().filter { !folders.contains($0) }
            }
            return folders.compactMap { state.entries[$0]?.sidecar }
        }
    }

    // MARK: Following the store

    /// Takes note of what this process did to the sidecar in `folder`, and tells others.
    func changed(_ folder: String) {
        log.note(folder)
        refresh([folder])
    }

    /// As above where the change is in the log already.
    func forget(_ folder: String) { refresh([folder]) }

    private func update(_ age: Double) throws(SidecarError) {
        let now = SidecarIndex.clock()
        let (isFresh, position) = state.withLock { state in
            (state.walked != nil && Double(now - state.looked) < age * 1e9, state.walked.map { _ in state.position })
        }
        if isFresh { return }
        guard let position else { return try walking.withLock { _ throws(SidecarError) in try walkOnce(before: now) } }
        var moved = position
        guard let news = try log.news(since: &moved) else {
            return try walking.withLock { _ throws(SidecarError) in try walkOnce(before: now) }
        }
        refresh(news)
        let isDue = state.withLock { state in
            // Somebody else may have read the same news.
            if state.position == position { state.position = moved }
            state.looked = max(state.looked, now)
            return now - (state.walked ?? 0) > max(SidecarIndex.leastBetweenWalks, 50 * state.walkTook)
        }
        guard isDue else { return }
        // One does it; the others have what is known.
        _ = try walking.withLockIfAvailable { _ throws(SidecarError) in try walkOnce(before: now) }
    }

    /// Reads what is there now of these sidecars.
    private func refresh(_ folders: [String]) {
        for folder in folders {
            let known = state.withLock { $0.entries[folder] }
            let entry = entry(folder, known)
            state.withLock { $0.set(folder, entry) }
        }
    }

    private func entry(_ folder: String, _ known: Entry?) -> Entry? {
        let current = SidecarPaths(folder: folder).current
        guard let status = try? calls.statusIfThere(current) else { return nil }
        if let known, known.status == status { return known }
        let head = try? CommittedState.readHead(current, calls)
        return Entry(
            status: status,
            sidecar: head.map {
                KnownSidecar(
                    folder: folder, key: $0.info.key, recording: $0.info.recording, fingerprint: $0.info.fingerprint)
            })
    }

    /// Walks through the whole store, unless somebody did so after `time`.
    private func walkOnce(before time: Int64) throws(SidecarError) {
        let known = state.withLock { $0.walked ?? .min < time ? $0.entries : nil }
        guard let known else { return }
        let start = SidecarIndex.clock()
        var fresh = State()
        // What happens meanwhile is in the log behind this.
        fresh.position = try log.position()
        for recording in try calls.names(paths.recordings) {
            let recording = paths.recordings + "/" + recording
            for sidecar in (try? calls.names(recording)) ?? [] {
                let folder = recording + "/" + sidecar
                fresh.set(folder, entry(folder, known[folder]))
            }
        }
        fresh.looked = time
        fresh.walked = start
        fresh.walkTook = SidecarIndex.clock() - start
        state.withLock { [fresh] in $0 = fresh }
    }

    private static func clock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
