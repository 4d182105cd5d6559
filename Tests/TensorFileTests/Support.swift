// Helpers of these tests: descriptions, files made of layouts, and the programs that read them.

import ChildFixture
import Foundation
import TensorFile
import Testing

/// A description with the attributes that real tensor files have.
func description(
    frames: Int, shape: [Int] = [2, 24, 32], _ element: ElementKind = .float32, timestamps: Bool = false,
    extra: [(name: String, value: AttributeValue)] = []
) -> TensorFileDescription {
    TensorFileDescription(
        frameCount: frames, frameShape: shape, elementType: element,
        dataAttributes: [
            ("events_to_tensor", .fixedString("timesurface")), ("mode", .variableString("delta_t")),
            ("delta_t", .uint32(4_000_000_000)), ("n_events", .int64(-1)),
            ("event_input_height", .int64(720)), ("event_input_width", .int64(1280)),
            ("shape", .int64Array(shape.map { Int64($0) })), ("max_incr_per_pixel", .float64(63.75)),
            ("store_as_uint8", .bool(true)), ("split_polarity", .bool(false)),
        ] + extra,
        rootAttributes: [
            ("recording", .variableString("straße/☂.raw")), ("format", .variableString("EVT3")),
            ("time_shift", .int64(Int64.min)), ("event_count", .int64(Int64.max)), ("empty", .variableString("")),
            ("empty_fixed", .fixedString("")), ("none", .int64Array([])), ("größe", .int64(5)),
        ] + (0..<12).map { ("dropped_of_kind_\($0)", .int64(Int64($0))) },
        hasLastTimestamps: timestamps)
}

/// The element `index` of a frame in these tests.
func element(_ frame: Int, _ index: Int) -> Int { (frame * 31 + index * 7) % 127 }

func frameBytes(_ frame: Int, of layout: FileLayout, _ kind: ElementKind) -> [UInt8] {
    let values = (0..<layout.map.datasets[0].blockBytes / kind.size).map { element(frame, $0) }
    switch kind {
    case .float32:
        return values.flatMap { value in withUnsafeBytes(of: Float(value).bitPattern.littleEndian, Array.init) }
    default: return values.map { UInt8($0) }
    }
}

/// The last timestamp of frame i in these tests: (i + 1) * 1000 - 1.
func timestampBytes(_ frames: Int) -> [UInt8] {
    (0..<frames).flatMap { withUnsafeBytes(of: (Int64($0 + 1) * 1000 - 1).littleEndian, Array.init) }
}

/// The bytes of `range`, put together from the layout's pieces.
func bytes(of layout: FileLayout, _ kind: ElementKind, in range: Range<Int64>) -> [UInt8] {
    let tensor = layout.map.datasets[0]
    let timestamps = timestampBytes(Int(tensor.byteCount) / tensor.blockBytes)
    return layout.map.pieces(in: range).flatMap { piece -> [UInt8] in
        switch piece {
        case .metadata(let range) where range.lowerBound < layout.dataOffset:
            Array(layout.head[Int(range.lowerBound)..<Int(range.upperBound)])
        case .metadata(let range):
            Array(
                layout.tail[
                    Int(range.lowerBound - layout.map.tailOffset)..<Int(range.upperBound - layout.map.tailOffset)])
        case .block(0, let index, let range): Array(frameBytes(index, of: layout, kind)[range])
        case .chunkIndex(let number, let range): layout.map.indexes[number].bytes(in: range)
        case .block(_, let index, let range):
            Array(timestamps[(index * TensorFileDescription.timestampsBlock)...][range])
        }
    }
}

/// A folder that is removed with this object.
final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/evh5-tensorfile-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The whole file of `layout`, on disk.
    func materialise(_ layout: FileLayout, _ kind: ElementKind, _ name: String = "t.h5") throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes(of: layout, kind, in: 0..<layout.size)).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// What `program` prints on stdout and stderr, and its exit code; nil when it is not installed.
func run(_ program: String, _ arguments: String...) throws -> (code: Int32, output: String)? {
    try run(program, arguments)
}

func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: String)? {
    let finished = try Child.run([program] + arguments, errors: .output)
    return finished.status == 127 ? nil : (finished.status, finished.output)
}

/// A python that has h5py: $EVH5_PYTHON or python3; nil when there is none.
let python: String? = {
    let name = ProcessInfo.processInfo.environment["EVH5_PYTHON"] ?? "python3"
    return (try? run(name, "-c", "import h5py"))?.code == 0 ? name : nil
}()

let hasHDF5Tools = (try? run("h5dump", "--version"))?.code == 0

/// Why tests of what clients write are skipped.
let noClients: Comment = "neither hdf5-tools nor h5py are there: install hdf5-tools, set EVH5_PYTHON"

/// Runs a script with `python`.
func runPython(_ script: String, _ arguments: [String]) throws -> (code: Int32, output: String)? {
    try run(python ?? "", ["-c", script] + arguments)
}

/// Whether `python` can import `module`.
func hasModule(_ module: String) -> Bool {
    (try? run(python ?? "", "-c", "import \(module)"))?.code == 0
}
