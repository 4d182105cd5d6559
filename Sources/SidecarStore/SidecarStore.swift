// What users added to virtual files, in a folder of its own: looked up, written, removed.

import Files
import Foundation
import Synchronization

/// The sidecars in a folder, shared with other processes. Thread-safe.
public final class SidecarStore: Sendable {
    /// Absolute path of the store.
    public let directory: String
    public let readOnly: Bool
    package let helper: any SidecarHelper
    let calls: any StorageCalls
    let say: @Sendable (SidecarMessage) -> Void
    let paths: StorePaths
    let index: SidecarIndex
    private let state = Mutex(State())

    private struct State {
        /// Sidecars that are there, as far as anybody asked.
        var folders: [SidecarKey: SidecarFolder] = [:]
        var figures = SidecarStatistics()
        /// What was said and need not be said again.
        var said: Set<String> = []
    }

    /// Touches nothing: the folder is made when something is written.
    ///
    /// - Parameters:
    ///   - readOnly: nothing is ever changed, also not to let a sidecar follow its recording.
    ///   - helper: checks sessions before they are committed.
    ///   - say: gets lines for the log, from any thread.
    public init(
        directory: String, readOnly: Bool, helper: any SidecarHelper, calls: any StorageCalls = SystemCalls(),
        say: @escaping @Sendable (SidecarMessage) -> Void
    ) {
        self.directory = directory
        self.readOnly = readOnly
        self.helper = helper
        self.calls = calls
        self.say = say
        paths = StorePaths(store: directory)
        index = SidecarIndex(paths, calls)
    }

    // MARK: Reading

    /// Whether anything was added to any file, as far as is known without work.
    public var mayHaveAny: Bool {
        // What this process has opened is not to be missed: its reader asks for its size next.
        if state.withLock({ !$0.folders.isEmpty }) { return true }
        return (try? index.holdsAny(age: SidecarStore.patience)) ?? true
    }

    /// How long a listing believes what is known of the store, in seconds. This process's own changes are known at
    /// once.
    private static let patience = 0.1

    /// What is known without work: one or two calls of stat when something was added, none else. For listings.
    public func peek(_ base: SidecarBase) -> SidecarLookup {
        peek(base.key, base.recording) { SidecarStore.fits($0, base) }
    }

    /// As above where the layout is not known yet: a sidecar made for the same content of the recording is taken to
    /// fit.
    public func peek(_ key: SidecarKey, _ recording: RecordingState) -> SidecarLookup {
        peek(key, recording) { _ in true }
    }

    private func peek(
        _ key: SidecarKey, _ recording: RecordingState, _ fits: (SidecarSnapshot) -> Bool
    ) -> SidecarLookup {
        do throws(SidecarError) {
            if try mayHold(key), let snapshot = try folder(key) {
                let info = snapshot.state.info
                if info.recording.isSameContent(as: recording), fits(snapshot), readOnly || info.key == key {
                    return .fits(snapshot)
                }
            } else if try moved(key, recording, age: SidecarStore.patience) == nil {
                return .none
            }
            guard readOnly else { return .needsWork }
            sayNotShown(key)
            return .none
        } catch {
            complain(error)
            return .none
        }
    }

    /// Whether there may be a sidecar for `key`: this process has seen it, or what is known of the store has it.
    private func mayHold(_ key: SidecarKey) throws(SidecarError) -> Bool {
        if state.withLock({ $0.folders[key] != nil }) { return true }
        return try index.holds(paths.sidecar(key), age: SidecarStore.patience)
    }

    /// The committed state for this recording and layout, after following a recording that moved and carrying over to
    /// another layout where that is needed; nil when nothing was added, or what was added was set aside (said in the
    /// log).
    ///
    /// A store that this process cannot look into holds nothing for it; one that it cannot write to shows what fits.
    ///
    /// - Throws: `.busy` when it needs work and somebody writes to it, `.damaged`, `.unknownVersion`, `.io`.
    public func snapshot(_ base: SidecarBase) throws(SidecarError) -> SidecarSnapshot? {
        do throws(SidecarError) {
            return try look(base)
        } catch {
            complain(error)
            guard error.isOutOfReach else { throw error }
            return nil
        }
    }

