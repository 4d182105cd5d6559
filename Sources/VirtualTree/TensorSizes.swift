// The size of a virtual file by arithmetic: from a recording's totals, without libhdf5 and without the recording.

import Datasets
import Files
import FrameStore
import Recordings
import Synchronization
import TensorFile
import Tensors

/// Knows how long head and tail of tensor files are.
///
/// They depend on nothing but the lengths of the texts among the attributes (`TensorFileTests` compares with libhdf5):
/// so of a specification, all recordings with equal geometry and format whose names are equally long, and all their
/// parts, have the same. libhdf5 makes one of each kind; then sizes are sums.
final class TensorSizes: Sendable {
    private struct Kind: Hashable {
        let preprocessing: String
        let window: String
        let geometry: Geometry
        let format: RecordingFormat
        let nameLength: Int
        /// A file without frames has no storage for them.
        let isEmpty: Bool
    }

    private struct KeyKind: Hashable {
        let preprocessing: String
        let window: String
        let geometry: Geometry
        let startTime: Int64
    }

    private let programVersion: String
    private let wrappings = Mutex(RecentTable<Kind, Int64>(limit: 20_000))
    private let keyEnds = Mutex(RecentTable<KeyKind, String>(limit: 2_000))

    init(programVersion: String) { self.programVersion = programVersion }

    /// Bytes of head and tail of the file with `frameCount` frames of the recording called `name`.
    func wrapping(
        _ measure: TensorMeasure, frameCount: Int, _ recording: RecordingSummary, name: String
    ) throws -> Int64 {
        let kind = kind(measure, frameCount: frameCount, recording, name: name)
        if let known = wrappings.withLock({ $0[kind] }) { return known }
        let layout = try TensorFileLayout.make(
            TensorFileDescription(
                measure, frameCount: frameCount, of: recording, name: name, programVersion: programVersion))
        let wrapping = Int64(layout.head.count) + Int64(layout.tail.count)
        wrappings.withLock { $0[kind] = wrapping }
        return wrapping
    }

    /// Takes note of a file that was made. False when its size is not what was said before.
    func note(
        _ layout: TensorFileLayout, _ measure: TensorMeasure, _ recording: RecordingSummary, name: String
    ) -> Bool {
        let kind = kind(measure, frameCount: layout.frameCount, recording, name: name)
        let wrapping = Int64(layout.head.count) + Int64(layout.tail.count)
        return wrappings.withLock { wrappings in
            defer { wrappings[kind] = wrapping }
            return wrappings[kind] ?? wrapping == wrapping
        }
    }

    private func kind(
        _ measure: TensorMeasure, frameCount: Int, _ recording: RecordingSummary, name: String
    ) -> Kind {
        Kind(
            preprocessing: measure.spec.preprocessingText, window: measure.spec.windowText,
            geometry: recording.geometry,
            format: recording.format, nameLength: name.utf8.count, isEmpty: frameCount == 0)
    }

    /// What names the frames of the file on disk.
    func cacheKey(_ measure: TensorMeasure, _ recording: RecordingSummary) -> CacheKey {
        let kind = KeyKind(
            preprocessing: measure.spec.preprocessingText, window: measure.spec.windowText,
            geometry: recording.geometry,
            startTime: measure.startTime)
        let end = keyEnds.withLock { ends in
            if let known = ends[kind] { return known }
            let end = TensorSizes.keyEnd(measure)
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
            geometry \(measure.grid.geometry)
            tensor \(measure.spec.preprocessingText)/\(measure.spec.windowText)
            start \(measure.startTime)
            kept \(length == 1 ? kept : "\(kept) by \(length)")
            kernel \(measure.spec.preprocessingSpec.definition.kernel)
            \(parameters)
            version \(tensorVersion)

            """
    }
}
