// `evh5 generate`: real, packed HDF5 files, by the options of Metavision ML's generate_hdf5.py.

import ArgumentParser
import Datasets
import Files
import Foundation
import Generation
import Recordings
import Tensors

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make real, compressed HDF5 files of recordings, as generate_hdf5.py does.",
        discussion: """
            $ evh5 generate recordings/*.raw -o tensors --preprocess timesurface --delta-t 250000
            $ evh5 generate dataset/ -o tensors --preprocess event_cube,num_utbins=5 --height_width 360 640
            $ evh5 generate dataset/ -o events --preprocess events

            A folder is searched for recordings, and its sub-folders come back below the output folder. Files that are there are left
            alone, so the same call goes on after an interruption; unfinished files never have their name. Values are those of a mount,
            bit for bit; docs/COMPATIBILITY.md says what differs from the original.
            With --json: one object; bytes, seconds.
            Exit codes: 3 (recording-unusable) when recordings or labels could not be used, the others being made; 10
            (output-unwritable) when the output folder cannot be written.
            """)

    @Argument(help: "RAW and DAT files, or folders, which are searched for them.")
    var paths: [String]
    @Option(
        name: [.short, .customLong("output-folder"), .customLong("output_folder")],
        help: "The folder to write to; made when it is not there.")
    var output: String
    @OptionGroup(title: "Tensor") var tensor: TensorFlags
    @Option(
        name: [.customLong("box-labels"), .customLong("box_labels")], parsing: .upToNextOption,
        help: ArgumentHelp(
            "Label files (.npy), one for each recording in their order, cut and re-timed like the frames, and called <name>_bbox.npy after them. Default: <name>_bbox.npy beside a recording.",
            valueName: "npy"))
    var boxLabels: [String] = []
    @Flag(name: .customLong("no-labels"), help: "Leave labels beside recordings alone.")
    var noLabels = false
    @Option(
        help: ArgumentHelp(
            "How it is packed: gzip[:1-9], lzf (h5py), lz4, zstd[:1-22], blosc-zstd[:1-9], blosc-lz4[:1-9] (hdf5plugin), none. Not for layout=ecf, which is packed by its own codec. (default: gzip)",
            valueName: "how"))
    var compression: String?
    @Option(
        name: [.short, .customLong("num-workers"), .customLong("num_workers")],
        help: "Threads that compute and pack; as many as there are processors when not said.")
    var numWorkers = max(1, ProcessInfo.processInfo.activeProcessorCount)
    @Option(
        help: ArgumentHelp(
            "Make every n-th file only, beginning with number i (0 to n-1), so that n calls make all.", valueName: "i/n"
        ))
    var shard: String?
    @Flag(name: .customLong("any-geometry"), help: "Take recordings of different geometries.")
    var anyGeometry = false
    @Flag(name: .customLong("dry-run"), help: "Write nothing; list the files, with the sizes of what is in them.")
    var dryRun = false
    @OptionGroup(title: "Preprocessings of your own") var preprocessings: PreprocessingFlags
    @OptionGroup var flags: RecordingFlags
    @Flag(help: "Print a summary as JSON; bytes, seconds.")
    var json = false

    func validate() throws {
        guard (1...256).contains(numWorkers) else {
            throw ValidationError("--num-workers takes a number from 1 to 256")
        }
        if paths.isEmpty { throw ValidationError("say which recordings to convert") }
        if output.isEmpty { throw ValidationError("-o takes a folder") }
        if noLabels && !boxLabels.isEmpty { throw ValidationError("give either --box-labels or --no-labels") }
        guard compression.map({ ChunkCompression($0) != nil }) ?? true else {
            throw ValidationError(
                "--compression takes gzip, gzip:1 to gzip:9, lzf, lz4, zstd, zstd:1 to zstd:22, blosc-zstd, blosc-zstd:1 to blosc-zstd:9, blosc-lz4, blosc-lz4:1 to blosc-lz4:9 or none"
            )
        }
        if let compression, tensor.packThemselves {
            throw ValidationError(
                "layout=ecf is packed by Prophesee's codec, and its readers take nothing else: leave --compression \(compression) out, or take layout=prophesee"
            )
        }
        if let shard, Shard(shard) == nil {
            throw ValidationError("--shard takes i/n with i from 0 to n-1, as 0/4; not \(shard)")
        }
        try tensor.validate()
    }

    func run() throws {
        let layers = try flags.layers(preprocessings.given)
        let access = try RecordingAccess(layers)
        let loaded = try PreprocessingSettings(layers).loaded(CommandLog.standardError(level: .info))
        defer { loaded.stop() }
        let opener = RecordingOpener(store: access.store) { path throws(RecordingError) in try access.open(path) }
        let found = RecordingTree.find(paths)
        let inputs = try inputs(found.files, loaded.registry)
        var summary = GenerateSummary(ofEvents: tensor.areEvents)
        summary.inputs = found.files.count + found.unreadable.count
        summary.failures = found.unreadable.map { .init(path: $0.path, reason: $0.reason) }
        let folder = output.count > 1 && output.hasSuffix("/") ? String(output.dropLast()) : output
        let scan = ScanProgress()
        let plan: DatasetPlan
        do throws(GenerationError) {
            plan = try DatasetPlan(
                inputs, output: folder, opener: opener, shard: shard.flatMap(Shard.init), anyGeometry: anyGeometry
            ) { scan.update($0, $1) }
        } catch {
            throw CommandError(error)
        }
        scan.end()
        summary.failures += plan.failures.map { .init(path: $0.path, reason: $0.error.message) }
        if dryRun {
            try GeneratePreview(plan, ofEvents: tensor.areEvents).report(json: json, failures: summary.failures)
        } else {
            let dictionaries = noLabels ? [] : RecordingTree.dictionaries(paths, found.files, output: folder)
            try make(plan, dictionaries, in: folder, opener, loaded, &summary)
            try summary.report(json: json)
        }
        if plan.files.isEmpty && summary.failures.isEmpty && shard == nil {
            throw CommandError(.recordingUnusable, "there are no .raw or .dat files there")
        }
        if !summary.failures.isEmpty {
            let bad = Set(summary.failures.map { $0.recording ?? $0.path }).count
            throw CommandError(
                .recordingUnusable, "\(bad) of \(Quantity.text(summary.inputs, "input")) could not be used")
        }
    }

    private func inputs(
        _ files: [RecordingTree.Found], _ registry: PreprocessingRegistry
    ) throws(CommandError) -> [DatasetInput] {
        let named = files.count { $0.isNamed } == files.count
        guard boxLabels.isEmpty || boxLabels.count == files.count else {
            throw CommandError(
                .usage,
                "\(Quantity.text(files.count, "recording")) and \(Quantity.text(boxLabels.count, "label file")) were given: --box-labels takes one for each"
            )
        }
        guard tensor.startTs.count <= 1 || (named && tensor.startTs.count == files.count) else {
            throw CommandError(
                .usage,
                "--start-ts takes one time, or one for each of the recordings, which are named as files then: \(Quantity.text(files.count, "recording")) and \(Quantity.text(tensor.startTs.count, "time")) were given"
            )
        }
        var specs: [String: ContentSpec] = [:]
        var inputs: [DatasetInput] = []
        for (number, file) in files.enumerated() {
            let start = tensor.startTs.count > 1 ? tensor.startTs[number] : tensor.startTs.first ?? "0"
            let spec: ContentSpec
            if let known = specs[start] {
                spec = known
            } else {
                spec = try tensor.spec(start: start, registry: registry)
            }
            specs[start] = spec
            let labels = boxLabels.isEmpty ? (noLabels ? nil : RecordingTree.labels(of: file.path)) : boxLabels[number]
            inputs.append(DatasetInput(path: file.path, folder: file.folder, spec: spec, labels: labels))
        }
        return inputs
    }

    private func make(
        _ plan: DatasetPlan, _ dictionaries: [LabelJob], in folder: String, _ opener: RecordingOpener,
        _ loaded: LoadedPreprocessings,
        _ summary: inout GenerateSummary
    ) throws(CommandError) {
        let clock = ContinuousClock()
        let start = clock.now
        for file in plan.files where file.exists {
            let difference = ExistingFile.difference(file.job.output, from: file.job.spec, file.geometry)
            let reason = "already exists, skipped" + (difference.map { ": " + $0 } ?? "")
            if !json { Output.problem("\(escaped(file.job.output)) \(escaped(reason))") }
            summary.skippedFiles.append(.init(path: file.job.output, reason: reason))
        }
        do throws(FileError) { try makeDirectories(folder) } catch {
            throw CommandError(.outputUnwritable, error.message, cause: error)
        }
        Generator.removeLeftovers(of: plan)
        let jobs = plan.files.filter { !$0.exists }.map(\.job)
        let progress = RateProgress("generating", total: plan.files.reduce(0) { $0 + $1.bytes })
        let generator = Generator(
            jobs, opener: opener, compression: compression.flatMap(ChunkCompression.init) ?? .standard,
            programVersion: programVersion, workers: numWorkers, onProgress: { progress.update($0) })
        let interruption = Interruption {
            generator.stop()
            // A frame that hangs must not hold up the end.
            loaded.stop()
        }
        try labels(plan.labels, &summary)
        for job in dictionaries {
            do throws(GenerationError) { _ = try job.run() } catch {
                guard error.code == .recordingUnusable else { throw CommandError(error) }
                summary.note(.init(path: job.labels, reason: error.message))
            }
        }
        let report = generator.run()
        progress.end()
        interruption.end()

        summary.seconds = (clock.now - start) / .seconds(1)
        summary.add(report, recordingBytes: plan.recordingBytes)
        for path in report.skipped where !json {
            Output.problem("\(escaped(path)) is made by another process, skipped")
        }
        if let failure = report.failures.first(where: { $0.error.code == .outputUnwritable }) {
            throw CommandError(
                .outputUnwritable,
                "\(failure.error.message); \(report.made.count) of \(Quantity.text(jobs.count, "file")) complete; when that is mended, the same call makes the rest",
                cause: failure.error)
        }
        if let signal = interruption.signal, report.isStopped {
            Output.problem(
                "evh5: interrupted; \(report.made.count) of \(Quantity.text(jobs.count, "file")) complete, the same call makes the rest"
            )
            Interruption.die(of: signal)
        }
    }

    private func labels(_ jobs: [LabelJob], _ summary: inout GenerateSummary) throws(CommandError) {
        for job in jobs {
            do throws(GenerationError) {
                if try job.run() { summary.labels += 1 }
            } catch {
                guard error.code == .recordingUnusable else { throw CommandError(error) }
                summary.note(.init(path: job.labels, reason: error.message, recording: job.recording))
            }
        }
    }
}

extension CommandError {
    init(_ error: GenerationError) {
        let status: CommandExit =
            switch error.code {
            case .invalidRequest: .usage
            case .recordingUnusable: .recordingUnusable
            case .outputUnwritable: .outputUnwritable
            }
        self.init(status, error.message, cause: error)
    }
}

/// The progress of scans, one after the other.
private final class ScanProgress {
    private var current: (path: String, progress: Progress)?

    func update(_ path: String, _ bytes: Int64) {
        if current?.path != path {
            end()
            let size = (try? FileStatus(path: path).size) ?? 0
            current = (path, Progress("scanning " + path, total: size))
        }
        current?.progress.update(bytes)
    }

    func end() {
        current?.progress.end()
        current = nil
    }
}
