// A tensor: what it is, when its frames are, and single values.

import Foundation
import Recordings
import TensorFile
import Tensors
import VirtualTree

extension Viewer {
    func open(_ query: Query) throws -> VirtualTensor {
        try tensors.tensor(query.text("file"), version: query.optional("v"))
    }

    func tensor(_ query: Query) throws -> ViewerAnswer {
        struct Dataset: Encodable {
            let path: String
            let shape: [UInt64]?
            let dtype: String?
            let kind: String
        }
        struct Answer: Encodable {
            let path, preprocessing, window, recording: String
            let shape: [Int]
            let dtype: String
            let channels: [String]
            /// Pixels of the sensor that a cell has on each side, before filters.
            let cell: Int
            let periodUs, strideUs: Int64?
            let grid: Bool
            let beginUs, endUs: Int64
            let version: String
            let datasets: [Dataset]
            let datasetsProblem: String?
        }
        let tensor = try open(query)
        let plan = tensor.plan
        let window = plan.spec.windowSpec
        var (period, stride): (Int64?, Int64?)
        if case .period(let length) = window.window {
            period = length
            if window.times == nil { stride = window.stride }
        }
        var span = (plan.startTime, plan.startTime)
        if plan.frameCount > 0 {
            let last = plan.frameCount - 1
            span = (
                plan.startTime &+ (try plan.starts(0..<1).first ?? 0),
                plan.startTime &+ (try plan.ends(last..<last + 1).first ?? 0)
            )
        }
        var datasets: [Dataset] = []
        var problem: String?
        do {
            datasets = try tensor.additions().filter { $0.kind == .dataset }.map { object in
                let isSeries = object.shape == [UInt64(plan.frameCount)] && Self.isNumber(object.type ?? "")
                return Dataset(
                    path: object.path, shape: object.shape, dtype: object.type, kind: isSeries ? "series" : "other")
            }
        } catch { problem = "what was added cannot be read: \(error)" }
        return try json(
            Answer(
                path: tensor.path, preprocessing: plan.spec.preprocessingText, window: plan.spec.windowText,
                recording: tensor.recordingPath, shape: [plan.frameCount, plan.channels, plan.height, plan.width],
                dtype: plan.elementType.rawValue, channels: ChannelNames.names(plan), cell: 1 << plan.grid.shift,
                periodUs: period, strideUs: stride, grid: stride != nil, beginUs: span.0, endUs: span.1,
                version: tensor.version, datasets: datasets, datasetsProblem: problem), version: tensor.version)
    }

    private static func isNumber(_ type: String) -> Bool {
        ["float", "int", "uint", "enum(int8", "enum(uint8"].contains { type.hasPrefix($0) }
    }

    /// Times told in one answer.
    private static let mostTimes = 10_000

    func times(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let starts, ends: [Int64]
        }
        let tensor = try open(query)
        let plan = tensor.plan
        let first = try query.integer("first", in: 0...Int.max / 2, or: 0)
        let count = try query.integer("count", in: 1...Self.mostTimes, or: Self.mostTimes)
        let frames = min(first, plan.frameCount)..<min(first + count, plan.frameCount)
        return try json(
            Answer(
                starts: plan.starts(frames).map { $0 &+ plan.startTime },
                ends: plan.ends(frames).map { $0 &+ plan.startTime }), version: tensor.version)
    }

    func find(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let frame: Int
        }
        let tensor = try open(query)
        let time = try query.time("t", or: nil)
        guard tensor.plan.frameCount > 0 else {
            throw ViewerError(.notFound, "'\(tensor.path)' has no frames")
        }
        return try json(Answer(frame: tensor.plan.frame(at: time)), version: tensor.version)
    }

    func values(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            /// nil for what is no finite number.
            let values: [Float?]
        }
        let tensor = try open(query)
        let plan = tensor.plan
        let frame = try tensor.check(query.integer("frame", in: 0...Int.max, or: nil))
        let x = try query.integer("x", in: 0...plan.width - 1, or: nil)
        let y = try query.integer("y", in: 0...plan.height - 1, or: nil)
        let values = try tensor.withFrame(frame) { bytes in
            (0..<plan.channels).map { channel in
                plan.elementType.value((channel * plan.height + y) * plan.width + x, of: bytes)
            }
        }
        return try json(Answer(values: values.map { $0.isFinite ? $0 : nil }), version: tensor.version)
    }

    func series(_ query: Query) throws -> ViewerAnswer {
        let tensor = try open(query)
        let path = try query.text("dataset")
        let points = try query.integer("points", in: 1...20_000, or: 2000)
        return try json(
            tensor.series(path.hasPrefix("/") ? path : "/" + path, points: points), version: tensor.version)
    }
}

extension ElementType {
    /// Element number `i` of a frame's bytes.
    func value(_ i: Int, of bytes: UnsafeRawBufferPointer) -> Float {
        switch self {
        case .float32: bytes.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
        case .uint8: Float(bytes[i])
        case .int8: Float(Int8(bitPattern: bytes[i]))
        case .uint16: Float(bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
        }
    }
}

extension TensorPlan {
    /// The frame whose window holds `time` (us, the recording's), the last of several; else the nearest.
    func frame(at time: Int64) throws -> Int {
        func start(_ i: Int) throws -> Int64 { try startTime &+ (starts(i..<i + 1).first ?? 0) }
        func end(_ i: Int) throws -> Int64 { try startTime &+ (ends(i..<i + 1).first ?? 0) }
        // The first frame that begins later.
        var (low, high) = (0, frameCount)
        while low < high {
            let middle = (low + high) / 2
            if try start(middle) > time { high = middle } else { low = middle + 1 }
        }
        guard low > 0 else { return 0 }
        let before = low - 1
        guard low < frameCount else { return before }
        let past = try end(before)
        if time < past { return before }
        return try time &- past <= start(low) &- time ? before : low
    }
}
