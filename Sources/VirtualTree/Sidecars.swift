// Virtual files and the store of what users added to them.

import Datasets
import Files
import Foundation
import Logging
import SidecarStore
import TensorFile
import Tensors

/// Finds what was added to virtual files, in this mount's terms.
final class Sidecars: Sendable {
    /// nil when nothing is kept: then no file can be written.
    private let store: SidecarStore?
    private let readOnly: Bool
    private let programVersion: String
    private let complaints: RareComplaints

    init(_ options: VirtualCatalog.Options, _ logger: Logger) {
        readOnly = options.readOnly
        programVersion = options.programVersion
        complaints = RareComplaints(logger)
        guard let directory = options.sidecarDirectory, let helper = options.sidecarHelper else {
            store = nil
            return
        }
        store = SidecarStore(directory: directory, readOnly: options.readOnly, helper: helper) { message in
            logger.log(level: Sidecars.level(message.level), "sidecars: \(message.text)")
        }
    }

    var statistics: SidecarStatistics? { store?.examined() }

    /// Why what users added cannot be read or nothing can be added; nil when all is well or nothing is kept.
    var problem: String? { store?.accessProblem() }

    /// Whether anything was added to any file, as far as is known without work.
    var mayHaveAny: Bool { store?.mayHaveAny ?? false }

    /// What is known to have been added, found without work.
    func peek(_ key: SidecarKey, _ recording: RecordingState) -> SidecarLookup {
        store?.peek(key, recording) ?? .none
    }

    /// What was added to a file, carried over to the recording as it is now where that changed; nil when nothing was.
    func snapshot(_ file: RecordingFile) throws(FileSystemError) -> SidecarSnapshot? {
        guard let store else { return nil }
        do throws(SidecarError) { return try store.snapshot(base(file)) } catch {
            if error.code == .busy {
                // Listing and reading must not wait for somebody who may write for hours.
                complaints.say(
                    "what was added to \(file.names.sidecarKey) is not shown for now: the recording has changed, and the additions, which are open for writing, cannot follow it before they are closed (\(error.message))"
                )
                return nil
            }
            throw Sidecars.explain(error, file.names.sidecarKey)
        }
    }

    /// What was added to a file, ready to be read for as long as it is held, whatever is committed meanwhile.
    func opened(_ file: RecordingFile) throws(FileSystemError) -> SidecarSnapshot? {
        var attempts = 3
        while true {
            guard let added = try snapshot(file) else { return nil }
            do throws(SidecarError) {
                return try added.forReading()
            } catch {
                // It was replaced just now, by another daemon.
                attempts -= 1
                if error.code == .outdated, attempts > 0 { continue }
                guard error.isOutOfReach else { throw Sidecars.explain(error, file.names.sidecarKey) }
                complaints.say("what was added to \(file.names.sidecarKey) is not shown: \(error.message)")
                return nil
            }
        }
    }

    /// What was added to a file.
    func contents(_ added: SidecarSnapshot, _ key: SidecarKey) throws(FileSystemError) -> [AddedObject] {
        guard let store else { return [] }
        do throws(SidecarError) { return try store.helper.contents(folder: added.folder, commit: added.commit) } catch {
            throw Sidecars.explain(error, key)
        }
    }

    /// The elements of an added dataset of one dimension, thinned.
    func series(
        _ added: SidecarSnapshot, _ dataset: String, points: Int, _ key: SidecarKey
    ) throws(FileSystemError) -> AddedSeries {
        guard let store else { throw FileSystemError(ENOENT, "nothing is kept that was added", level: .info) }
        do throws(SidecarError) {
            return try store.helper.series(
                folder: added.folder, commit: added.commit, dataset: dataset, points: points)
        } catch { throw Sidecars.explain(error, key) }
    }

    /// Takes the right to write a file.
    /// - Throws: EBUSY when somebody else has it, EROFS.
    func openForWriting(_ file: RecordingFile) throws(FileSystemError) -> SidecarWriter {
        guard let store, !readOnly else { throw refusal("writing into '\(file.recording.path)'") }
        // Another daemon's writer that has just closed the file needs a moment to let go.
        var attempts = 20
        while true {
            do throws(SidecarError) { return try store.openForWriting(base(file)) } catch {
                attempts -= 1
                guard error.code == .busy, attempts > 0 else { throw Sidecars.explain(error, file.names.sidecarKey) }
                usleep(10_000)
            }
        }
    }

    /// Removes what was added to a file, to where it can be restored from.
    func remove(_ file: RecordingFile) throws(FileSystemError) {
        guard let store, !readOnly else { throw refusal("unlink") }
        do throws(SidecarError) { _ = try store.remove(base(file)) } catch {
            throw Sidecars.explain(error, file.names.sidecarKey)
        }
    }

    /// Why a change is refused that no file allows, or this mount does not.
    func refusal(_ operation: String) -> FileSystemError {
        if store == nil || readOnly {
            return FileSystemError(
                EROFS, "\(operation) refused: this mount is read-only; write somewhere else", level: .notice)
        }
        return FileSystemError(
            EPERM,
            "\(operation) refused: the names of this mount follow the recordings; only what is in its .h5 files can be added to",
            level: .notice)
    }

    /// The room of the disk that what users add goes to; nil where nothing can be added.
    func volume() -> Volume? { readOnly ? nil : store.flatMap { Volume(of: $0.directory) } }

    private func base(_ file: RecordingFile) -> SidecarBase {
        SidecarBase(
            key: file.names.sidecarKey, recording: file.recording.sidecarState(file.ownVersion),
            recordingFile: file.recording.file, layout: file.layout, expectation: file.expectation,
            programVersion: programVersion, tensorVersion: tensorVersion)
    }

    private static func level(_ level: SidecarMessage.Level) -> Logger.Level {
        switch level {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }

    /// An error of the store as what the caller of a system call is told.
    static func explain(_ error: SidecarError, _ key: SidecarKey) -> FileSystemError {
        FileSystemError(error.errno, "\(key): \(error.message)", level: .warning, cause: error)
    }
}
