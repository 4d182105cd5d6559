// A virtual file as an ordinary one: head and tail from a sidecar, the tensor from its recording or left out.

import Datasets
import Files
import Foundation
import Recordings
import SidecarStore
import Synchronization
import TensorFile
import Tensors
import VirtualTree

/// The tensor of a virtual file, computed from the recording that it was added to.
struct ExportedTensor {
    let plan: TensorPlan
    let recording: Recording
    let index: TimeIndex

    init(
        _ key: SidecarKey, _ source: SidecarFile, access: RecordingAccess, registry: PreprocessingRegistry
    ) throws(CommandError) {
        do {
            recording = try access.open(key.recordingPath)
            let progress = Progress(key.recordingPath, total: recording.status.size)
            defer { progress.end() }
            index = try access.store.index(of: recording) { progress.update($0) }
            let spec = try TensorSpec(preprocessing: key.preprocessing, window: key.window, registry: registry)
            plan = try TensorPlan(spec: spec, recording: recording, index: index, part: key.part)
        } catch {
            throw CommandError(.recordingUnusable, "the tensor cannot be computed: \(error)", cause: error)
        }
        let layout = source.layout
        let frame = layout.frameShape.reduce(layout.elementType.size, *)
        let state = recording.sidecarState(of: plan.spec.preprocessing)
        guard state.isSameContent(as: source.recording), layout.frameCount == plan.frameCount,
            layout.frameShape == [plan.channels, plan.height, plan.width], layout.elementType == plan.elementType.hdf5,
            layout.frameBytes == frame
        else {
            throw CommandError(
                .recordingUnusable,
                "'\(key.recordingPath)' is not what it was when this was added: open the file in a mount, which carries it over, "
                    + "or export without the tensor")
        }
    }
}

/// Writes a whole virtual file.
struct WholeFile {
    private let source: SidecarFile
    private let tensor: ExportedTensor?

    /// - Parameter tensor: nil leaves a hole in its place.
    init(_ source: SidecarFile, _ tensor: ExportedTensor?) {
        self.source = source
        self.tensor = tensor
    }

    /// Makes the file at `path`, which is removed when that fails.
    func write(to path: String) throws(CommandError) {
        let descriptor = try WholeFile.attempt { () throws(FileError) in
            try FileCalls.open(path, O_WRONLY | O_CREAT | O_EXCL, permissions: 0o666)
        }
        defer { close(descriptor) }
        do throws(CommandError) {
            let size = try Sidecar.attempt { () throws(SidecarError) in try source.size() }
            let layout = source.layout
            try WholeFile.attempt { () throws(FileError) in
                try FileCalls.truncate(descriptor, to: size, path)
            }
            try copy(0..<min(layout.dataOffset, size), to: descriptor, path)
            if layout.tailOffset < size { try copy(layout.tailOffset..<size, to: descriptor, path) }
            if let tensor { try writeFrames(tensor, to: descriptor, path) }
        } catch {
            unlink(path)
            throw error
        }
    }

    private func copy(_ range: Range<Int64>, to descriptor: Int32, _ path: String) throws(CommandError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(Int64(buffer.count), range.upperBound - position))])
            try Sidecar.attempt { () throws(SidecarError) in try source.read(into: part, at: position) }
            try WholeFile.write(UnsafeRawBufferPointer(part), to: descriptor, at: position, path)
            position += Int64(part.count)
        }
    }

    /// Computes the frames, as many at a time as there are processors.
    private func writeFrames(_ tensor: ExportedTensor, to descriptor: Int32, _ path: String) throws(CommandError) {
        let layout = source.layout
        let plan = tensor.plan
        let count = layout.frameCount
        let progress = RateProgress("exporting", total: Int64(layout.frameBytes) * Int64(count))
        defer { progress.end() }
        let next = Mutex((frame: 0, failure: CommandError?.none))
        DispatchQueue.concurrentPerform(iterations: max(1, ProcessInfo.processInfo.activeProcessorCount)) { _ in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.frameBytes, alignment: 4096)
            defer { memory.deallocate() }
            while true {
                let frame = next.withLock { next -> Int? in
                    guard next.failure == nil, next.frame < count else { return nil }
                    defer { next.frame += 1 }
                    return next.frame
                }
                guard let frame else { return }
                do {
                    try plan.render(frame: frame, into: memory)
                    try WholeFile.write(
                        UnsafeRawBufferPointer(memory), to: descriptor,
                        at: layout.dataOffset + Int64(frame) * Int64(layout.frameBytes), path)
                    progress.update(Int64(frame + 1) * Int64(layout.frameBytes))
                } catch {
                    let failure =
                        error as? CommandError
                        ?? CommandError(.recordingUnusable, "frame \(frame) cannot be computed: \(error)", cause: error)
                    next.withLock { $0.failure = $0.failure ?? failure }
                }
            }
        }
        if let failure = next.withLock({ $0.failure }) { throw failure }
        do {
            if layout.hasLastTimestamps {
                let times = try plan.lastTimestamps(0..<count).map(\.littleEndian)
                let bytes = times.withUnsafeBytes { Array($0) }
                try bytes.withUnsafeBytes {
                    try WholeFile.write($0, to: descriptor, at: layout.tailOffset - Int64(bytes.count), path)
                }
            }
            _ = try tensor.index.checkUnchanged(in: tensor.recording, checked: nil)
        } catch let error as CommandError { throw error } catch {
            throw CommandError(.recordingUnusable, "the tensor cannot be computed: \(error)", cause: error)
        }
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, _ path: String
    ) throws(CommandError) {
        try attempt { () throws(FileError) in try FileCalls.write(bytes, to: descriptor, at: offset, path) }
    }

    private static func attempt<R>(_ body: () throws(FileError) -> R) throws(CommandError) -> R {
        do throws(FileError) { return try body() } catch {
            throw CommandError(.outputUnwritable, error.message, cause: error)
        }
    }
}
