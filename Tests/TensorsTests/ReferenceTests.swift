// Kernels against shared/reference/reference_tensors.py, run by python3 with numpy, on random events; to the bit.

import ChildFixture
import Foundation
import Recordings
import Tensors
import Testing

/// The folder `shared` beside the repository, or where EVH5_SHARED says; nil when there is none.
let sharedFolder: String? = {
    let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../shared")
        .path
    let path = ProcessInfo.processInfo.environment["EVH5_SHARED"] ?? beside
    return FileManager.default.fileExists(atPath: path + "/reference/reference_tensors.py") ? path : nil
}()

/// Runs python3 with a program and arguments; nil when it cannot be run or fails.
func python(_ program: String, _ arguments: [String] = []) throws -> String? {
    let finished = try Child.run(["python3", "-c", program] + arguments)
    return finished.status == 0 ? finished.output : nil
}

let hasReference: Bool = {
    guard sharedFolder != nil else { return false }
    let version = try? python("import numpy; print(numpy.__version__.split('.')[0])")
    return (version ?? nil) == "2\n"
}()

@Suite struct ReferenceTests {
    static let skipped: Comment = "needs ../shared (or EVH5_SHARED) and python3 with numpy 2"

    /// Reads events (packed x, y, p, t) and a case per line: name shift mode start size uint8 overrides; writes each
    /// frame's elements.
    private static let program = """
        import json, sys
        import numpy as np
        shared, folder, height, width = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        sys.path.insert(0, shared + "/reference")
        sys.dont_write_bytecode = True
        import reference_tensors as reference
        events = np.fromfile(folder + "/events.bin", [("x", "<u2"), ("y", "<u2"), ("p", "u1"), ("t", "<i8")])
        with open(folder + "/frames.bin", "wb") as out:
            for line in open(folder + "/cases.json"):
                c = json.loads(line)
                # The reference takes whole cells only.
                side = 1 << c["shift"]
                h, w = height // side * side, width // side * side
                inside = events[(events["x"] < w) & (events["y"] < h)] if c["mode"] == "time" else events
                if c["mode"] == "time":
                    f = reference.frame(c["name"], inside, c["start"], c["size"], h, w, c["shift"], **c["overrides"])
                else:
                    f = reference.frame_n_events(c["name"], inside, c["start"], c["size"], h, w, c["shift"], **c["overrides"])
                out.write((np.uint8(np.around(255 * f)) if c["uint8"] else f).tobytes())
        """

    private struct Case: Codable {
        var name: String
        var shift: Int
        var mode: String
        var start: Int64
        var size: Int64
        var uint8: Bool
        var overrides: [String: Value]
    }

