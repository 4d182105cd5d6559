// From recordings to the files that are to be made of them: names, parts, labels, shards; before anything is written.

import Datasets
import Files
import Foundation
import Recordings
import Tensors

/// A recording that files are to be made of.
public struct DatasetInput: Sendable {
    public let path: String
    /// The folder of its files below the output folder; empty for that one itself.
    public let folder: String
    public let spec: ContentSpec
    /// Its label file; nil when it has none.
    public let labels: String?

    public init(path: String, folder: String, spec: ContentSpec, labels: String?) {
        self.path = path
        self.folder = folder
        self.spec = spec
        self.labels = labels
    }
}

/// Every n-th of the files, so that n processes make them all.
public struct Shard: Hashable, Sendable {
    /// 0 to count - 1.
    public let index: Int
    public let count: Int

    /// `0/4` to `3/4`; nil for anything else.
    public init?(_ text: String) {
        let sides = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let index = sides[0], let count = sides[1], count > 0, (0..<count).contains(index)
        else {
            return nil
        }
        self.index = index
        self.count = count
    }

    func contains(_ number: Int) -> Bool { number % count == index }
}

/// What there is to make of a set of recordings.
public struct DatasetPlan: Sendable {
    /// A file of the plan.
    public struct File: Sendable {
        public let job: FileJob
        /// Whether it is there already.
        public var exists: Bool { amount == nil }
        /// nil when it exists, as nothing was asked of its recording then.
        public let amount: ContentAmount?
        /// Of the datasets, not packed.
        public let bytes: Int64
        /// Of its recording.
        public let geometry: Geometry
    }
    public struct Failure: Sendable {
        public let path: String
        public let error: GenerationError
    }

    public private(set) var files: [File] = []
    public private(set) var labels: [LabelJob] = []
    /// Bytes of the recordings that `files` are made of, those that exist left out.
    public private(set) var recordingBytes: Int64 = 0
    /// Inputs that nothing can be made of.
    public private(set) var failures: [Failure] = []

    /// Opens all recordings, and scans those that files of the shard are made of unless their index is known.
    ///
    /// - Parameters:
    ///   - output: the folder that everything is made in.
    ///   - anyGeometry: whether recordings may have different ones.
    ///   - progress: told the recording that is scanned and the bytes done.
    /// - Throws: `.invalidRequest` when two files would have the same name, geometries differ, or no recording's allows
    ///   what is asked
    ///   for.
    public init(
        _ inputs: [DatasetInput], output: String, opener: RecordingOpener, shard: Shard?, anyGeometry: Bool,
        progress: @escaping (String, Int64) -> Void = { _, _ in }
    ) throws(GenerationError) {
        let usable = try open(inputs, opener, anyGeometry)
        let names = try DatasetPlan.names(usable.map(\.input))
        let geometries = Dictionary(usable.map { ($0.input.path, $0.geometry) }, uniquingKeysWith: { $1 })
        var number = 0
        func isMine() -> Bool {
            defer { number += 1 }
            return shard?.contains(number) ?? true
        }
        // What cannot be used has its place in the list all the same: no other shard's list depends on this one's luck.
        for (input, name) in zip(inputs, inputs.map { names[$0.path] }) {
            guard let name, let geometry = geometries[input.path] else {
                if !isMine() { failures.removeAll { $0.path == input.path } }
                continue
            }
            let folder = input.folder.isEmpty ? output : output + "/" + input.folder
            do {
                try add(input, folder + "/" + name, geometry, opener, isMine, progress)
            } catch {
                failures.append(
                    Failure(path: input.path, error: GenerationError(.recordingUnusable, "\(error)", cause: error)))
            }
        }
        try refuseWhatFitsNone()
    }

    /// What no recording can give was a mistake on the command line, such as a size that divides no sensor's.
    private func refuseWhatFitsNone() throws(GenerationError) {
        guard files.isEmpty else { return }
        for failure in failures {
            guard let cause = failure.error.cause as? TensorError,
                [.notApplicable, .invalidParameter].contains(cause.code)
            else { continue }
            throw GenerationError(.invalidRequest, "'\(failure.path)': \(cause.message)", cause: cause)
        }
    }

