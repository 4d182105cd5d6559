// What `evh5 generate` says at the end, and what it would do.

import Foundation
import Generation

/// How much is in files of one kind, and its bytes before they were packed.
struct GeneratedAmount {
    let isOfEvents: Bool
    var count: Int64 = 0
    var bytes: Int64 = 0

    /// `40 frames`.
    var counted: String { Quantity.text(Int(count), isOfEvents ? "event" : "frame") }

    /// `12.5 frames/s`, `31.3 Mev/s`.
    func rate(_ seconds: Double) -> String {
        let rate = seconds > 0 ? Double(count) / seconds : 0
        return isOfEvents
            ? Quantity.decimal(rate / 1e6, digits: 1) + " Mev/s" : Quantity.decimal(rate, digits: 1) + " frames/s"
    }

    fileprivate enum Keys: CodingKey { case frames, tensorBytes, events, eventBytes }

    /// `frames` and `tensorBytes`, or `events` and `eventBytes`.
    fileprivate func encode(_ encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(count, forKey: isOfEvents ? .events : .frames)
        try container.encode(bytes, forKey: isOfEvents ? .eventBytes : .tensorBytes)
    }
}

extension ContentAmount {
    fileprivate var count: Int64 { Int64(frames) + events }
}

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
        let amount: GeneratedAmount
        let bytes: Int64

        private enum CodingKeys: CodingKey { case path, bytes }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(path, forKey: .path)
            try container.encode(bytes, forKey: .bytes)
            try amount.encode(encoder)
        }
    }

    /// Recordings given or found, and paths that are none.
    var inputs = 0
    /// Files made.
    private(set) var files: [File] = []
    /// Those that were there or that another process makes.
    var skippedFiles: [Skipped] = []
    var labels = 0
    /// Of all files.
    private(set) var amount: GeneratedAmount
    /// Of the recordings, and of the files made of them.
    private(set) var recordingBytes: Int64 = 0
    private(set) var bytes: Int64 = 0
    var seconds = 0.0
    var failures: [Failure] = []

    init(ofEvents: Bool) { amount = GeneratedAmount(isOfEvents: ofEvents) }

    private enum CodingKeys: CodingKey {
        case inputs, files, skippedFiles, skipped, labels, recordingBytes, bytes, seconds, failures
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(inputs, forKey: .inputs)
        try container.encode(files, forKey: .files)
        try container.encode(skippedFiles, forKey: .skippedFiles)
        try container.encode(skippedFiles.count, forKey: .skipped)
        try container.encode(labels, forKey: .labels)
        try container.encode(recordingBytes, forKey: .recordingBytes)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(failures, forKey: .failures)
        try amount.encode(encoder)
    }

    /// Notes a failure; the same one of several parts once.
    mutating func note(_ failure: Failure) {
        if !failures.contains(failure) { failures.append(failure) }
    }

    mutating func add(_ report: GenerationReport, recordingBytes: Int64) {
        files = report.made.map {
            File(
                path: $0.output,
                amount: GeneratedAmount(
                    isOfEvents: amount.isOfEvents, count: $0.amount.count, bytes: $0.unpackedBytes), bytes: $0.bytes)
        }
        .sorted { $0.path < $1.path }
        skippedFiles += report.skipped.map { Skipped(path: $0, reason: "is made by another process, skipped") }
        amount.count = files.reduce(0) { $0 + $1.amount.count }
        amount.bytes = files.reduce(0) { $0 + $1.amount.bytes }
        bytes = files.reduce(0) { $0 + $1.bytes }
        self.recordingBytes = recordingBytes
        for failure in report.failures where failure.error.code != .outputUnwritable {
            note(Failure(path: failure.job.recording, reason: failure.error.message))
        }
    }

    func report(json: Bool) throws(CommandError) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json { return try Output.json(self) }
        var line = "\(Quantity.text(files.count, "file")) made, \(skippedFiles.count) skipped, \(failures.count) failed"
        if labels > 0 { line += ", " + Quantity.text(labels, "label file") }
        Output.line(line)
        Output.line(
            "\(amount.counted) in \(Quantity.decimal(seconds, digits: 1)) s, \(amount.rate(seconds)): recordings "
                + "\(Quantity.text(bytes: Int(recordingBytes))), files \(Quantity.text(bytes: Int(bytes))), "
                + "\(amount.isOfEvents ? "columns" : "tensors") \(Quantity.text(bytes: Int(amount.bytes))) before packing"
        )
    }
}

/// What would be made; the JSON object has these names.
struct GeneratePreview: Encodable {
    struct File: Encodable {
        let path, recording: String
        let exists: Bool
        /// nil for a file that exists.
        let content: ContentAmount?
        let amount: GeneratedAmount

        private enum CodingKeys: CodingKey { case path, recording, exists, shape, events, tensorBytes, eventBytes }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(path, forKey: .path)
            try container.encode(recording, forKey: .recording)
            try container.encode(exists, forKey: .exists)
            if amount.isOfEvents {
                try container.encode(amount.count, forKey: .events)
                try container.encode(amount.bytes, forKey: .eventBytes)
            } else {
                try container.encode(shape, forKey: .shape)
                try container.encode(amount.bytes, forKey: .tensorBytes)
            }
        }

        /// Frames, channels, rows, columns; empty for events and for a file that exists.
        private var shape: [Int] {
            if case .frames(let shape) = content { shape } else { [] }
        }

        var text: String {
            guard !exists else { return "exists" }
            let items = amount.isOfEvents ? amount.counted : shape.map(String.init).joined(separator: " x ")
            return "\(items), \(Quantity.text(bytes: Int(amount.bytes)))"
        }
    }

    let files: [File]
    var failures: [GenerateSummary.Failure] = []
    /// Of all files.
    private var amount: GeneratedAmount

    init(_ plan: DatasetPlan, ofEvents: Bool) {
        files = plan.files.map {
            File(
                path: $0.job.output, recording: $0.job.recording, exists: $0.exists, content: $0.amount,
                amount: GeneratedAmount(isOfEvents: ofEvents, count: $0.amount?.count ?? 0, bytes: $0.bytes))
        }
        amount = GeneratedAmount(
            isOfEvents: ofEvents, count: files.reduce(0) { $0 + $1.amount.count },
            bytes: files.reduce(0) { $0 + $1.amount.bytes })
    }

    private enum CodingKeys: CodingKey { case files, failures }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(files, forKey: .files)
        try container.encode(failures, forKey: .failures)
        try amount.encode(encoder)
    }

    func report(json: Bool, failures: [GenerateSummary.Failure]) throws(CommandError) {
        for failure in failures { Output.problem("evh5: \(escaped(failure.path)): \(escaped(failure.reason))") }
        if json {
            var complete = self
            complete.failures = failures
            return try Output.json(complete)
        }
        Output.table(files.map { (escaped($0.path), $0.text) })
        Output.line(
            "\(Quantity.text(files.count { !$0.exists }, "file")) to make, \(files.count { $0.exists }) there: "
                + "\(amount.counted), \(Quantity.text(bytes: Int(amount.bytes))) before packing")
    }
}
