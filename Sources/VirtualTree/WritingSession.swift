// A virtual file that a process writes into: its session, from the first write to the last close.

import Foundation
import FrameStore
import SidecarStore
import Synchronization

/// The one writer of a virtual file, for as many times as its process has opened it.
final class WritingSession: Sendable {
    private struct State {
        var handles = 1
        /// Why what is written now cannot be committed; nil when that is not known, as after each write.
        var failure: SidecarError?
        /// The process that wrote last was killed, or may have been, and has written nothing since.
        var torn: Closing?
        /// A write into what is computed was refused.
        var wasRefused = false
        /// A descriptor was closed since the last write: the file may be about to be released.
        var isClosing = false
    }

    /// The path below the mount, for messages.
    let name: String
    let file: RecordingFile
    let sidecar: SidecarWriter
    /// The process that opened it; 0 when that is not known.
    let process: Int32
    /// Waited for by whoever wants to write next.
    private let released = DispatchGroup()
    private let state = Mutex(State())

    init(name: String, file: RecordingFile, sidecar: SidecarWriter, process: Int32) {
        self.name = name
        self.file = file
        self.sidecar = sidecar
        self.process = process
        released.enter()
    }

    /// Counts one more opening by the process that has the file open already; HDF5 opens a file anew to find that it
    /// has it.
    func join(_ process: Int32) -> Bool {
        state.withLock { state in
            guard process != 0, process == self.process, state.handles > 0 else { return false }
            state.handles += 1
            return true
        }
    }

    /// Waits until the file is released, if that is to be expected: close(2) returns before the kernel releases a file.
    func waitForRelease() -> Bool {
        guard state.withLock({ $0.isClosing || $0.handles == 0 }) else { return false }
        return released.wait(timeout: .now() + 2) == .success
    }

    // MARK: Writing

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileSystemError) {
        let map = file.layout.map
        let (end, overflow) = offset.addingReportingOverflow(Int64(bytes.count))
        guard offset >= 0, !overflow else { throw FileSystemError(EFBIG, "no file reaches that far", level: .notice) }
        guard end <= map.dataOffset || offset >= map.tailOffset || bytes.isEmpty else {
            state.withLock { $0.wasRefused = true }
            let what = computedName(offset..<end)
            sidecar.poison("somebody wrote into \(what), which is computed and cannot be changed")
            throw FileSystemError(
                EPERM,
                "'\(name)': \(what) is computed from the recording and cannot be overwritten; this session will not be committed: close the file, open it again and add a dataset of its own",
                level: .warning)
        }
        do throws(SidecarError) {
            if try changesNothing(bytes, at: offset) { return }
            try sidecar.write(bytes, at: offset)
        } catch { throw explain(error) }
        changed()
    }

    /// What of the file is computed, for messages: the dataset that has bytes of `range`, or all.
    private func computedName(_ range: Range<Int64>?) -> String {
        if case .tensor = file.spec { return "the tensor (/data)" }
        let map = file.layout.map
        let hit = zip(map.datasets, file.expectation.datasets).first { dataset, _ in
            range.map { dataset.offset < $0.upperBound && dataset.end > $0.lowerBound } ?? false
        }
        return hit.map { "the dataset /\($0.1.path)" } ?? "what is computed"
    }

    /// HDF5 writes the superblock of a file that it opened for writing, whether anything was changed or not: that
    /// begins no session.
    private func changesNothing(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) -> Bool {
        guard bytes.count <= 4096, !sidecar.hasUncommitted, offset + Int64(bytes.count) <= sidecar.size else {
            return false
        }
        var failure: SidecarError?
        let isSame = withUnsafeTemporaryAllocation(byteCount: max(1, bytes.count), alignment: 16) { memory in
            let present = UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes.count])
            do throws(SidecarError) { try sidecar.read(into: present, at: offset) } catch { failure = error }
            return present.elementsEqual(bytes)
        }
        if let failure { throw failure }
        return isSame
    }

    func setSize(_ size: Int64) throws(FileSystemError) {
        guard size >= file.layout.map.tailOffset else {
            throw FileSystemError(
                EPERM,
                "'\(name)': cutting the file to \(size) bytes would cut \(computedName(size..<file.layout.map.tailOffset)); os.remove takes back what was added",
                level: .warning)
        }
        // HDF5 sets the size that a file has, too.
        if size == sidecar.size { return }
        do throws(SidecarError) { try sidecar.setSize(size) } catch { throw explain(error) }
        changed()
    }

    private func changed() {
        state.withLock { state in
            state.failure = nil
            state.torn = nil
            state.isClosing = false
        }
    }

    // MARK: Committing

    /// fsync: commits what the writer has brought to a consistent state.
    /// - Returns: whether something was committed.
    func synchronize() throws(FileSystemError) -> Bool { try commit() }

    /// One descriptor was closed. When its own process did that, commits, so that who opens the file after close(2)
    /// finds what was added; a state that is no valid file is left alone, as another descriptor may go on with it.
    func closing(_ how: Closing, by process: Int32) throws(FileSystemError) -> Bool {
        let isLast = state.withLock { state in
            state.isClosing = true
            if process == self.process || how == .unseen { state.torn = how == .regular ? nil : how }
            // HDF5 that finds that it has the file open already closes the second opening at once.
            return state.handles == 1
        }
        // A child that inherited the file and ends says nothing about the session.
        guard isLast, how == .regular, process == self.process else { return false }
        return try commit()
    }

    private func commit() throws(FileSystemError) -> Bool {
        guard sidecar.hasUncommitted else {
            guard state.withLock({ $0.wasRefused }) else { return false }
            throw FileSystemError(
                EPERM, "'\(name)': what was written into \(computedName(nil)) was refused", level: .notice)
        }
        if let failure = state.withLock({ $0.failure }) { throw explain(failure) }
        do throws(SidecarError) {
            return try sidecar.commit(final: false) != nil
        } catch {
            state.withLock { $0.failure = error }
            throw explain(error)
        }
    }

    /// One opening ended; with the last one the session does. Whatever cannot be committed is rolled back and kept
    /// aside.
    /// - Returns: whether it was the last one.
    func release() -> Bool {
        let (isLast, torn, wasRefused, failure) = state.withLock { state in
            state.handles -= 1
            return (state.handles == 0, state.torn, state.wasRefused, state.failure)
        }
        guard isLast else { return false }
        if sidecar.hasUncommitted {
            if torn == .killed && wasRefused {
                // HDF5 2.0 crashes when it cannot write what it kept: the end is not the cause.
                sidecar.rollBack(
                    "it wrote into \(computedName(nil)), which is computed and cannot be changed, and ended without closing the file"
                )
            } else if torn == .killed {
                sidecar.rollBack("the writing process was killed before it closed the file")
            } else if torn == .unseen {
                sidecar.rollBack("it was closed last by a process that cannot be seen, which may have been killed")
            } else if let failure {
                sidecar.rollBack(failure.message)
            } else {
                // Its own words are in the log.
                _ = try? sidecar.commit(final: true)
            }
        }
        sidecar.close()
        released.leave()
        return true
    }

    private func explain(_ error: SidecarError) -> FileSystemError {
        FileSystemError(error.errno, "'\(name)': \(error.message)", level: .warning, cause: error)
    }
}