    private func look(_ base: SidecarBase) throws(SidecarError) -> SidecarSnapshot? {
        let there = try folder(base.key)
        let fitting = there.flatMap { SidecarStore.fits($0, base) ? $0 : nil }
        if let fitting {
            let info = fitting.state.info
            if readOnly || (info.key == base.key && info.recording.isSameContent(as: base.recording)) { return fitting }
        } else if there == nil, try moved(base.key, base.recording, age: 0) == nil {
            return nil
        }
        guard !readOnly else {
            sayNotShown(base.key)
            return nil
        }
        do throws(SidecarError) {
            let locked = try lockForWork(base, .maintenance)
            defer { locked.removeIfUnused() }
            try prepare(locked, base)
        } catch {
            // It can be shown as it is: what would have been noted is noted later.
            if let fitting, error.code == .busy || error.isUnwritable { return fitting }
            guard error.isUnwritable else { throw error }
            complain(refusal(error))
            sayNotShown(base.key)
            return nil
        }
        return try folder(base.key)
    }

    /// Whether the state belongs to the file as it is now: the tensor has the same place and type, and the file without
    /// additions would be the same, or the recording is (then a newer evh5 makes another head, and the old one stays).
    static func fits(_ snapshot: SidecarSnapshot, _ base: SidecarBase) -> Bool {
        let info = snapshot.state.info
        guard info.layout == base.expectation else { return false }
        return info.skeletonDigest == base.skeletonDigest
            || (info.recording.inode == base.recording.inode && info.recording.isSameContent(as: base.recording))
    }

    /// The committed state in the folder for `key`; nil when there is none.
    func folder(_ key: SidecarKey) throws(SidecarError) -> SidecarSnapshot? {
        let known = state.withLock { $0.folders[key] }
        let folder = known ?? SidecarFolder(path: paths.sidecar(key), calls)
        guard let snapshot = try folder.current() else {
            if known != nil { state.withLock { $0.folders[key] = nil } }
            return nil
        }
        if known == nil {
            let first = state.withLock { state in
                defer { state.folders[key] = state.folders[key] ?? folder }
                return state.folders[key] == nil
            }
            if first { recoverLeftover(folder.path, key) }
        }
        return snapshot
    }

    /// Puts aside what a killed daemon left behind, when a sidecar is looked at for the first time.
    private func recoverLeftover(_ folder: String, _ key: SidecarKey) {
        guard !readOnly, !calls.isMissing(SidecarPaths(folder: folder).session) else { return }
        do throws(SidecarError) {
            let lock = try FolderLock.take(folder, for: .maintenance, what: "\(key)", patience: 0, calls)
            try recover(LockedFolder(lock, calls, say))
        } catch {
            // Somebody is writing, or it is done by who writes next.
            return
        }
    }

    func recover(_ locked: LockedFolder) throws(SidecarError) {
        if try locked.recover() { state.withLock { $0.figures.rolledBack += 1 } }
    }

    // MARK: Writing

    /// Opens for writing and takes the lock, which the writer gives back when it is closed.
    ///
    /// - Throws: `.busy`, `.readOnly`, `.io` (ENOSPC, EACCES, EROFS, ...), and what `snapshot` throws.
    public func openForWriting(_ base: SidecarBase) throws(SidecarError) -> SidecarWriter {
        do throws(SidecarError) {
            try checkWritable()
            let locked = try lockForWork(base, .writing)
            do throws(SidecarError) {
                try checkRights(locked)
                try prepare(locked, base)
                let snapshot = try folder(base.key)
                state.withLock { $0.figures.writers += 1 }
                return SidecarWriter(self, locked, base, snapshot)
            } catch {
                locked.removeIfUnused()
                throw error
            }
        } catch {
            complain(error)
            throw refusal(error)
        }
    }

    /// Moves a sidecar to the store's `removed` folder; returns whether there was one.
    ///
    /// - Throws: `.busy` while somebody writes to it, `.readOnly`, `.io`.
    public func remove(_ base: SidecarBase) throws(SidecarError) -> Bool {
        do throws(SidecarError) {
            let folder = paths.sidecar(base.key)
            if try !calls.isThere(folder), try moved(base.key, base.recording, age: 0) == nil { return false }
            try checkWritable()
            let locked = try lockForWork(base, .maintenance)
            try recover(locked)
            if try !calls.isThere(locked.paths.current), try !calls.isThere(locked.paths.torn) {
                locked.removeIfUnused()
                return false
            }
            let target = try locked.remove(to: paths, reason: "it was removed")
            state.withLock { $0.folders[base.key] = nil }
            index.forget(folder)
            say(
                SidecarMessage(
                    .info,
                    "what was added to \(base.key) was removed; it is kept in '\(target)', `evh5 sidecar restore` brings it back"
                ))
            return true
        } catch {
            complain(error)
            throw refusal(error)
        }
    }

