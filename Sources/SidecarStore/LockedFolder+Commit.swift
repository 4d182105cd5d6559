// Committing: bytes and folders are made durable first, then one rename makes the new state the current one.

import Files
import Foundation

extension LockedFolder {
    /// What becomes a committed state.
    struct NewState {
        var number: Int
        var size: Int64
        var info: CommitInfo
        var files: [DataFileRecord]
        var extents: ExtentMap
    }

    /// Commits `new`.
    ///
    /// - Parameter session: the session whose data file belongs to it; its folder is gone afterwards.
    /// - Returns: the new state. A `problem` is why it may not be durable although it is in place.
    func commit(
        _ new: NewState, session: Session?
    ) throws(SidecarError) -> (state: CommittedState, problem: SidecarError?) {
        let state: CommittedState
        do throws(SidecarError) {
            if let session {
                try calls.makeFolderIfMissing(paths.data)
                try calls.move(session.paths.data, to: paths.data(session.number))
                try calls.syncFolder(paths.data)
            }
            state = try write(new)
            do throws(SidecarError) { try calls.move(paths.newCurrent, to: paths.current) } catch {
                // A system may fail a rename that it did. Who cannot tell undoes nothing: `recover` does, when it can
                // be told.
                switch isCurrent(state) {
                case .some(true): break
                case .some(false): throw error
                case .none: return (state, error)
                }
            }
        } catch {
            undoCommit(new.number, session)
            throw error
        }
        do throws(SidecarError) { try calls.syncFolder(folder) } catch { return (state, error) }
        if let session { removeSession(session.paths) }
        tidy(after: state)
        return (state, nil)
    }

    /// Writes all that the rename will make current, durably.
    private func write(_ new: NewState) throws(SidecarError) -> CommittedState {
        let live = new.extents.bytesByFile()
        let files = new.files.filter { live[$0.number] != nil }.sorted { $0.number < $1.number }
        let (state, bytes) = try CommittedState.make(
            number: new.number, size: new.size, info: new.info, files: files, extents: new.extents)
        try calls.makeFolderIfMissing(paths.commits)
        try calls.writeFile(paths.commit(new.number), bytes, sync: true)
        try calls.syncFolder(paths.commits)
        try prepareCurrent(new.number, bytes)
        if try !calls.isThere(paths.current) {
            // What the folder holds already must be found after a crash, and the folder itself.
            try calls.syncFolder(folder)
            try syncParents()
        }
        return state
    }

    /// Puts the file into place that will be renamed to `current`: a second name of the commit, or a copy where a
    /// file cannot have two.
    private func prepareCurrent(_ number: Int, _ bytes: [UInt8]) throws(SidecarError) {
        try calls.removeIfThere(paths.newCurrent)
        do throws(FileError) { try calls.link(paths.commit(number), to: paths.newCurrent) } catch {
            guard [EPERM, EOPNOTSUPP, ENOTSUP, ENOSYS, EMLINK, EINVAL].contains(error.errno) else {
                throw SidecarError(error)
            }
            try calls.writeFile(paths.newCurrent, bytes, sync: true)
        }
    }

    /// Whether the state is the one in place; nil when that cannot be found out.
    private func isCurrent(_ state: CommittedState) -> Bool? {
        do throws(SidecarError) {
            return try CommittedState.readHead(paths.current, calls)?.identity == state.head.identity
        } catch { return nil }
    }

    /// After a failure before the rename: the session has its data back. What does not work here, `recover` does later.
    private func undoCommit(_ number: Int, _ session: Session?) {
        try? calls.removeIfThere(paths.newCurrent)
        try? calls.removeIfThere(paths.commit(number))
        guard let session, calls.isMissing(session.paths.data) else { return }
        try? calls.move(paths.data(session.number), to: session.paths.data)
    }

    /// Removes the folder of a session that was committed.
    func removeSession(_ session: SessionPaths) {
        do throws(SidecarError) {
            // The header last: it tells what to do with the rest, and stays as long as there is any.
            for path in [session.data, session.map, session.reason, session.header] { try calls.removeIfThere(path) }
        } catch { return }
        calls.removeFolderIfEmpty(session.folder)
    }

    // MARK: What nothing depends on

    /// How many committed states are kept.
    static let keptCommits = 10

    /// Removes states that are too old, and data files that no kept state needs; writes the manifest.
    ///
    /// What a listing leaves out is not taken for unneeded: `state` is kept whatever the folder says, and without all
    /// heads nothing is removed.
    private func tidy(after state: CommittedState) {
        do throws(SidecarError) {
            let numbers = try calls.numbers(paths.commits).filter { $0 < state.number }
            let needed = try neededByTorn()
            var heads: [CommitHead] = []
            for number in numbers {
                guard let head = try CommittedState.readHead(paths.commit(number), calls) else { continue }
                heads.append(head)
            }
            heads.append(state.head)
            let kept = Set(LockedFolder.latest(heads).map(\.number)).union(needed)
            heads.removeAll { !kept.contains($0.number) }
            let files = Set(heads.flatMap { $0.files.map { Int($0.number) } })
            for number in numbers where !kept.contains(number) { try calls.removeIfThere(paths.commit(number)) }
            for number in try calls.numbers(paths.data) where number <= state.number && !files.contains(number) {
                try calls.removeIfThere(paths.data(Int64(number)))
            }
            try writeManifest(heads)
        } catch {
            say(
                SidecarMessage(
                    .debug, "old states of \(state.info.key) stay in '\(folder)' for now: \(error.message)"))
        }
    }

    /// The states that are kept of all there are, oldest first. A state that only notes where its recording is now has
    /// the bytes of the one before, which then makes room first.
    static func latest(_ heads: [CommitHead]) -> [CommitHead] {
        var kept = heads
        while kept.count > keptCommits {
            let repeated = kept.indices.dropLast().first { kept[$0].hasSameBytes(as: kept[$0 + 1]) }
            kept.remove(at: repeated ?? 0)
        }
        return kept
    }

    /// The states that sessions which did not commit were to change.
    private func neededByTorn() throws(SidecarError) -> Set<Int> {
        var needed: Set<Int> = []
        for name in try calls.names(paths.torn) {
            let header = SessionPaths(folder: paths.torn + "/" + name).header
            if let base = try SessionHeader.readable(header, calls)?.base { needed.insert(base) }
        }
        return needed
    }

    private func writeManifest(_ heads: [CommitHead]) throws(SidecarError) {
        guard let last = heads.last else { return }
        let text = try JSONText.encode(Manifest(last.info.key, heads), pretty: true) + "\n"
        try calls.writeFile(paths.manifest + ".new", Array(text.utf8), sync: false)
        try calls.move(paths.manifest + ".new", to: paths.manifest)
    }
}
