// What can be done with a store from outside, also while daemons use it.

import Files
import Foundation
import TensorFile

/// The sidecars in a store, for the command line. Changes take the sidecar's lock; `.busy` when somebody is writing.
public struct SidecarMaintenance: Sendable {
    public let directory: String
    let helper: any SidecarHelper
    let calls: any StorageCalls
    let say: @Sendable (SidecarMessage) -> Void
    var paths: StorePaths { StorePaths(store: directory) }

    public init(
        directory: String, helper: any SidecarHelper, calls: any StorageCalls = SystemCalls(),
        say: @escaping @Sendable (SidecarMessage) -> Void = { _ in }
    ) {
        self.directory = directory
        self.helper = helper
        self.calls = calls
        self.say = say
    }

    /// All sidecars, those in use first, sorted by name; none when there is no store. Sessions that killed daemons left
    /// behind are put aside first, where the store can be written to.
    ///
    /// - Throws: `.io` when the store is there and cannot be read.
    public func list() throws(SidecarError) -> [SidecarEntry] {
        var entries: [SidecarEntry] = []
        for recording in try calls.names(paths.recordings) {
            for sidecar in try calls.names(paths.recordings + "/" + recording) {
                let name = recording + "/" + sidecar
                recoverLeftover(paths.recordings + "/" + name)
                let entry = SidecarEntry(paths.recordings + "/" + name, name: name, isRemoved: false, calls)
                // A folder that was made for writing and in which nothing was written yet.
                if entry.key != nil || entry.problem != nil { entries.append(entry) }
            }
        }
        for name in try calls.names(paths.removed) {
            entries.append(SidecarEntry(paths.removed + "/" + name, name: "removed/" + name, isRemoved: true, calls))
        }
        return entries
    }

    private func recoverLeftover(_ folder: String) {
        guard !calls.isMissing(SidecarPaths(folder: folder).session) else { return }
        do throws(SidecarError) {
            let lock = try FolderLock.take(folder, for: .maintenance, what: folder, patience: 0, calls)
            let locked = LockedFolder(lock, calls, say)
            try locked.recover()
            locked.removeIfUnused()
        } catch {
            // Somebody is writing, or the store cannot be written to.
            return
        }
    }

    /// The bytes of a state, for an export. Nothing is locked: what was opened stays readable.
    public func open(_ entry: SidecarEntry, _ state: SidecarEntry.State) throws(SidecarError) -> SidecarFile {
        let paths = SidecarPaths(folder: entry.folder)
        switch state {
        case .current, .commit:
            var path = paths.current
            if case .commit(let number) = state { path = paths.commit(number) }
            let snapshot = try SidecarSnapshot.read(path, in: entry.folder, calls)
            try snapshot.prepareForReading()
            return SidecarFile(snapshot)
        case .torn(let name):
            guard !name.isEmpty, !name.contains("/") else {
                throw SidecarError(.notFound, "there is no torn session '\(name)'")
            }
            return try SidecarFile(session: paths.torn + "/" + name, of: entry.folder)
        }
    }

    // MARK: Removing

    /// Moves a sidecar to the store's `removed` folder; its new path.
    public func remove(_ entry: SidecarEntry) throws(SidecarError) -> String {
        guard entry.removed == nil else { throw SidecarError(.exists, "'\(entry.name)' is removed already") }
        let locked = try lock(entry)
        try locked.recover()
        return try locked.remove(to: paths, reason: "it was removed")
    }

    /// Deletes a removed sidecar for good.
    public func purge(_ entry: SidecarEntry) throws(SidecarError) {
        guard entry.removed != nil else {
            throw SidecarError(.exists, "'\(entry.name)' is in use: only what was removed can be deleted for good")
        }
        let locked = try lock(entry)
        defer { withExtendedLifetime(locked) {} }
        try deleteTree(locked.folder)
        try calls.syncFolder(paths.removed)
    }

