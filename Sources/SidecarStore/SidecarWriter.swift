// One opening for writing: from open to last close of a virtual file.

import Files
import Foundation
import Synchronization
import TensorFile

/// One opening for writing, which holds the sidecar's lock from its making until `close`. Thread-safe.
///
/// The session, a folder in the sidecar's, begins with the first write; each commit ends it, and the next write begins
/// another.
public final class SidecarWriter: Sendable {
    private struct State {
        /// nil when closed.
        var locked: LockedFolder?
        var session: Session?
        var base: SidecarSnapshot?
        /// Why what is written now will not be committed.
        var poison: SidecarError?
    }

    private let store: SidecarStore
    private let file: SidecarBase
    private let state: Mutex<State>
    // What others may ask for while a commit takes its time.
    private let shownSize: Atomic<Int64>
    private let shownDirty = Atomic(false)

    init(_ store: SidecarStore, _ locked: LockedFolder, _ file: SidecarBase, _ base: SidecarSnapshot?) {
        self.store = store
        self.file = file
        state = Mutex(State(locked: locked, base: base?.unopened()))
        shownSize = Atomic(base?.size ?? file.layout.size)
    }

    /// The committed state that was current when this was opened, or that this writer committed last; nil when nothing
    /// was added yet.
    public var base: SidecarSnapshot? { state.withLock { $0.base } }
    /// Bytes of the virtual file as the session sees it. Never waits.
    public var size: Int64 { shownSize.load(ordering: .relaxed) }
    /// Whether something was written since the last commit. Never waits.
    public var hasUncommitted: Bool { shownDirty.load(ordering: .relaxed) }

    // MARK: Bytes

