// What there is to make: files of tensors or events, and label files, each of a recording or a part of one.

import Datasets
import Files
import Recordings

/// One file to be made of a recording.
public struct FileJob: Sendable {
    /// The recording's path.
    public let recording: String
    public let spec: ContentSpec
    /// Which part, with max_duration.
    public let part: Int?
    /// The file's path.
    public let output: String

    public init(recording: String, spec: ContentSpec, part: Int?, output: String) {
        self.recording = recording
        self.spec = spec
        self.part = part
        self.output = output
    }

    /// The recording's file name.
    var recordingName: String { recording.split(separator: "/").last.map(String.init) ?? recording }
}

/// One label file to be cut.
public struct LabelJob: Sendable {
    /// The recording that they are of; nil for what belongs to a whole folder.
    public let recording: String?
    /// The label file's path.
    public let labels: String
    /// us; all that there is becomes a copy, byte by byte.
    public let times: Range<Int64>?
    public let output: String

    public init(recording: String? = nil, labels: String, times: Range<Int64>?, output: String) {
        self.recording = recording
        self.labels = labels
        self.times = times
        self.output = output
    }

    /// Labels are read whole; a file beyond this is no label file.
    private static let largest: Int64 = 1 << 30

    /// Writes the labels unless they are there; returns whether it did.
    ///
    /// - Throws: `.recordingUnusable` when the file cannot be cut, `.outputUnwritable`.
    public func run() throws(GenerationError) -> Bool {
        let bytes: [UInt8]
        do {
            let file = try File(path: labels)
            let status = try file.status()
            guard status.size <= LabelJob.largest else { throw LabelJobError(description: "it is too large") }
            let whole = try file.bytes(in: 0..<status.size)
            bytes = if let times { try LabelFile(whole).cut(to: times) } else { whole }
        } catch {
            throw GenerationError(.recordingUnusable, "these labels cannot be used: \(error)", cause: error)
        }
        let file: OutputFile
        do throws(FileError) {
            guard case .file(let begun) = try OutputFile.begin(output) else { return false }
            file = begun
        } catch { throw GenerationError(beginning: error) }
        do {
            try bytes.withUnsafeBytes { try file.write($0, at: 0) }
            _ = try file.publish()
            return true
        } catch {
            throw GenerationError(.outputUnwritable, "\(error)", cause: error)
        }
    }
}

private struct LabelJobError: Error, CustomStringConvertible { let description: String }

/// How recordings are opened, and where their time indexes are kept.
public struct RecordingOpener: Sendable {
    public let open: @Sendable (String) throws(RecordingError) -> Recording
    public let store: IndexStore

    public init(store: IndexStore, open: @escaping @Sendable (String) throws(RecordingError) -> Recording) {
        self.store = store
        self.open = open
    }
}
