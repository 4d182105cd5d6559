// The workers that make files: units are computed and packed side by side, and written in their order.

import Files
import Foundation

/// What became of the jobs.
public struct GenerationReport: Sendable {
    public struct Made: Sendable {
        public let output: String
        public let amount: ContentAmount
        /// Of the file.
        public let bytes: Int64
        /// Of the datasets before they were packed.
        public let unpackedBytes: Int64
    }
    public struct Failure: Sendable {
        public let job: FileJob
        public let error: GenerationError
    }

    public var made: [Made] = []
    /// Files that another process is making, or has made since the jobs were planned.
    public var skipped: [String] = []
    public var failures: [Failure] = []
    /// Whether `stop` ended it before all was made.
    public var isStopped = false
}

/// Makes the files of jobs with any number of threads.
///
/// A worker takes a unit (a frame, a block of events), computes and packs it, and writes it when its predecessors are
/// written; if not, it leaves it for whoever writes the last of those. So memory is that of a unit for each worker, and
/// of a few packed ones.
public final class Generator: @unchecked Sendable {
    private let opener: RecordingOpener
    private let compression: ChunkCompression
    private let programVersion: String
    private let workers: Int
    /// Told the bytes of datasets made so far, and each file that is complete; on the workers' threads.
    private let onProgress: @Sendable (Int64) -> Void
    private let onMade: @Sendable (GenerationReport.Made) -> Void

    /// Guards everything below.
    private let condition = NSCondition()
    private var queue: ArraySlice<FileJob>
    private var open: [OpenJob] = []
    /// Jobs that somebody is opening.
    private var opening = 0
    /// Units that were taken and are not written yet.
    private var underWay = 0
    private var bytesDone: Int64 = 0
    private var mustStop = false
    private var report = GenerationReport()

    public init(
        _ jobs: [FileJob], opener: RecordingOpener, compression: ChunkCompression, programVersion: String,
        workers: Int, onProgress: @escaping @Sendable (Int64) -> Void = { _ in },
        onMade: @escaping @Sendable (GenerationReport.Made) -> Void = { _ in }
    ) {
        queue = jobs[...]
        self.opener = opener
        self.compression = compression
        self.programVersion = programVersion
        self.workers = max(1, workers)
        self.onProgress = onProgress
        self.onMade = onMade
    }

    /// Removes what processes that died left where files of `plan` go.
    public static func removeLeftovers(of plan: DatasetPlan) {
        for folder in Set(plan.files.map { ($0.job.output as NSString).deletingLastPathComponent }) {
            OutputFile.removeLeftovers(in: folder)
        }
    }