    private enum Value: Codable {
        case number(Double)
        case integer(Int)
        case boolean(Bool)
        init(from decoder: any Decoder) throws {
            self = .number(try decoder.singleValueContainer().decode(Double.self))
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let value): try container.encode(value)
            case .integer(let value): try container.encode(value)
            case .boolean(let value): try container.encode(value)
            }
        }
        var text: String {
            switch self {
            case .number(let value): "\(value)"
            case .integer(let value): "\(value)"
            case .boolean(let value): "\(value)"
            }
        }
    }

    private static let variants: [(name: String, overrides: [String: Value], uint8: Bool)] = [
        ("histo", [:], true), ("histo", ["max_incr_per_pixel": .number(12.5)], true),
        ("histo", ["max_incr_per_pixel": .number(700)], true),
        ("diff", [:], false), ("diff", ["max_incr_per_pixel": .number(3)], false), ("timesurface", [:], true),
        ("event_cube", [:], true),
        ("event_cube", ["num_utbins": .integer(4), "split_polarity": .boolean(false)], false),
        ("event_cube_paper", [:], true),
        ("event_cube_paper", ["max_incr_per_pixel": .number(2), "num_utbins": .integer(7)], true),
        ("multi_channel_timesurface", [:], true), ("multi_channel_timesurface", ["num_utbins": .integer(7)], true),
        ("histo_quantized", [:], false), ("histo_quantized", ["normalization": .boolean(true)], true),
        ("histo_quantized", ["negative_bit_length": .integer(3), "total_bit_length": .integer(5)], false),
        ("diff_quantized", [:], false),
        ("diff_quantized", ["negative_bit_length": .integer(3), "normalization": .boolean(true)], false),
    ]

    @Test(.enabled(if: hasReference, skipped))
    func framesEqualTheReference() throws {
        let folder = "/tmp/evh5-tensors-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var largest: Float = 0
        var elements = 0
        for (round, geometry) in [Geometry(width: 24, height: 16), Geometry(width: 39, height: 21)].enumerated() {
            let events = randomEvents(4000, in: geometry, until: 40_000, seed: 99 + UInt64(round))
            var packed = Data()
            for event in events {
                withUnsafeBytes(of: (event.x.littleEndian, event.y.littleEndian, event.polarity)) {
                    packed.append(contentsOf: $0.prefix(5))
                }
                withUnsafeBytes(of: event.t.littleEndian) { packed.append(contentsOf: $0) }
            }
            try packed.write(to: URL(fileURLWithPath: folder + "/events.bin"))
            var cases: [Case] = []
            for variant in Self.variants {
                for shift in 0...2 {
                    for uint8 in variant.uint8 ? [false, true] : [false] {
                        for (mode, start, size) in [("time", 0, 10_000), ("time", 14_007, 7001), ("count", 2, 1100)]
                            as [(String, Int64, Int64)]
                        {
                            // Where cells do not fill the geometry, the reference can only be asked without the rest's
                            // events.
                            if mode == "count",
                                geometry.width % (1 << shift) != 0 || geometry.height % (1 << shift) != 0
                            {
                                continue
                            }
                            cases.append(
                                Case(
                                    name: variant.name, shift: shift, mode: mode, start: start, size: size,
                                    uint8: uint8,
                                    overrides: variant.overrides))
                        }
                    }
                }
            }
            let encoder = JSONEncoder()
            let lines = try cases.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
            try lines.joined(separator: "\n").write(toFile: folder + "/cases.json", atomically: false, encoding: .utf8)
            let shared = try #require(sharedFolder)
            try #require(try python(Self.program, [shared, folder, "\(geometry.height)", "\(geometry.width)"]) != nil)
            let frames = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/frames.bin")))
            var position = 0
            for test in cases {
                let keys = test.overrides.map { ",\($0.key)=\($0.value.text)" }.joined()
                let text =
                    test.name + keys + (test.shift > 0 ? ",downsample=\(1 << test.shift)" : "")
                    + (test.uint8 ? ",dtype=uint8" : "")
                let isTimed = test.mode == "time"
                let made = try plan(
                    text, isTimed ? "\(test.size)us,start_ts=\(test.start)us" : "\(test.size)ev", geometry, events)
                let values = try made.bytes(isTimed ? 0 : Int(test.start))
                try #require(position + values.count <= frames.count)
                let expected = Array(frames[position..<position + values.count])
                position += values.count
                elements += values.count / made.elementType.size
                if values != expected {
                    largest = max(largest, difference(values, expected, made.elementType))
                    Issue.record(
                        "\(text) \(test.mode) of \(geometry) differs by \(difference(values, expected, made.elementType))"
                    )
                }
            }
            #expect(position == frames.count)
        }
        print("largest difference from reference_tensors.py over \(elements) elements: \(largest)")
    }

    private func difference(_ a: [UInt8], _ b: [UInt8], _ type: ElementType) -> Float {
        guard type == .float32 else { return zip(a, b).map { abs(Float($0) - Float($1)) }.max() ?? 0 }
        return a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                stride(from: 0, to: a.count, by: 4).map {
                    abs(
                        a.loadUnaligned(fromByteOffset: $0, as: Float.self)
                            - b.loadUnaligned(fromByteOffset: $0, as: Float.self))
                }.max() ?? 0
            }
        }
    }
}