    private func checkWritable() throws(SidecarError) {
        guard !readOnly else {
            throw SidecarError(.readOnly, "the store '\(directory)' is used read-only: nothing can be added")
        }
    }

    /// The lock of the sidecar's folder, which is made if there is none; a folder at the path that the recording had
    /// before is moved here first.
    private func lockForWork(
        _ base: SidecarBase, _ purpose: FolderLock.Purpose
    ) throws(SidecarError) -> LockedFolder {
        // Who locks anew after a look may find that somebody else moved the folder meanwhile.
        for _ in 0..<10 {
            if try !calls.isThere(SidecarPaths(folder: paths.sidecar(base.key)).current),
                let old = try moved(base.key, base.recording, age: 0)
            {
                if let locked = try follow(from: old, base, purpose) { return locked }
                continue
            }
            return try LockedFolder.make(paths, base.key, for: purpose, calls, say)
        }
        throw SidecarError(.busy, "\(base.key) is being moved: try again")
    }

    // MARK: Figures and messages

    public var statistics: SidecarStatistics {
        state.withLock { state in
            var figures = state.figures
            figures.directory = directory
            figures.sidecars = state.folders.count
            return figures
        }
    }

    /// As `statistics`, with what the system says of the store now.
    public func examined() -> SidecarStatistics {
        var figures = statistics
        figures.problem = accessProblem() ?? figures.problem
        return figures
    }

    /// The snapshot of a state that this process committed.
    func committed(_ key: SidecarKey, _ committed: CommittedState) -> SidecarSnapshot {
        let folder = state.withLock { state in
            let folder = state.folders[key] ?? SidecarFolder(path: paths.sidecar(key), calls)
            state.folders[key] = folder
            return folder
        }
        index.changed(folder.path)
        return folder.committed(committed)
    }

    func noteCommit() {
        state.withLock {
            $0.figures.commits += 1
            $0.figures.problem = nil
        }
    }

    func noteRollBack() { state.withLock { $0.figures.rolledBack += 1 } }

    func noteClosed() { state.withLock { $0.figures.writers -= 1 } }

    /// Remembers why the store does not work; what only one sidecar has is said once.
    func complain(_ error: SidecarError) {
        let isNew = state.withLock { state in
            switch error.code {
            case .io, .damaged, .unknownVersion:
                // Rights can be looked up whenever somebody asks.
                if !error.isOutOfReach { state.figures.problem = error.message }
                return state.said.insert(error.message).inserted
            case .readOnly: return error.cause != nil && state.said.insert(error.message).inserted
            case .busy, .invalidResult, .tensorChanged, .outdated, .notFound, .exists: return false
            }
        }
        if isNew { say(SidecarMessage(.error, error.message)) }
    }

    private func sayNotShown(_ key: SidecarKey) {
        let text =
            "what was added to \(key) is not shown: the recording has moved or changed since, and the store is used read-only; "
            + "a mount that may write to '\(directory)' lets it follow"
        if state.withLock({ $0.said.insert(text).inserted }) { say(SidecarMessage(.warning, text)) }
    }
}

extension SidecarBase {
    /// Tells files without additions apart.
    var skeletonDigest: UInt64 { Checksum.of(layout.head + layout.tail) }

    /// The beginning of the recording that this was made for; nil when it is gone.
    var fingerprint: RecordingFingerprint? {
        if let recordingFile { return RecordingFingerprint.read(recordingFile) }
        return RecordingFingerprint.read(key.recordingPath, of: recording)
    }

    /// What a commit says of the file it was made for.
    func info(at time: Int64) -> CommitInfo {
        CommitInfo(
            key: key, recording: recording, fingerprint: fingerprint,
            layout: expectation, skeletonDigest: skeletonDigest, programVersion: programVersion,
            tensorVersion: tensorVersion, committedAt: time, note: nil)
    }
}