    /// The inputs that are recordings.
    private mutating func open(
        _ inputs: [DatasetInput], _ opener: RecordingOpener, _ anyGeometry: Bool
    ) throws(GenerationError) -> [(input: DatasetInput, geometry: Geometry)] {
        var first: (path: String, geometry: Geometry)?
        var usable: [(input: DatasetInput, geometry: Geometry)] = []
        for input in inputs {
            let geometry: Geometry
            do throws(RecordingError) { geometry = try opener.open(input.path).geometry } catch {
                let reason = GenerationError(.recordingUnusable, error.message, cause: error)
                failures.append(Failure(path: input.path, error: reason))
                continue
            }
            if let first, first.geometry != geometry, !anyGeometry {
                throw GenerationError(
                    .invalidRequest,
                    "'\(first.path)' is \(first.geometry) and '\(input.path)' is \(geometry): generate_hdf5 takes recordings of one "
                        + "geometry only; call it for each, or give --any-geometry")
            }
            if first == nil { first = (input.path, geometry) }
            usable.append((input, geometry))
        }
        return usable
    }

    /// The name of each input's files without number and extension, by its path.
    private static func names(_ inputs: [DatasetInput]) throws(GenerationError) -> [String: String] {
        var result: [String: String] = [:]
        for (folder, group) in Dictionary(grouping: inputs, by: \.folder) {
            var named: [String] = []
            var paths: [String: String] = [:]
            for input in group {
                let file = (input.path as NSString).lastPathComponent
                if let other = paths.updateValue(input.path, forKey: file) {
                    throw GenerationError(
                        .invalidRequest,
                        "'\(other)' and '\(input.path)' would be written to the same file in '\(folder)': give each its own output folder, "
                            + "or the folder above both")
                }
                // Files that were named need not be called as recordings are.
                if RecordingName.isRecording(file) { named.append(file) } else { result[input.path] = file }
            }
            for (base, file) in RecordingNames(named).recordings({ _ in true }) {
                if let path = paths[file] { result[path] = base }
            }
        }
        return result
    }

    private mutating func add(
        _ input: DatasetInput, _ base: String, _ geometry: Geometry, _ opener: RecordingOpener,
        _ isMine: () -> Bool, _ progress: @escaping (String, Int64) -> Void
    ) throws {
        var scanned: (recording: Recording, index: TimeIndex)?
        func scan() throws -> (recording: Recording, index: TimeIndex) {
            if let scanned { return scanned }
            let recording = try opener.open(input.path)
            let index = try opener.store.index(of: recording) { progress(input.path, $0) }
            scanned = (recording, index)
            return (recording, index)
        }
        var isCounted = false
        func partCount() throws -> Int {
            let (recording, index) = try scan()
            return try input.spec.partCount(recording, index)
        }
        let parts = input.spec.maxDuration == nil ? nil : try partCount()
        for part in 0..<(parts ?? 1) where isMine() {
            let output = base + (parts == nil ? "" : "_\(part)") + input.spec.suffix
            try checkNameLength(output)
            let job = FileJob(
                recording: input.path, spec: input.spec, part: parts == nil ? nil : part, output: output)
            if FileManager.default.fileExists(atPath: output) {
                files.append(File(job: job, amount: nil, bytes: 0, geometry: geometry))
                addLabels(input, base, part: job.part)
                continue
            }
            let (recording, index) = try scan()
            // Neither the texts nor the packing matter to sizes.
            let source = try input.spec.source(
                recording, index, part: job.part, name: "", programVersion: "", .none, opener.store)
            files.append(File(job: job, amount: source.amount, bytes: source.byteCount, geometry: geometry))
            addLabels(input, base, part: job.part)
            if !isCounted { recordingBytes += recording.status.size }
            isCounted = true
        }
    }

    /// Labels are cut as the file is; with nothing to cut, they are copied.
    private mutating func addLabels(_ input: DatasetInput, _ base: String, part: Int?) {
        guard let path = input.labels else { return }
        let folder = (base as NSString).deletingLastPathComponent
        let shown = (base as NSString).lastPathComponent
        let file = (path as NSString).lastPathComponent
        // Loaders find labels by the file's name, whatever the file was called that they come from.
        let isNamed = RecordingName.labels(of: shown).contains(file)
        if let part, let duration = input.spec.maxDuration {
            let start = input.spec.startTime + Int64(part) * duration
            labels.append(
                LabelJob(
                    recording: input.path, labels: path, times: start..<start + duration,
                    output: "\(folder)/\(shown)_\(part)\(RecordingName.labelSuffix)"))
        } else if input.spec.startTime != 0 {
            let times = input.spec.startTime..<Int64.max
            labels.append(
                LabelJob(
                    recording: input.path, labels: path, times: times,
                    output: "\(folder)/\(shown)\(RecordingName.labelSuffix)"))
        } else {
            let name = isNamed ? file : shown + RecordingName.labelSuffix
            labels.append(LabelJob(recording: input.path, labels: path, times: nil, output: "\(folder)/\(name)"))
        }
    }
}
