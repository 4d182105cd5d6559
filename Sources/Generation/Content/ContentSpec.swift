// What is stored of a recording: a tensor, or its events.

import Datasets
import EventFiles
import Recordings
import TensorFile
import Tensors

/// Which file is made of a recording.
public enum ContentSpec: Hashable, Sendable {
    case tensor(TensorSpec)
    case events(EventsSpec)

    /// Whether its layout says how it is packed: nothing else can be asked for then.
    public var packsItself: Bool {
        if case .events(let spec) = self { spec.layout == .ecf } else { false }
    }

    /// us.
    public var startTime: Int64 {
        switch self {
        case .tensor(let spec): spec.startTime
        case .events(let spec): spec.startTime
        }
    }

    /// The length of each part, us; nil when a recording is one file.
    public var maxDuration: Int64? {
        switch self {
        case .tensor(let spec): spec.maxDuration
        case .events(let spec): spec.maxDuration
        }
    }

    /// How the names of its files end.
    public var suffix: String {
        switch self {
        case .tensor: ".h5"
        case .events(let spec): spec.layout.suffix
        }
    }

    /// How many files max_duration makes of a recording; 1 without.
    func partCount(_ recording: Recording, _ index: TimeIndex) throws(TensorError) -> Int {
        switch self {
        case .tensor(let spec): try TensorPlan.partCount(spec, index)
        case .events(let spec): try EventsMeasure.partCount(spec, RecordingSummary(recording, index))
        }
    }

    /// What is to be stored of `recording`.
    ///
    /// - Parameter store: where what is found of windows is kept.
    /// - Throws: `TensorError`, `TensorFileError` or `RecordingError`: why it cannot be.
    func source(
        _ recording: Recording, _ index: TimeIndex, part: Int?, name: String, programVersion: String,
        _ compression: ChunkCompression, _ store: IndexStore
    ) throws -> any ContentSource {
        switch self {
        case .tensor(let spec):
            let plan = try TensorPlan(
                spec: spec.withList(beside: recording.path), recording: recording, index: index, part: part,
                times: TimesFile.read(spec, beside: recording.path), store: store)
            let description = TensorFileDescription(
                plan, of: recording, index, name: name, programVersion: programVersion)
            return try TensorSource(plan, description, compression)
        case .events(let spec):
            let summary = RecordingSummary(recording, index)
            let measure = try EventsMeasure(spec.withList(beside: recording.path), summary, part: part)
            let plan = try EventsPlan(measure, recording, index, isPacked: false)
            let description = measure.description(
                plan.counts, of: summary, name: name, programVersion: programVersion, isPacked: false)
            return try EventsSource(plan, description, compression)
        }
    }
}