    /// Deletes a session that was not committed, for good.
    public func purge(_ entry: SidecarEntry, torn: String) throws(SidecarError) {
        guard entry.torn.contains(where: { $0.name == torn }) else {
            throw SidecarError(.notFound, "'\(entry.name)' has no torn session '\(torn)'")
        }
        let locked = try lock(entry)
        defer { withExtendedLifetime(locked) {} }
        try deleteTree(locked.paths.torn + "/" + torn)
        calls.removeFolderIfEmpty(locked.paths.torn)
        if entry.removed == nil { locked.removeIfUnused() }
    }

    private func deleteTree(_ folder: String) throws(SidecarError) {
        for name in try calls.names(folder) {
            let path = folder + "/" + name
            if try calls.statusIfThere(path)?.kind == .directory {
                try deleteTree(path)
            } else {
                try calls.removeIfThere(path)
            }
        }
        do throws(FileError) { try calls.removeFolder(folder) } catch { throw SidecarError(error) }
    }

    func lock(_ entry: SidecarEntry) throws(SidecarError) -> LockedFolder {
        let what = entry.key.map { "\($0)" } ?? "'\(entry.name)'"
        return LockedFolder(try FolderLock.take(entry.folder, for: .maintenance, what: what, calls), calls, say)
    }

    /// The head of a state; nil when there is none that can be read.
    private func readable(_ path: String) throws(SidecarError) -> CommitHead? {
        do throws(SidecarError) { return try CommittedState.readHead(path, calls) } catch {
            guard error.code == .damaged || error.code == .unknownVersion else { throw error }
            return nil
        }
    }

    // MARK: Restoring

    /// Brings a removed sidecar back to its recording's path; its new folder. If the recording has changed meanwhile,
    /// the next mount carries over what was added.
    public func restore(_ entry: SidecarEntry) throws(SidecarError) -> String {
        guard entry.removed != nil else {
            throw SidecarError(.exists, "'\(entry.name)' was not removed; say which of its states to restore")
        }
        guard let key = entry.key else {
            throw SidecarError(.damaged, "'\(entry.name)' does not say which recording it belongs to")
        }
        let locked = try lock(entry)
        let target = paths.sidecar(key)
        try calls.makeFolderIfMissing(paths.recordings)
        try calls.makeFolderIfMissing(paths.recording(key))
        do throws(SidecarError) { try calls.move(locked.folder, to: target) } catch {
            guard error.errno == ENOTEMPTY || error.errno == EEXIST else { throw error }
            throw SidecarError(
                .exists, "something else was added to \(key) since: `evh5 sidecar remove` it first", cause: error)
        }
        try? calls.removeIfThere(SidecarPaths(folder: target).reason)
        ChangeLog(paths, calls).note(target)
        for folder in [paths.recording(key), paths.recordings, paths.removed] { try calls.syncFolder(folder) }
        return target
    }

    /// Makes an earlier state the current one, as a new state; its number. Mounts show it when they next look.
    public func restore(_ entry: SidecarEntry, commit number: Int) throws(SidecarError) -> Int {
        guard entry.removed == nil else {
            throw SidecarError(.exists, "'\(entry.name)' is removed: restore it first, then its state \(number)")
        }
        let locked = try lock(entry)
        // A damaged `current` is what this may be wanted for.
        let current = try readable(locked.paths.current)
        if current != nil { try locked.recover() }
        let snapshot = try SidecarSnapshot.read(locked.paths.commit(number), in: locked.folder, calls)
        try snapshot.prepareForReading()
        let state = snapshot.state
        var info = state.info
        info.key = current?.info.key ?? info.key
        info.committedAt = StoreTime.now()
        info.note = "state \(number) was restored"
        let last = max(try calls.numbers(locked.paths.commits).last ?? 0, current?.number ?? 0)
        let committed = try locked.commit(
            LockedFolder.NewState(
                number: last + 1, size: state.size, info: info, files: state.head.files, extents: state.extents),
            session: nil)
        ChangeLog(paths, calls).note(locked.folder)
        if let problem = committed.problem { throw problem }
        return committed.state.number
    }
}
