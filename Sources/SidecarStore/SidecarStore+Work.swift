// Sidecars that must follow their recording: to another path, or into another layout.

import Files
import Foundation

extension SidecarStore {
    /// Moves the sidecar in `old`, whose recording moved, to where the recording is now; nil when it is no longer
    /// there.
    func follow(
        from old: String, _ base: SidecarBase, _ purpose: FolderLock.Purpose
    ) throws(SidecarError) -> LockedFolder? {
        let lock: FolderLock
        do throws(SidecarError) { lock = try FolderLock.take(old, for: purpose, what: "\(base.key)", calls) } catch {
            if error.code == .notFound { return nil }
            throw error
        }
        try recover(LockedFolder(lock, calls, say))
        try calls.makeFolderIfMissing(paths.recording(base.key))
        let target = paths.sidecar(base.key)
        // A folder that somebody made for writing and did not use is in the way.
        if try calls.isThere(target) {
            LockedFolder(
                try FolderLock.take(target, for: purpose, what: "\(base.key)", calls), calls, say
            ).removeIfUnused()
            try calls.makeFolderIfMissing(paths.recording(base.key))
        }
        do throws(SidecarError) { try calls.move(old, to: target) } catch {
            if error.errno == ENOENT { return nil }
            guard error.errno == ENOTEMPTY || error.errno == EEXIST else { throw error }
            throw SidecarError(
                .exists,
                "what was added to \(base.key) is in '\(old)', and cannot follow the recording: '\(target)' holds "
                    + "sessions that were not committed; move them away with `evh5 sidecar remove` first")
        }
        for folder in [old, target] { index.changed(folder) }
        let parent = (old as NSString).deletingLastPathComponent
        for folder in [paths.recording(base.key), paths.recordings, parent] { try calls.syncFolder(folder) }
        calls.removeFolderIfEmpty(parent)
        return LockedFolder(lock.moved(to: target), calls, say)
    }

    /// Makes the folder's state one that fits `base`, or takes it away when that cannot be done.
    func prepare(_ locked: LockedFolder, _ base: SidecarBase) throws(SidecarError) {
        try recover(locked)
        guard let state = try locked.committed() else { return }
        let snapshot = SidecarSnapshot(state, DataFiles(folder: locked.folder, calls))
        guard SidecarStore.fits(snapshot, base) else { return try carryOverOrSetAside(locked, state, base) }
        guard state.info.key != base.key else {
            if !state.info.recording.isSameContent(as: base.recording) { try noteChange(locked, state, base) }
            return
        }
        if state.info.skeletonDigest != base.skeletonDigest {
            // The head says things of the recording that are other ones now: its name.
            do throws(SidecarError) { return try carryOver(locked, state, base) } catch {
                guard error.code == .invalidResult || error.code == .tensorChanged else { throw error }
            }
        }
        try noteMove(locked, state, base)
    }

    /// Writes down where the recording is now: the same bytes as a new state.
    private func noteMove(
        _ locked: LockedFolder, _ state: CommittedState, _ base: SidecarBase
    ) throws(SidecarError) {
        let old = state.info.key.recordingPath
        try note(locked, state, base, "the recording was '\(old)' before")
        say(
            SidecarMessage(
                .notice, "what was added to \(base.key) followed its recording, which was '\(old)' before"))
    }

    /// Writes down what the recording is now, whose tensor file is the same as before: so that it is known again when
    /// it moves.
    private func noteChange(
        _ locked: LockedFolder, _ state: CommittedState, _ base: SidecarBase
    ) throws(SidecarError) {
        try note(locked, state, base, "the recording changed, and its tensor file is the same")
        say(SidecarMessage(.debug, "\(base.key) changed: what was added to it fits as it is"))
    }

    private func note(
        _ locked: LockedFolder, _ state: CommittedState, _ base: SidecarBase, _ note: String
    ) throws(SidecarError) {
        var info = state.info
        info.key = base.key
        info.recording = base.recording
        info.fingerprint = base.fingerprint ?? info.fingerprint
        info.committedAt = StoreTime.now()
        info.note = note
        try commitWork(
            locked,
            LockedFolder.NewState(
                number: state.number + 1, size: state.size, info: info, files: state.head.files,
                extents: state.extents), nil)
    }

    private func carryOverOrSetAside(
        _ locked: LockedFolder, _ state: CommittedState, _ base: SidecarBase
    ) throws(SidecarError) {
        do throws(SidecarError) { try carryOver(locked, state, base) } catch {
            guard error.code == .invalidResult || error.code == .tensorChanged else { throw error }
            let folder = locked.folder
            let target = try locked.remove(to: paths, reason: "it could not be carried over: \(error.message)")
            index.forget(folder)
            say(
                SidecarMessage(
                    .warning,
                    "\(base.key) changed, and what was added to it could not be carried over (\(error.message)); it was set "
                        + "aside in '\(target)': `evh5 sidecar export` makes a file of it"))
        }
    }

    /// Brings what was added into the file as `base` has it, by libhdf5.
    private func carryOver(
        _ locked: LockedFolder, _ state: CommittedState, _ base: SidecarBase
    ) throws(SidecarError) {
        say(SidecarMessage(.info, "\(base.key) changed: what was added to it is carried over"))
        var session = try Session.begin(
            in: locked, base, number: state.number + 1, over: nil, carriesOver: true)
        let note: String
        let record: DataFileRecord
        do throws(SidecarError) {
            try session.seal()
            note = try helper.carryOver(folder: locked.folder)
            try helper.verify(folder: locked.folder)
            session = try Session.open(session.paths.folder, of: locked.folder, writable: true, calls)
            record = try session.finishData()
        } catch {
            // Nobody's bytes: they are in the state that stands.
            locked.removeSession(session.paths)
            throw error
        }
        var info = session.header.info
        info.committedAt = StoreTime.now()
        info.note = note
        try commitWork(
            locked,
            LockedFolder.NewState(
                number: state.number + 1, size: session.size, info: info, files: [record],
                extents: session.view), session)
        say(SidecarMessage(.notice, "what was added to \(base.key) was carried over: \(note)"))
    }

    private func commitWork(
        _ locked: LockedFolder, _ new: LockedFolder.NewState, _ session: Session?
    ) throws(SidecarError) {
        do throws(SidecarError) {
            let committed = try locked.commit(new, session: session)
            index.changed(locked.folder)
            if let problem = committed.problem { throw problem }
        } catch {
            if let session { locked.removeSession(session.paths) }
            throw error
        }
    }
}

extension LockedFolder {
    /// Moves the folder to the store's `removed`; its new path. The lock goes with it.
    func remove(to store: StorePaths, reason: String) throws(SidecarError) -> String {
        try? calls.writeFile(paths.reason, Array((reason + "\n").utf8), sync: false)
        try calls.makeFolderIfMissing(store.removed)
        let now = StoreTime.now()
        var target = store.removed + "/" + StorePaths.removedName(folder, at: now)
        var count = 1
        while try calls.statusIfThere(target) != nil {
            count += 1
            target = "\(store.removed)/\(StorePaths.removedName(folder, at: now))-\(count)"
        }
        try calls.move(folder, to: target)
        ChangeLog(store, calls).note(folder)
        let parent = (folder as NSString).deletingLastPathComponent
        for folder in [store.removed, parent, store.store] { try calls.syncFolder(folder) }
        calls.removeFolderIfEmpty(parent)
        return target
    }
}