    /// Makes all files; returns when that is done, or `stop` was called, or the output cannot be written.
    public func run() -> GenerationReport {
        let group = DispatchGroup()
        for _ in 0..<workers {
            group.enter()
            let thread = Thread { [self] in
                work()
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
        for job in open { job.discard() }
        open = []
        return report
    }

    /// Ends the work: unfinished files are removed. For any thread, but no signal handler.
    public func stop() {
        condition.withLock {
            mustStop = true
            report.isStopped = true
            condition.broadcast()
        }
    }

    private enum Task {
        case open(FileJob)
        case unit(OpenJob, Int)
    }

    private func work() {
        let bench = Workbench(compression)
        while let task = next() {
            switch task {
            case .open(let job): begin(job, bench)
            case .unit(let job, let index):
                do throws(GenerationError) {
                    deliver(try job.make(unit: index, bench), index, of: job)
                } catch {
                    fail(job, error)
                    drop(job)
                }
            }
        }
    }

    /// What is to be done next; waits while that depends on others, and returns nil when there is nothing any more.
    private func next() -> Task? {
        condition.lock()
        defer { condition.unlock() }
        while !mustStop {
            for job in open where job.progress.failure == nil && job.progress.nextToRender < job.source.unitCount {
                // The unit that its file lacks is always taken: everything else may be waiting for it.
                guard underWay < 2 * workers || job.progress.nextToRender == job.progress.nextToWrite else { continue }
                let index = job.progress.nextToRender
                job.progress.nextToRender += 1
                job.progress.rendering += 1
                underWay += 1
                return .unit(job, index)
            }
            if open.count + opening <= workers, let job = queue.popFirst() {
                opening += 1
                return .open(job)
            }
            if queue.isEmpty && open.isEmpty && opening == 0 { return nil }
            condition.wait()
        }
        return nil
    }

    private func begin(_ job: FileJob, _ bench: Workbench) {
        let result: Result<OpenJob?, GenerationError>
        do {
            switch try OutputFile.begin(job.output) {
            case .file(let output):
                result = .success(
                    try OpenJob(job, output, opener, compression, programVersion: programVersion, bench: bench))
            case .exists, .busy: result = .success(nil)
            }
        } catch let error as GenerationError {
            result = .failure(error)
        } catch let error as FileError {
            result = .failure(GenerationError(beginning: error))
        } catch {
            result = .failure(GenerationError(.outputUnwritable, "\(error)", cause: error))
        }
        var empty: OpenJob?
        condition.withLock {
            opening -= 1
            switch result {
            case .success(let begun?):
                open.append(begun)
                if begun.source.unitCount == 0 {
                    begun.progress.isWriting = true
                    empty = begun
                }
            case .success(nil): report.skipped.append(job.output)
            case .failure(let error): note(error, job)
            }
            condition.broadcast()
        }
        if let empty { end(empty) }
    }

    /// Writes unit `index`, and those that wait for it; or leaves it for its predecessor.
    private func deliver(_ unit: PackedUnit, _ index: Int, of job: OpenJob) {
        condition.lock()
        guard job.progress.failure == nil, !mustStop else {
            condition.unlock()
            return drop(job)
        }
        guard job.progress.nextToWrite == index, !job.progress.isWriting else {
            job.progress.waiting[index] = unit.copied()
            job.progress.rendering -= 1
            condition.unlock()
            return
        }
        job.progress.rendering -= 1
        job.progress.isWriting = true
        condition.unlock()
        do throws(GenerationError) {
            try job.write(unit)
            var bytes = unit.storedBytes
            while true {
                switch written(job, bytes) {
                case .unit(let next):
                    defer { next.free() }
                    try job.write(next)
                    bytes = next.storedBytes
                case .complete: return end(job)
                case .notThereYet: return settle(job)
                }
            }
        } catch {
            fail(job, error)
            condition.withLock { job.progress.isWriting = false }
            settle(job)
        }
    }

    private enum Following {
        case unit(PackedUnit)
        /// All is written; who is told so still is the writer.
        case complete
        /// Somebody else will write it.
        case notThereYet
    }

    /// Counts a unit of `bytes` as written and tells what follows.
    private func written(_ job: OpenJob, _ bytes: Int64) -> Following {
        let (following, done) = condition.withLock { () -> (Following, Int64) in
            job.progress.nextToWrite += 1
            underWay -= 1
            bytesDone += bytes
            condition.broadcast()
            let index = job.progress.nextToWrite
            if index == job.source.unitCount { return (.complete, bytesDone) }
            if let next = job.progress.waiting.removeValue(forKey: index) { return (.unit(next), bytesDone) }
            job.progress.isWriting = false
            return (.notThereYet, bytesDone)
        }
        onProgress(done)
        return following
    }

    /// Completes a file whose units are all written.
    private func end(_ job: OpenJob) {
        let result: Result<Int64, GenerationError>
        do throws(GenerationError) { result = .success(try job.finish()) } catch { result = .failure(error) }
        if case .failure = result { job.discard() }
        var made: GenerationReport.Made?
        condition.withLock {
            open.removeAll { $0 === job }
            switch result {
            case .success(let bytes):
                let one = GenerationReport.Made(
                    output: job.job.output, amount: job.source.amount, bytes: bytes,
                    unpackedBytes: job.source.byteCount)
                report.made.append(one)
                made = one
            case .failure(let error): note(error, job.job)
            }
            condition.broadcast()
        }
        if let made { onMade(made) }
    }

    /// Gives a file up; to be settled when nobody works on it.
    private func fail(_ job: OpenJob, _ error: GenerationError) {
        condition.withLock {
            guard job.progress.failure == nil else { return }
            job.progress.failure = error
            note(error, job.job)
        }
    }

    /// Lets go of a unit that was taken and comes to nothing.
    private func drop(_ job: OpenJob) {
        condition.withLock { job.progress.rendering -= 1 }
        settle(job)
    }

    /// Removes a file that was given up, when nobody works on it any more.
    private func settle(_ job: OpenJob) {
        let isOver = condition.withLock {
            guard job.progress.failure != nil, job.progress.rendering == 0, !job.progress.isWriting,
                let place = open.firstIndex(where: { $0 === job })
            else { return false }
            open.remove(at: place)
            underWay -= job.progress.nextToRender - job.progress.nextToWrite
            condition.broadcast()
            return true
        }
        if isOver { job.discard() }
    }

    /// Within the lock.
    private func note(_ error: GenerationError, _ job: FileJob) {
        report.failures.append(GenerationReport.Failure(job: job, error: error))
        if error.code == .outputUnwritable { mustStop = true }
    }
}
