// What a file of a recording holds, by arithmetic on the recording's totals.

import Datasets
import EventFiles
import Recordings
import TensorFile
import Tensors

/// What the lengths of a file's datasets follow from.
enum FileCounts: Hashable, Sendable {
    case frames(Int)
    case events(EventsCounts)

    /// Whether there are frames or events.
    var hasItems: Bool {
        switch self {
        case .frames(let count): count > 0
        case .events(let counts): counts.events > 0
        }
    }

    var hasTriggers: Bool {
        switch self {
        case .frames: false
        case .events(let counts): counts.triggers > 0
        }
    }
}

/// A specification applied to the totals of a recording.
enum FileMeasure: Sendable {
    case tensor(TensorMeasure)
    case events(EventsMeasure)

    /// - Parameter times: the list beside the recording that windows are at.
    init(
        _ spec: FileSpec, _ recording: RecordingSummary, part: Int?, times: WindowTimes? = nil
    ) throws(TensorError) {
        switch spec {
        case .tensor(let spec):
            self = .tensor(
                try TensorMeasure(
                    spec: spec, geometry: recording.geometry, totals: EventTotals(recording), part: part, times: times))
        case .events(let spec): self = .events(try EventsMeasure(spec, recording, part: part))
        }
    }

    var spec: FileSpec {
        switch self {
        case .tensor(let measure): .tensor(measure.spec)
        case .events(let measure): .events(measure.spec)
        }
    }

    /// Of the lists that it is made by; nil without one.
    var listDigest: UInt64? {
        switch self {
        case .tensor(let measure): measure.listDigest
        case .events(let measure): measure.listDigest
        }
    }

    /// nil where only the events tell.
    var counts: FileCounts? {
        switch self {
        case .tensor(let measure): measure.frameCount.map { .frames($0) }
        case .events(let measure): measure.counts.map { .events($0) }
        }
    }

    /// - Parameter name: the recording's file name.
    func description(
        _ counts: FileCounts, of recording: RecordingSummary, name: String, programVersion: String
    ) throws -> FileDescription {
        switch (self, counts) {
        case (.tensor(let measure), .frames(let count)):
            return try TensorFileDescription(
                measure, frameCount: count, of: recording, name: name, programVersion: programVersion
            ).file()
        case (.events(let measure), .events(let counts)):
            return measure.description(counts, of: recording, name: name, programVersion: programVersion)
        default: throw TensorError(.notApplicable, "frames are no events")
        }
    }

    /// Bytes of the computed datasets.
    ///
    /// - Throws: `TensorError` when no file can hold them.
    func computedBytes(_ counts: FileCounts, of recording: RecordingSummary) throws -> Int64 {
        guard case .tensor(let measure) = self, case .frames(let count) = counts else {
            // The texts do not matter.
            let description = try description(counts, of: recording, name: "", programVersion: "")
            guard let bytes = description.computedBytes else {
                throw TensorError(.notApplicable, "its events are more than a file can hold")
            }
            return bytes
        }
        let perFrame = measure.frameBytes + measure.spec.timeDatasets * MemoryLayout<Int64>.size
        let (bytes, overflow) = perFrame.multipliedReportingOverflow(by: count)
        guard !overflow, bytes < Int.max / 2 else {
            throw TensorError(.notApplicable, "\(count) frames of \(perFrame) bytes are more than a file can hold")
        }
        return Int64(bytes)
    }
}
