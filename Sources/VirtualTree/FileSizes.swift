// The size of a virtual file by arithmetic: from a recording's totals, without libhdf5 and without the recording.

import Datasets
import EventFiles
import Files
import FrameStore
import Recordings
import Synchronization
import TensorFile
import Tensors

/// Knows how long head and tail of virtual files are.
///
/// They depend on nothing but the datasets and the lengths of the texts among the attributes (`TensorFileTests`
/// compares with libhdf5): so of a specification, all recordings with equal geometry and format whose names are equally
/// long, and all their parts, have the same. libhdf5 makes one of each kind; then sizes are sums.
final class FileSizes: Sendable {
    private struct Kind: Hashable {
        let spec: String
        let geometry: Geometry
        let format: RecordingFormat
        let nameLength: Int
        /// A dataset without elements has no storage.
        let hasItems: Bool
        let hasTriggers: Bool
        /// Whether times take 64 bits.
        let isWide: Bool
    }

    private struct KeyKind: Hashable {
        let spec: String
        let geometry: Geometry
        let startTime: Int64
        let list: UInt64?
    }

    private let programVersion: String
    private let wrappings = Mutex(RecentTable<Kind, Int64>(limit: 20_000))
    private let keyEnds = Mutex(RecentTable<KeyKind, String>(limit: 2_000))

    init(programVersion: String) { self.programVersion = programVersion }

    /// Bytes of head and tail of the file of the recording called `name`.
    func wrapping(
        _ measure: FileMeasure, _ counts: FileCounts, _ recording: RecordingSummary, name: String
    ) throws -> Int64 {
        let kind = kind(measure, counts, recording, name: name)
        if let known = wrappings.withLock({ $0[kind] }) { return known }
        let layout = try FileLayout.make(
            measure.description(counts, of: recording, name: name, programVersion: programVersion))
        let wrapping = Int64(layout.head.count) + Int64(layout.tail.count)
        wrappings.withLock { $0[kind] = wrapping }
        return wrapping
    }

    /// Takes note of a file that was made. False when its size is not what was said before.
    func note(
        _ layout: FileLayout, _ measure: FileMeasure, _ counts: FileCounts, _ recording: RecordingSummary, name: String
    ) -> Bool {
        let kind = kind(measure, counts, recording, name: name)
        let wrapping = Int64(layout.head.count) + Int64(layout.tail.count)
        return wrappings.withLock { wrappings in
            defer { wrappings[kind] = wrapping }
            return wrappings[kind] ?? wrapping == wrapping
        }
    }

    private func kind(
        _ measure: FileMeasure, _ counts: FileCounts, _ recording: RecordingSummary, name: String
    ) -> Kind {
        var isWide = false
        if case .events(let events) = measure { isWide = events.isWide }
        return Kind(
            spec: measure.spec.text, geometry: recording.geometry, format: recording.format,
            nameLength: name.utf8.count, hasItems: counts.hasItems, hasTriggers: counts.hasTriggers, isWide: isWide)
    }

    /// What names the blocks of the file on disk.
    func cacheKey(_ measure: FileMeasure, _ recording: RecordingSummary) -> CacheKey {
        let kind = KeyKind(
            spec: measure.spec.text, geometry: recording.geometry, startTime: measure.startTime,
            list: measure.listDigest)
        let end = keyEnds.withLock { ends in
            if let known = ends[kind] { return known }
            let end = measure.keyEnd
            ends[kind] = end
            return end
        }
        return CacheKey(
            """
            inode \(recording.inode)
            size \(recording.size)
            modified \(recording.modified)
            header \(recording.headerDigest)
            contents \(recording.contentsDigest)
            \(end)
            """)
    }
}

extension FileMeasure {
    /// us; where the file's own time begins.
    fileprivate var startTime: Int64 {
        switch self {
        case .tensor(let measure): measure.startTime
        case .events(let measure): measure.times.lowerBound
        }
    }

    fileprivate var keyEnd: String {
        switch self {
        case .tensor(let measure): Self.keyEnd(measure)
        case .events(let measure):
            // Which entries there are follows from the recording, which the key's beginning names.
            """
            geometry \(measure.geometry)\(Self.filtered(measure.filters))\(Self.listed(measure.listDigest))
            index of \(measure.spec.text)
            start \(measure.times.lowerBound)
            version \(EventsSpec.version)

            """
        }
    }

    /// What the specification does not say of filters: the sensor that they work on.
    private static func filtered(_ filters: AppliedFilters?) -> String {
        filters.map { "\nfilters \(AppliedFilters.version) of \($0.sensor)" } ?? ""
    }

    private static func listed(_ digest: UInt64?) -> String {
        digest.map { "\nlist \(String($0, radix: 16))" } ?? ""
    }

    /// All that the bytes of frames depend on besides what the recording was: what is made of it, and by which kernels.
    /// The spec has its scale as a power of two, so that two spellings of one size share their frames; the part is in
    /// `startTime`. A name of the mount config may mean another preprocessing tomorrow, so what it means is in the key.
    /// The device is not, as every machine numbers those in its own way; what the time index says of the contents
    /// stands for it.
    private static func keyEnd(_ measure: TensorMeasure) -> String {
        let parameters = measure.attributes.map { "\($0.name) \($0.value)" }.joined(separator: "\n")
        let kept = measure.keepsWholeFrames ? "whole" : "counts"
        let length = measure.blockLength
        return """
            geometry \(measure.grid.geometry)\(filtered(measure.filters))
            tensor \(measure.spec.preprocessingText)/\(measure.spec.windowText)
            start \(measure.startTime)
            kept \(length == 1 ? kept : "\(kept) by \(length)")
            kernel \(measure.spec.preprocessingSpec.definition.kernel)
            \(parameters)\(listed(measure.listDigest))
            version \(tensorVersion)

            """
    }
}
