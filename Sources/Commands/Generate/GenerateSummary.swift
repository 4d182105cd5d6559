// What `evh5 generate` says at the end, and what it would do.

import Foundation
import Generation

/// What was made; the JSON object has these names. Bytes, seconds.
struct GenerateSummary: Encodable {
    struct Failure: Encodable, Hashable {
        let path, reason: String
        /// Whose it is, when it is no recording itself.
        var recording: String?
    }
    struct Skipped: Encodable {
        let path, reason: String
    }
    struct File: Encodable {
        let path: String
        let frames: Int
        let bytes, tensorBytes: Int64
    }

    /// Recordings given or found, and paths that are none.
    var inputs = 0
    /// Files made.
    var files: [File] = []
    /// Those that were there or that another process makes, and how many they are.
    var skippedFiles: [Skipped] = [] {
        didSet { skipped = skippedFiles.count }
    }
    private(set) var skipped = 0
    var labels = 0
    var frames = 0
    /// Of the recordings, of the files made of them, and of the tensors before they were packed.
    var recordingBytes: Int64 = 0
    var bytes: Int64 = 0
    var tensorBytes: Int64 = 0
    var seconds = 0.0
    var failures: [Failure] = []

    /// Notes a failure; the same one of several parts once.
    mutating func note(_ failure: Failure) {
        if !failures.contains(failure) { failures.append(failure) }
    }

    mutating func add(_ report: GenerationReport, recordingBytes: Int64) {
        files = report.made.map {
            File(path: $0.output, frames: $0.frames, bytes: $0.bytes, tensorBytes: $0.tensorBytes)
        }
        .sorted { $0.path < $1.path }
        skippedFiles += report.skipped.map { Skipped(path: $0, reason: "is made by another process, skipped") }
        frames = files.reduce(0) { $0 + $1.frames }
        bytes = files.reduce(0) { $0 + $1.bytes }
        tensorBytes = files.reduce(0) { $0 + $1.tensorBytes }
        self.recordingBytes = recordingBytes
        for failure in report.failures where failure.error.code != .outputUnwritable {
            note(Failure(path: failure.job.recording, reason: failure.error.message))
        }
    }

    func report(json: Bool) throws(CommandError) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json { return try Output.json(self) }
        let rate = seconds > 0 ? Quantity.decimal(Double(frames) / seconds, digits: 1) : "0"
        var line = "\(Quantity.text(files.count, "file")) made, \(skipped) skipped, \(failures.count) failed"
        if labels > 0 { line += ", " + Quantity.text(labels, "label file") }
        Output.line(line)
        Output.line(
            "\(Quantity.text(frames, "frame")) in \(Quantity.decimal(seconds, digits: 1)) s, \(rate) frames/s: recordings "
                + "\(Quantity.text(bytes: Int(recordingBytes))), files \(Quantity.text(bytes: Int(bytes))), "
                + "tensors \(Quantity.text(bytes: Int(tensorBytes))) before packing")
    }
}

/// What would be made; the JSON object has these names.
struct GeneratePreview: Encodable {
    struct File: Encodable {
        let path, recording: String
        let exists: Bool
        /// Frames, channels, rows, columns; empty for a file that exists.
        let shape: [Int]
        /// Of the tensor before it is packed.
        let tensorBytes: Int64
    }

    let files: [File]
    var failures: [GenerateSummary.Failure] = []
    let tensorBytes: Int64
    let frames: Int

    init(_ plan: DatasetPlan) {
        files = plan.files.map {
            File(
                path: $0.job.output, recording: $0.job.recording, exists: $0.exists, shape: $0.shape,
                tensorBytes: $0.bytes)
        }
        tensorBytes = files.reduce(0) { $0 + $1.tensorBytes }
        frames = files.reduce(0) { $0 + ($1.shape.first ?? 0) }
    }

    func report(json: Bool, failures: [GenerateSummary.Failure]) throws(CommandError) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json {
            var complete = self
            complete.failures = failures
            return try Output.json(complete)
        }
        Output.table(
            files.map { file in
                let shape = file.shape.map(String.init).joined(separator: " x ")
                return (
                    escaped(file.path),
                    file.exists ? "exists" : "\(shape), \(Quantity.text(bytes: Int(file.tensorBytes)))"
                )
            })
        Output.line(
            "\(Quantity.text(files.count { !$0.exists }, "file")) to make, \(files.count { $0.exists }) there: "
                + "\(Quantity.text(frames, "frame")), "
                + "\(Quantity.text(bytes: Int(tensorBytes))) before packing")
    }
}
