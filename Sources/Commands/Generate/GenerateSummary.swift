// What `evh5 generate` says at the end, and what it would do.

import Foundation
import Generation

/// What was made; the JSON object has these names. Bytes, seconds.
struct GenerateSummary: Encodable {
    struct Failure: Encodable {
        let path, reason: String
    }
    struct File: Encodable {
        let path: String
        let frames: Int
        let bytes, tensorBytes: Int64
    }

    /// Files made, and those that were there or that another process makes.
    var files: [File] = []
    var skipped = 0
    var labels = 0
    var frames = 0
    /// Of the recordings, of the files made of them, and of the tensors before they were packed.
    var recordingBytes: Int64 = 0
    var bytes: Int64 = 0
    var tensorBytes: Int64 = 0
    var seconds = 0.0
    var failures: [Failure] = []

    mutating func add(_ report: GenerationReport, recordingBytes: Int64) {
        files = report.made.map {
            File(path: $0.output, frames: $0.frames, bytes: $0.bytes, tensorBytes: $0.tensorBytes)
        }
        .sorted { $0.path < $1.path }
        skipped += report.skipped.count
        frames = files.reduce(0) { $0 + $1.frames }
        bytes = files.reduce(0) { $0 + $1.bytes }
        tensorBytes = files.reduce(0) { $0 + $1.tensorBytes }
        self.recordingBytes = recordingBytes
        failures += report.failures.filter { $0.error.code != .outputUnwritable }
            .map { Failure(path: $0.job.recording, reason: $0.error.message) }
    }

    func report(json: Bool) throws(CommandError) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json { return try Output.json(self) }
        let rate = seconds > 0 ? Quantity.decimal(Double(frames) / seconds, digits: 1) : "0"
        var line = "\(files.count) files made, \(skipped) skipped, \(failures.count) failed"
        if labels > 0 { line += ", \(labels) label files" }
        Output.line(line)
        Output.line(
            "\(frames) frames in \(Quantity.decimal(seconds, digits: 1)) s, \(rate) frames/s: recordings "
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
            "\(files.count { !$0.exists }) files to make, \(files.count { $0.exists }) there: \(frames) frames, "
                + "\(Quantity.text(bytes: Int(tensorBytes))) before packing")
    }
}
