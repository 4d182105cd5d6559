// The files that RVT's loader reads beside its tensors, made of a label file.

import Tensors

/// What RVT's preprocessing makes of a sequence's `_bbox.npy`.
public struct RVTLabels: Sendable {
    /// The small files of a sequence.
    public enum File: String, CaseIterable, Sendable {
        /// `labels_v2/labels.npz`: `labels` and `objframe_idx_2_label_idx`, the number of each frame's first label.
        case labels = "labels.npz"
        /// `labels_v2/timestamps_us.npy`: of frames, int64 us.
        case frameTimes = "labels_v2/timestamps_us.npy"
        /// `timestamps_us.npy`: ends of windows, int64 us.
        case windowEnds = "timestamps_us.npy"
        /// `objframe_idx_2_repr_idx.npy`: the number of each frame's window, int64.
        case windowOfFrame = "objframe_idx_2_repr_idx.npy"

        /// Without its folder.
        public var name: String { String(rawValue.split(separator: "/").last ?? "") }
    }

    public let times: RVTTimes
    /// The `labels` of `labels.npz` as a `.npy` file.
    private let labels: [UInt8]
    /// The number of each frame's first label.
    public let firstLabels: [Int64]

    public init(_ file: LabelFile, _ rule: RVTRule) throws(RVTLabelsError) {
        let filter = try RVTFilter(file, rule)
        var records: [UInt8] = []
        var labelTimes: [Int64] = []
        for i in 0..<file.count {
            guard try filter.append(i, to: &records) else { continue }
            do throws(LabelFileError) { labelTimes.append(try file.timeOfRecord(i)) } catch {
                throw RVTLabelsError(.unusable, error.description)
            }
            if labelTimes.count > 1, labelTimes[labelTimes.count - 2] > labelTimes[labelTimes.count - 1] {
                throw RVTLabelsError(.unusable, "record \(i) is earlier than one before it: sort labels by time")
            }
        }
        guard !labelTimes.isEmpty else {
            throw RVTLabelsError(.noLabels, "the filters of RVT's preprocessing leave no label")
        }
        var distinct: [Int64] = []
        for time in labelTimes where distinct.last != time { distinct.append(time) }
        times = try RVTTimes(distinct, rule.dataset)

        var (kept, count): ([UInt8], Int) = ([], 0)
        var firstLabels: [Int64] = []
        var frame = 0
        for (i, time) in labelTimes.enumerated() {
            while frame < times.frames.count, times.frames[frame] < time { frame += 1 }
            guard frame < times.frames.count, times.frames[frame] == time else { continue }
            if firstLabels.count == frame { firstLabels.append(Int64(count)) }
            kept += records[i * file.recordSize..<(i + 1) * file.recordSize]
            count += 1
        }
        self.firstLabels = firstLabels
        // Early files call it ts, which RVT's loader does not know.
        let descriptor =
            file.fields["t"] == nil ? file.descriptor.replacing("'ts'", with: "'t'") : file.descriptor
        labels = NumpyFile.header(descriptor: descriptor, count: count) + kept
    }

    public func bytes(_ file: File) -> [UInt8] {
        switch file {
        case .labels:
            NumpyFile.archive([
                ("labels", labels), ("objframe_idx_2_label_idx", NumpyFile.file(firstLabels)),
            ])
        case .frameTimes: NumpyFile.file(times.frames)
        case .windowEnds: NumpyFile.file(times.windowEnds)
        case .windowOfFrame: NumpyFile.file(times.windowOfFrame)
        }
    }

    /// The names that the label file of the recording called or shown as `name` can have: RVT's names of sequences are
    /// those of recordings without `_td`.
    public static func names(of name: String) -> [String] {
        var names = RecordingName.labels(of: name)
        let stem = RecordingName.isRecording(name) ? RecordingName.stem(name) : name
        if stem.hasSuffix("_td") { names.append(stem.dropLast(3) + RecordingName.labelSuffix) }
        return names
    }
}
