// Where a preview's frames come from: recordings are computed, HDF5 files are read.

import Datasets
import FUSEAdapter
import Files
import Foundation
import Preview
import Recordings
import TensorFile
import Tensors

/// Opens what a preview is asked to show.
struct PreviewSource {
    private let access: RecordingAccess
    /// What recordings are shown as.
    private let spec: TensorSpec

    /// - Throws: exit code `usage` when preprocessing, window or start are not valid; what reading the settings throws.
    init(
        _ flags: RecordingFlags, _ preprocessings: PreprocessingFlags, preprocess: String?, window: String?,
        start: String?
    ) throws(CommandError) {
        let layers = try flags.layers(preprocessings.given)
        access = try RecordingAccess(layers)
        let registry = try PreprocessingSettings(layers).loaded(CommandLog.standardError(level: .info)).registry
        let window = (window ?? "50ms") + (start.map { ",start_ts=\($0)" } ?? "")
        do throws(TensorError) {
            spec = try TensorSpec(preprocessing: preprocess ?? "histo", window: window, registry: registry)
        } catch { throw CommandError(.usage, error.message, cause: error) }
        guard spec.maxDuration == nil else {
            throw CommandError(.usage, "max_duration makes several files of a recording; leave it out")
        }
    }

    /// Whether `path` holds or names an HDF5 file; anything else is taken for a recording.
    static func isHDF5(_ path: String) -> Bool {
        let name = path.lowercased()
        if name.hasSuffix(".h5") || name.hasSuffix(".hdf5") { return true }
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        return (try? File(path: path).bytes(in: 0..<8)) == signature
    }

    func open(_ path: String) throws -> PreviewInput { try Self.isHDF5(path) ? stored(path) : recorded(path) }

    private func recorded(_ path: String) throws -> PreviewInput {
        let recording = try access.open(path)
        let progress = Progress(path, total: recording.status.size)
        defer { progress.end() }
        let index = try access.store.index(of: recording) { progress.update($0) }
        let plan = try TensorPlan(
            spec: spec.withList(beside: path), recording: recording, index: index,
            times: TimesFile.read(spec, beside: path), store: access.store)
        return PreviewInput(
            path: path, frameCount: plan.frameCount, frameShape: [plan.channels, plan.height, plan.width],
            elementType: plan.elementType.rawValue, start: plan.startTime,
            attributes: plan.attributes.map { name, value in (name, StoredValue(value)) },
            frame: { frame in
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 16)
                defer { bytes.deallocate() }
                try plan.render(frame: frame, into: bytes)
                return switch plan.elementType {
                case .float32: Array(bytes.bindMemory(to: Float.self))
                case .uint8: bytes.map { Float($0) }
                case .int8: bytes.map { Float(Int8(bitPattern: $0)) }
                case .uint16: bytes.bindMemory(to: UInt16.self).map { Float($0) }
                }
            }, time: { plan.spec.timeDatasets == 0 ? nil : try plan.times(0, $0..<$0 + 1).first })
    }

    private func stored(_ path: String) throws -> PreviewInput {
        // libhdf5 says of a missing file no more than that it cannot be opened.
        _ = try File(path: path)
        let tensor = try StoredTensor(path: path)
        let times = tensor.attributes.contains { $0.name == "window" } ? "starts" : "last_timestamps"
        return PreviewInput(
            path: path, frameCount: tensor.frameCount, frameShape: tensor.frameShape, elementType: tensor.elementType,
            start: Self.start(of: path), attributes: tensor.attributes, frame: { try tensor.frame($0) },
            time: { try tensor.time(of: $0, in: times) })
    }

    /// Where the first frame of a file of a mount begins, which its path says; 0 elsewhere. us.
    private static func start(of path: String) -> Int64 {
        guard let real = realPath(path), let (_, inside) = Mounts.mount(of: real) else { return 0 }
        let below = inside.split(separator: "/")
        guard below.count > 2, let window = try? WindowSpec(String(below[1])) else { return 0 }
        let part = below[below.count - 1].dropLast(3).split(separator: "_").last.flatMap { Int64($0) } ?? 0
        let skipped = part.multipliedReportingOverflow(by: window.maxDuration ?? 0)
        return skipped.overflow ? window.startTime : window.startTime &+ skipped.partialValue
    }
}

extension StoredValue {
    init(_ attribute: TensorAttribute) {
        switch attribute {
        case .fixedString(let text), .variableString(let text): self = .text(text)
        case .uint32(let value): self = .number(Double(value))
        case .int64(let value): self = .number(Double(value))
        case .float64(let value): self = .number(value)
        case .bool(let value): self = .boolean(value)
        case .int64Array(let values): self = .numbers(values.map { Double($0) })
        }
    }
}
