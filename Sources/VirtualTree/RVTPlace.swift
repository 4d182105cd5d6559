// Folders as RVT's preprocessing makes them, over a data set of the source.
//
//     <name>/<split>/<sequence>/labels_v2/labels.npz, timestamps_us.npy
//     <name>/<split>/<sequence>/event_representations_v2/<representation>/event_representations.h5,
//         timestamps_us.npy, objframe_idx_2_repr_idx.npy
//
// The layout is that of uzh-rpg/RVT b80f568, data/genx_utils/sequence_base.py. The `.h5` is a link to the mount's own
// tensor, whose windows are at the times that `at=rvt_gen1` makes of the same labels.

import Datasets
import Tensors

/// A folder of the mount's root that shows a data set as RVT's preprocessing does.
public struct RVTFolder: Hashable, Sendable {
    public let name: String
    public let dataset: RVTRule.Dataset
    /// The folder with `train`, `val` and `test` below the source; "" for the source.
    public let path: String

    public init(name: String, _ dataset: RVTRule.Dataset, path: String) {
        (self.name, self.dataset, self.path) = (name, dataset, path)
    }

    static let splits = ["train", "val", "test"]
    static let labelsName = "labels_v2"
    static let representationsName = "event_representations_v2"
}

/// A sequence: a recording and its labels. Shared by all names in it.
final class RVTSequence: Sendable, Hashable {
    let rule: RVTRule
    let name: String
    /// The split's folder below the source.
    let folder: String
    /// The recording's file and the name that it is shown under.
    let recording: String
    let base: String
    /// The label file.
    let labels: String

    init(rule: RVTRule, name: String, folder: String, recording: String, base: String, labels: String) {
        (self.rule, self.name, self.folder) = (rule, name, folder)
        (self.recording, self.base, self.labels) = (recording, base, labels)
    }

    var labelsPath: String { join(folder, labels) }
    var recordingPath: String { join(folder, recording) }

    static func == (left: RVTSequence, right: RVTSequence) -> Bool {
        left === right
            || (left.rule == right.rule && left.name == right.name && left.folder == right.folder
                && left.recording == right.recording && left.base == right.base && left.labels == right.labels)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(folder)
        hasher.combine(name)
    }
}

/// What a name in such a folder is.
enum RVTPlace: Hashable, Sendable {
    case dataset(RVTFolder)
    case split(RVTFolder, String)
    case sequence(RVTSequence)
    case labels(RVTSequence)
    case representations(RVTSequence)
    /// A representation by RVT's name.
    case representation(RVTSequence, String)
    case file(RVTSequence, RVTLabels.File)

    /// The sequence that it is of.
    var sequence: RVTSequence? {
        switch self {
        case .dataset, .split: nil
        case .sequence(let sequence), .labels(let sequence), .representations(let sequence),
            .representation(let sequence, _), .file(let sequence, _):
            sequence
        }
    }
}
