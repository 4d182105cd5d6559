// What is shown of every recording below a folder of the mount: a tensor, or its events.

import EventFiles
import Recordings
import Tensors

/// Which file a recording is shown as. Two that mean the same are equal.
enum FileSpec: Hashable, Sendable {
    case tensor(TensorSpec)
    case events(EventsSpec)

    /// us.
    var startTime: Int64 {
        switch self {
        case .tensor(let spec): spec.startTime
        case .events(let spec): spec.startTime
        }
    }

    /// The length of each part, us; nil when a recording is one file.
    var maxDuration: Int64? {
        switch self {
        case .tensor(let spec): spec.maxDuration
        case .events(let spec): spec.maxDuration
        }
    }

    /// How the names of its files end.
    var suffix: String {
        switch self {
        case .tensor: ".h5"
        case .events(let spec): spec.layout.suffix
        }
    }

    /// Its folder below the mount, component by component.
    var components: [String] {
        switch self {
        case .tensor(let spec): [spec.preprocessingText, spec.windowText]
        case .events(let spec): [spec.text]
        }
    }

    /// Its folder below the mount.
    var text: String { components.joined(separator: "/") }

    /// The two names by which the store of what users added knows it.
    var sidecarNames: (preprocessing: String, window: String) {
        switch self {
        case .tensor(let spec): (spec.preprocessingText, spec.windowText)
        case .events(let spec): (spec.text, "")
        }
    }

    /// What its bytes depend on besides recording and evh5; nil for nothing.
    ///
    /// - Parameter list: the digest of the lists that it is made by.
    func ownVersion(_ list: UInt64?) -> String? {
        switch self {
        case .tensor(let spec): spec.ownVersion(list)
        case .events(let spec): spec.ownVersion(list)
        }
    }

    /// The same file by its only name for recordings of this geometry.
    func resolved(for geometry: Geometry) throws(TensorError) -> FileSpec {
        switch self {
        case .tensor(let spec): return .tensor(try spec.resolved(for: geometry))
        case .events(let spec):
            try spec.check(for: geometry)
            return self
        }
    }

    /// How many files max_duration makes of a recording; 1 without.
    func partCount(_ recording: RecordingSummary) throws(TensorError) -> Int {
        switch self {
        case .tensor(let spec): try TensorMeasure.partCount(spec, EventTotals(recording))
        case .events(let spec): try EventsMeasure.partCount(spec, recording)
        }
    }
}

extension TensorSpec {
    /// The version of a preprocessing of the user's own, and the digest of the lists that it is made by: what a
    /// tensor's bytes depend on besides recording and evh5. nil for nothing.
    package func ownVersion(_ list: UInt64?) -> String? {
        guard let list else { return preprocessing.version }
        return (preprocessing.version ?? "") + " list " + String(list, radix: 16)
    }
}

extension EventsSpec {
    /// The same of an event file: the digest of the list of its filters.
    package func ownVersion(_ list: UInt64?) -> String? { list.map { "list " + String($0, radix: 16) } }
}