    /// Fills `buffer` with the bytes from `offset` on as the session sees them: its own, else those committed, else
    /// those of the file without additions. Gaps, the tensor's range and what lies past the end are zeros.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        try state.withLock { state throws(SidecarError) in
            if let session = state.session {
                try session.read(into: buffer, at: offset)
            } else if let base = state.base {
                try base.read(into: buffer, at: offset)
            } else {
                file.layout.copySkeleton(into: buffer, at: offset)
            }
        }
    }

    /// Writes `bytes` from `offset` on; the file grows where needed. The first write begins the session.
    ///
    /// - Throws: `.tensorChanged` when they touch the tensor's range, and `.io`: the session will not commit then.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        guard !bytes.isEmpty else { return }
        let (end, overflow) = offset.addingReportingOverflow(Int64(bytes.count))
        guard offset >= 0, !overflow, end < SessionJournal.limit else {
            throw SidecarError(.io, errno: EFBIG, "a virtual file cannot have more than 2^56 bytes")
        }
        try change { session throws(SidecarError) in
            let layout = file.layout
            guard end <= layout.dataOffset || offset >= layout.map.tailOffset else {
                throw SidecarError(
                    .tensorChanged,
                    "the tensor of \(file.key) was written to (bytes \(offset) to \(end)): /data is computed from the "
                        + "recording and cannot be overwritten; add a dataset of another name")
            }
            try session.write(bytes, at: offset)
        }
    }

    /// Cuts the file to `size` bytes, or lets it grow by zeros.
    ///
    /// - Throws: `.tensorChanged` when that is before the tensor's end; nothing changes then.
    public func setSize(_ size: Int64) throws(SidecarError) {
        guard size >= file.layout.map.tailOffset else {
            throw SidecarError(
                .tensorChanged,
                "\(file.key) cannot be cut to \(size) bytes: the tensor ends at byte \(file.layout.map.tailOffset)")
        }
        guard size < SessionJournal.limit else {
            throw SidecarError(.io, errno: EFBIG, "a virtual file cannot have more than 2^56 bytes")
        }
        // HDF5 does so whenever it closes a file.
        guard size != self.size else { return }
        try change { session throws(SidecarError) in try session.setSize(size) }
    }

    /// Changes the session, which begins where there is none; a failure poisons it.
    private func change(_ body: (inout Session) throws(SidecarError) -> Void) throws(SidecarError) {
        try state.withLock { state throws(SidecarError) in
            guard let locked = state.locked else {
                throw SidecarError(.io, errno: EBADF, "\(file.key) was closed: nothing can be written")
            }
            do throws(SidecarError) {
                if state.session == nil {
                    let number = (state.base?.commit ?? 0) + 1
                    state.session = try Session.begin(in: locked, file, number: number, over: state.base)
                }
                // In place: a copy of the session would copy its map with the next change.
                try body(&state.session!)
            } catch {
                state.poison = state.poison ?? error
                store.complain(error)
                show(state)
                throw error
            }
            show(state)
        }
    }

    private func show(_ state: borrowing State) {
        shownSize.store(
            state.session?.size ?? state.base?.size ?? file.layout.size, ordering: .relaxed)
        shownDirty.store(state.session != nil, ordering: .relaxed)
    }

    // MARK: The end of a session

    /// The session will not commit, for this reason. Without a session: the one that may begin will not.
    public func poison(_ reason: String) {
        state.withLock { $0.poison = $0.poison ?? SidecarError(.tensorChanged, reason) }
    }

    /// Commits durably what was written since the last commit; nil when nothing was.
    ///
    /// - Parameter final: what becomes of the session when it cannot be committed: it goes on, or is rolled back.
    /// - Throws: why it was not committed; `.io` may also mean that it was and is visible, but perhaps not durable,
    ///   which
    ///   the message says.
    public func commit(final: Bool) throws(SidecarError) -> SidecarSnapshot? {
        try state.withLock { state throws(SidecarError) in
            guard let locked = state.locked, state.session != nil else { return nil }
            defer { show(state) }
            let committed: (state: CommittedState, problem: SidecarError?)
            do throws(SidecarError) {
                if let poison = state.poison { throw SidecarWriter.refused(poison) }
                if try changesNothing(state) {
                    locked.removeSession(state.session!.paths)
                    state.session = nil
                    return nil
                }
                committed = try commit(&state, locked)
            } catch {
                if error.bytesMayBeLost { state.poison = state.poison ?? error }
                store.complain(error)
                if final { rollBack(&state, locked, error.message) }
                throw error
            }
            state.session = nil
            state.base = store.committed(file.key, committed.state).unopened()
            store.noteCommit()
            guard let problem = committed.problem else { return state.base }
            let error = SidecarError(
                .io, errno: problem.errno,
                "what was written to \(file.key) is committed, but it is not certain that it survives a stop of the machine: "
                    + problem.message, cause: problem)
            store.complain(error)
            throw error
        }
    }

    /// Whether the session wrote only what was there. Programs write the superblock of every file that they opened for
    /// writing.
    private func changesNothing(_ state: borrowing State) throws(SidecarError) -> Bool {
        guard let session = state.session, session.size == state.base?.size ?? file.layout.size else { return false }
        let base = state.base
        return try session.hasSameBytes(upTo: 1 << 20) { (bytes, offset) throws(SidecarError) in
            if let base {
                try base.read(into: bytes, at: offset)
            } else {
                file.layout.copySkeleton(into: bytes, at: offset)
            }
        }
    }

    private static func refused(_ poison: SidecarError) -> SidecarError {
        let code: SidecarError.Code = poison.code == .tensorChanged ? .tensorChanged : .invalidResult
        return SidecarError(code, errno: poison.errno, poison.message, cause: poison)
    }

    private func commit(
        _ state: inout State, _ locked: LockedFolder
    ) throws(SidecarError) -> (state: CommittedState, problem: SidecarError?) {
        try state.session!.seal()
        try checkSuperblock(state.session!)
        try store.helper.verify(folder: locked.folder)
        let files = state.base?.state.head.files ?? []
        do throws(SidecarError) { try state.session!.compact(files) } catch {
            // Without room it stays as it is: more files than there need to be.
            guard [ENOSPC, EDQUOT].contains(error.errno) else { throw error }
        }
        let record = try state.session!.finishData()
        let session = state.session!
        var info = session.header.info
        info.committedAt = StoreTime.now()
        return try locked.commit(
            LockedFolder.NewState(
                number: session.header.commit, size: session.size, info: info, files: files + [record],
                extents: session.view), session: session)
    }

    /// What can be told from the first bytes; most sessions that were cut off fail here, before libhdf5 is asked.
    private func checkSuperblock(_ session: Session) throws(SidecarError) {
        var bytes = [UInt8](repeating: 0, count: AddedContents.superblockSize)
        let failure = bytes.withUnsafeMutableBytes { buffer -> SidecarError? in
            do throws(SidecarError) {
                try session.read(into: buffer, at: 0)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        do throws(TensorFileError) { try AddedContents.checkSuperblock(bytes, size: session.size) } catch {
            throw SidecarError(error)
        }
    }

    /// Puts what was written since the last commit aside, where `evh5 sidecar export --torn` finds it.
    public func rollBack(_ reason: String) {
        state.withLock { state in
            guard let locked = state.locked, state.session != nil else { return }
            rollBack(&state, locked, reason)
            show(state)
        }
    }

    private func rollBack(_ state: inout State, _ locked: LockedFolder, _ reason: String) {
        guard let session = state.session else { return }
        state.session = nil
        state.poison = nil
        do throws(SidecarError) {
            if try locked.setAside(session.paths, session.header, reason) { store.noteRollBack() }
        } catch {
            store.say(
                SidecarMessage(
                    .error,
                    "what was written to \(file.key) was not committed (\(reason)), and stays in '\(session.paths.folder)' "
                        + "until the file is opened for writing again: \(error.message)"))
        }
    }

    /// Gives the lock back; rolls back what is uncommitted. Nothing can be written afterwards.
    public func close() {
        state.withLock { state in
            guard let locked = state.locked else { return }
            rollBack(&state, locked, state.poison?.message ?? "the file was closed without a commit")
            locked.removeIfUnused()
            state.locked = nil
            show(state)
            store.noteClosed()
        }
    }
}

extension FileLayout {
    /// Fills `buffer` from byte `offset` on with the file's bytes; zeros where it is computed and past the end.
    func copySkeleton(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) {
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        for (start, bytes) in [(Int64(0), head), (map.tailOffset, tail)] {
            let part = (start..<start + Int64(bytes.count)).clamped(
                to: offset..<max(offset, offset &+ Int64(buffer.count)))
            guard !part.isEmpty else { continue }
            bytes.withUnsafeBytes { bytes in
                let source = bytes[Int(part.lowerBound - start)..<Int(part.upperBound - start)]
                UnsafeMutableRawBufferPointer(
                    rebasing: buffer[Int(part.lowerBound - offset)..<Int(part.upperBound - offset)]
                ).copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
            }
        }
    }
}
