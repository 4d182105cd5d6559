// A tensor of the tree, frame by frame.

import Foundation
import SidecarStore
import Synchronization
import TensorFile
import Tensors

/// A tensor as one opening gave it: a snapshot that stays the same while its recording changes.
public final class VirtualTensor: Sendable {
    /// The file that it is in.
    public let document: VirtualDocument
    /// Of its recording, below the source.
    public let recordingPath: String
    /// The specification's canonical text, `histo/50ms`.
    public let specText: String
    public let plan: TensorPlan
    private let file: RecordingFile
    private let added: SidecarSnapshot?
    private let sidecars: Sidecars
    /// What was added, once somebody asked: it takes a process to find out.
    private let contents = Mutex<[AddedObject]?>(nil)

    /// nil when `document` is no tensor file.
    init?(_ document: VirtualDocument, _ sidecars: Sidecars) {
        guard case .recording(let file, _, let added) = document.content, let content = file.content as? TensorContent
        else { return nil }
        self.document = document
        recordingPath = file.path
        specText = file.spec.text
        plan = content.plan
        self.file = file
        self.added = added
        self.sidecars = sidecars
    }

    /// Below the root; canonical.
    public var path: String { document.path }
    /// Another one for other frames or additions.
    public var version: String { document.version }

    /// Events of a frame, about.
    public var eventsPerFrame: Int64 {
        let count = file.index.eventCount
        switch plan.spec.window {
        case .count(let events): return min(events, count)
        case .parts(let parts): return count / Int64(max(1, parts))
        case .period(let period):
            let length = max(1, file.index.highestTime &- file.index.lowestTime)
            return period >= length ? count : Int64(Double(count) * Double(period) / Double(length))
        case .between: return count / Int64(max(1, plan.frameCount))
        }
    }

    /// Hands the bytes of a frame, (C, H, W) little endian in row-major order, to `body`: from the store, where readers
    /// of the file find them too.
    ///
    /// - Throws: `FileSystemError` with ENOENT when there is no such frame, and as reading the file does.
    public func withFrame<R>(_ number: Int, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard (0..<plan.frameCount).contains(number) else {
            throw FileSystemError(
                ENOENT, "there is no frame \(number): '\(path)' has \(plan.frameCount), from 0 on", level: .info)
        }
        let start = file.layout.dataOffset + Int64(number) * Int64(plan.frameBytes)
        let read = try document.read(start..<start + Int64(plan.frameBytes))
        // Elements are read as what they are.
        if read.pieces.count == 1, let base = read.pieces[0].bytes.baseAddress, UInt(bitPattern: base) % 4 == 0,
            read.pieces[0].bytes.count == plan.frameBytes
        {
            return try withExtendedLifetime(read) { try body(read.pieces[0].bytes) }
        }
        guard read.count == plan.frameBytes else {
            throw FileSystemError(EIO, "'\(path)': frame \(number) could not be read whole")
        }
        let whole = HeldBytes(capacity: plan.frameBytes) { target in
            var done = 0
            for piece in read.pieces {
                UnsafeMutableRawBufferPointer(rebasing: target[done..<done + piece.bytes.count])
                    .copyMemory(from: piece.bytes)
                done += piece.bytes.count
            }
            return done
        }
        return try body(whole.piece(0..<whole.count).bytes)
    }

    /// What users added to the file.
    ///
    /// - Throws: `FileSystemError` when it cannot be read.
    public func additions() throws(FileSystemError) -> [AddedObject] {
        guard let added else { return [] }
        if let known = contents.withLock({ $0 }) { return known }
        let found = try sidecars.contents(added, file.names.sidecarKey)
        contents.withLock { $0 = found }
        return found
    }

    /// The elements of an added dataset of one dimension, thinned to `points` pairs of a least and a greatest one where
    /// there are more.
    ///
    /// - Throws: `FileSystemError` with ENOENT when there is no such dataset of numbers.
    public func series(_ dataset: String, points: Int) throws(FileSystemError) -> AddedSeries {
        guard let added else {
            throw FileSystemError(ENOENT, "nothing was added to '\(path)'", level: .info)
        }
        return try sidecars.series(added, dataset, points: points, file.names.sidecarKey)
    }
}

extension VirtualCatalog {
    /// The tensor at a path of the tree, in any spelling.
    ///
    /// - Throws: `FileSystemError` with ENOENT when there is no such file, EINVAL when it holds no tensor.
    public func tensor(at path: String) throws(FileSystemError) -> VirtualTensor {
        guard let tensor = VirtualTensor(try file(at: path), sidecars) else {
            throw FileSystemError(
                EINVAL, "'\(path)' is no tensor file, such as histo/50ms/train/traffic.h5", level: .info)
        }
        return tensor
    }

    /// What path components mean: both in their only spelling.
    ///
    /// - Throws: a `TensorError` that says what is wrong.
    public func spelled(preprocessing: String, window: String) throws(TensorError) -> TensorSpec {
        try TensorSpec(preprocessing: preprocessing, window: window, registry: registry)
    }

    /// The preprocessings that there are.
    public var preprocessings: [PreprocessingDefinition] { registry.names.compactMap(registry.definition) }

    /// The windows that listings show before anybody used them.
    public var suggestedWindows: [String] { options.windows }

    public var programVersion: String { options.programVersion }
}
