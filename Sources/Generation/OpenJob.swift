// A file while its units are made.

import Files
import Recordings
import TensorFile

/// A file that was begun. Its `progress` belongs to the generator's lock.
final class OpenJob: @unchecked Sendable {
    /// What is done of a file.
    struct Progress {
        /// The unit that nobody has taken yet.
        var nextToRender = 0
        /// The unit that the file lacks.
        var nextToWrite = 0
        /// Units that workers have.
        var rendering = 0
        /// Whether somebody writes, or ends the file.
        var isWriting = false
        /// Packed units whose predecessors are not written yet.
        var waiting: [Int: PackedUnit] = [:]
        var failure: GenerationError?
    }

    let job: FileJob
    let source: any ContentSource
    private let recording: Recording
    private let deflate: [DeflateMethod]
    private let output: OutputFile
    private let stored: StoredFile
    var progress = Progress()

    /// Begins the file of `job` in `output`.
    ///
    /// - Throws: `.recordingUnusable`, `.outputUnwritable`.
    init(
        _ job: FileJob, _ output: OutputFile, _ opener: RecordingOpener, _ compression: ChunkCompression,
        programVersion: String, bench: Workbench
    ) throws(GenerationError) {
        self.job = job
        self.output = output
        do {
            recording = try opener.open(job.recording)
            let index = try opener.store.index(of: recording)
            source = try job.spec.source(
                recording, index, part: job.part, name: job.recordingName, programVersion: programVersion, compression,
                opener.store)
            deflate = try bench.deflateMethods(for: source)
        } catch let error as TensorFileError {
            throw OpenJob.unwritable(error)
        } catch { throw OpenJob.unusable(error) }
        do throws(TensorFileError) {
            stored = try StoredFile(
                source.datasets.map(\.stored), rootAttributes: source.rootAttributes, in: output)
        } catch { throw OpenJob.unwritable(error) }
    }

    /// Computes unit `index` in the bench's memory and packs it.
    func make(unit index: Int, _ bench: Workbench) throws(GenerationError) -> PackedUnit {
        do { return try bench.make(index, of: source, deflate) } catch { throw OpenJob.unusable(error) }
    }

    func write(_ unit: PackedUnit) throws(GenerationError) {
        do throws(TensorFileError) {
            for chunk in unit.chunks {
                try stored.write(chunk.bytes, dataset: chunk.dataset, at: chunk.start, isPacked: chunk.isPacked)
            }
        } catch {
            throw OpenJob.unwritable(error)
        }
    }

    /// Ends the file and gives it its name; returns its bytes.
    func finish() throws(GenerationError) -> Int64 {
        let whole: [(dataset: StoredDataset, bytes: [UInt8])]
        do {
            whole = try source.whole()
            // What was computed of a recording that somebody wrote to is of no use.
            try recording.checkUnchanged()
        } catch { throw OpenJob.unusable(error) }
        do throws(TensorFileError) { try stored.finish(whole) } catch { throw OpenJob.unwritable(error) }
        do throws(FileError) { return try output.publish() } catch { throw GenerationError(unwritable: error) }
    }

    /// Gives the file up; to be called once, when nobody works on it, unless it was finished.
    func discard() {
        stored.abandon()
        output.discard()
        for unit in progress.waiting.values { unit.free() }
        progress.waiting = [:]
    }

    private static func unusable(_ error: any Error) -> GenerationError {
        GenerationError(.recordingUnusable, "\(error)", cause: error)
    }

    private static func unwritable(_ error: TensorFileError) -> GenerationError {
        let reason = (error.cause as? FileError)?.message ?? error.message
        // What no file can hold says nothing about the others.
        let code: GenerationError.Code =
            error.code == .tooLarge || error.code == .invalidDescription ? .recordingUnusable : .outputUnwritable
        return GenerationError(code, reason, cause: error)
    }
}
