// A tensor file while its frames are made.

import Datasets
import Files
import Recordings
import TensorFile
import Tensors

/// A file that was begun. Its `progress` belongs to the generator's lock.
final class OpenJob: @unchecked Sendable {
    /// What is done of a file.
    struct Progress {
        /// The frame that nobody has taken yet.
        var nextToRender = 0
        /// The frame that the file lacks.
        var nextToWrite = 0
        /// Frames that workers have.
        var rendering = 0
        /// Whether somebody writes, or ends the file.
        var isWriting = false
        /// Packed frames whose predecessors are not written yet.
        var waiting: [Int: Packed] = [:]
        var failure: GenerationError?
    }

    /// A packed frame in memory of its own.
    struct Packed {
        let bytes: UnsafeMutableRawBufferPointer
        let isPacked: Bool
    }

    let job: TensorJob
    let plan: TensorPlan
    let recording: Recording
    let deflate: DeflateMethod
    private let output: OutputFile
    private let stored: StoredTensorFile
    var progress = Progress()

    /// Frames from which on it is worth finding out how they are packed best.
    private static let manyFrames = 16

    /// Begins the file of `job` in `output`.
    ///
    /// - Throws: `.recordingUnusable`, `.outputUnwritable`.
    init(
        _ job: TensorJob, _ output: OutputFile, _ opener: RecordingOpener, _ compression: ChunkCompression,
        programVersion: String, bench: Workbench
    ) throws(GenerationError) {
        self.job = job
        self.output = output
        let index: TimeIndex
        do {
            recording = try opener.open(job.recording)
            index = try opener.store.index(of: recording)
            plan = try TensorPlan(
                spec: job.spec, recording: recording, index: index, part: job.part,
                times: TimesFile.read(job.spec, beside: job.recording), store: opener.store)
            if case .gzip = compression, plan.frameCount >= OpenJob.manyFrames {
                let frame = bench.frame(plan.frameBytes)
                try plan.render(frame: plan.frameCount / 2, into: frame)
                deflate = bench.encoder.deflateMethod(for: UnsafeRawBufferPointer(frame))
            } else {
                deflate = .thorough
            }
        } catch { throw OpenJob.unusable(job, error) }
        let name = job.recording.split(separator: "/").last.map(String.init) ?? job.recording
        let description = TensorFileDescription(plan, of: recording, index, name: name, programVersion: programVersion)
        do throws(TensorFileError) {
            stored = try StoredTensorFile(
                description, filter: compression.filter(frameBytes: plan.frameBytes), in: output)
        } catch { throw OpenJob.unwritable(job, error) }
    }

    /// Computes frame `index` into the bench's memory and packs it.
    func make(frame index: Int, _ bench: Workbench) throws(GenerationError) -> ChunkEncoder.Chunk {
        let frame = bench.frame(plan.frameBytes)
        do { try plan.render(frame: index, into: frame) } catch { throw OpenJob.unusable(job, error) }
        return bench.encoder.encode(UnsafeRawBufferPointer(frame), deflate)
    }

    func write(_ bytes: UnsafeRawBufferPointer, frame index: Int, isPacked: Bool) throws(GenerationError) {
        do throws(TensorFileError) { try stored.write(bytes, frame: index, isPacked: isPacked) } catch {
            throw OpenJob.unwritable(job, error)
        }
    }

    /// Ends the file and gives it its name; returns its bytes.
    func finish() throws(GenerationError) -> Int64 {
        let times: [[Int64]]
        do {
            times = try plan.allTimes()
            // What was computed of a recording that somebody wrote to is of no use.
            try recording.checkUnchanged()
        } catch { throw OpenJob.unusable(job, error) }
        do throws(TensorFileError) { try stored.finish(times: times) } catch {
            throw OpenJob.unwritable(job, error)
        }
        do throws(FileError) { return try output.publish() } catch { throw GenerationError(unwritable: error) }
    }

    /// Gives the file up; to be called once, when nobody works on it, unless it was finished.
    func discard() {
        stored.abandon()
        output.discard()
        for chunk in progress.waiting.values { chunk.bytes.deallocate() }
        progress.waiting = [:]
    }

    private static func unusable(_ job: TensorJob, _ error: any Error) -> GenerationError {
        GenerationError(.recordingUnusable, "\(error)", cause: error)
    }

    private static func unwritable(_ job: TensorJob, _ error: TensorFileError) -> GenerationError {
        let reason = (error.cause as? FileError)?.message ?? error.message
        // A tensor that no file can hold says nothing about the others.
        let code: GenerationError.Code =
            error.code == .tooLarge || error.code == .invalidDescription ? .recordingUnusable : .outputUnwritable
        return GenerationError(code, reason, cause: error)
    }
}

/// A worker's memory: a frame, and what it takes to pack it. For one thread.
final class Workbench {
    let encoder: ChunkEncoder
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(_ compression: ChunkCompression) { encoder = ChunkEncoder(compression) }

    deinit { memory.deallocate() }

    /// `bytes` bytes for a frame; the same memory each time.
    func frame(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count < bytes {
            memory.deallocate()
            memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes])
    }
}
