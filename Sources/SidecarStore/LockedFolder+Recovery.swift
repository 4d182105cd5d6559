// What becomes of sessions that are not committed: put aside, never deleted.

import Files
import Foundation

extension LockedFolder {
    /// Puts the session that a killed daemon or a stopped machine left behind aside. Done whenever the lock was taken
    /// to change something.
    ///
    /// - Returns: whether there was one with bytes of somebody.
    @discardableResult
    func recover() throws(SidecarError) -> Bool {
        guard try calls.statusIfThere(paths.session) != nil else { return false }
        let number = try CommittedState.readHead(paths.current, calls)?.number ?? 0
        let session = SessionPaths(folder: paths.session)
        let header = try SessionHeader.readable(session.header, calls)
        if let header {
            // The crash came after the commit and before its tidying.
            if header.commit <= number, try isCommitted(header, session) {
                removeSession(session)
                return false
            }
            // Or within it: the commit did not count.
            if header.commit > number {
                try calls.removeIfThere(paths.newCurrent)
                try calls.removeIfThere(paths.commit(header.commit))
            }
        }
        if header?.carriesOver == true {
            if let header { try takeBackData(header, session) }
            removeSession(session)
            return false
        }
        return try setAside(
            session, header, "evh5 was killed or the machine stopped before the file was closed")
    }

    /// Whether what a session wrote is in the commit it was to become: the data file is there, under that name only or,
    /// as a machine that stopped may leave it, under both.
    private func isCommitted(_ header: SessionHeader, _ session: SessionPaths) throws(SidecarError) -> Bool {
        guard let left = try calls.statusIfThere(session.data) else { return true }
        return try calls.statusIfThere(paths.data(Int64(header.commit)))?.size == left.size
    }

    /// Renames the data file of a commit that did not count back into its session, where that is not done yet.
    private func takeBackData(_ header: SessionHeader, _ session: SessionPaths) throws(SidecarError) {
        guard header.commit > (try CommittedState.readHead(paths.current, calls))?.number ?? 0 else { return }
        let moved = paths.data(Int64(header.commit))
        guard try calls.statusIfThere(session.data) == nil, try calls.statusIfThere(moved) != nil else { return }
        try calls.move(moved, to: session.data)
    }

    /// Moves an uncommitted session to `torn`, and says so; one without bytes of anybody is removed.
    ///
    /// - Returns: whether there were any.
    @discardableResult
    func setAside(
        _ session: SessionPaths, _ header: SessionHeader?, _ reason: String
    ) throws(SidecarError) -> Bool {
        if let header { try takeBackData(header, session) }
        let bytes = try calls.statusIfThere(session.data)?.size ?? 0
        let journal = try calls.statusIfThere(session.map)?.size ?? 0
        let records = journal - SessionJournal.headerBytes
        if bytes <= header?.skeletonBytes ?? 0, records <= (header?.skeletonRecords ?? 0) * SessionJournal.recordBytes {
            removeSession(session)
            return false
        }
        // A reason that cannot be written must not keep the session from being saved.
        try? calls.writeFile(session.reason, Array((reason + "\n").utf8), sync: false)
        try calls.makeFolderIfMissing(paths.torn)
        let name = StoreTime.name(StoreTime.now())
        var target = paths.torn + "/" + name
        var count = 1
        while try calls.statusIfThere(target) != nil {
            count += 1
            target = "\(paths.torn)/\(name)-\(count)"
        }
        try calls.move(session.folder, to: target)
        let what = header.map { "\($0.info.key)" } ?? "'\(folder)'"
        say(
            SidecarMessage(
                .warning,
                "what was written to \(what) was not committed: \(reason). What was there before stands; the \(bytes) "
                    + "bytes are kept in '\(target)': see `evh5 sidecar list`, and `evh5 sidecar export` with "
                    + "--torn \((target as NSString).lastPathComponent)"))
        return true
    }
}
