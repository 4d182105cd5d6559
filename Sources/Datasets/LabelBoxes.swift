// The boxes of a label file, by time.

import Foundation

/// A box of a label file.
public struct LabelBox: Hashable, Sendable {
    /// us.
    public let t: Int64
    /// Pixels of the sensor; the upper left corner.
    public let x: Double
    public let y: Double
    public let width: Double
    public let height: Double
    public let classID: Int64?
    public let trackID: Int64?
    public let confidence: Double?
}

/// The boxes of a label file in the order of their times.
public struct LabelBoxes: Sendable {
    private let file: LabelFile
    /// Of the records, rising.
    public let times: [Int64]
    /// The records' numbers in that order; nil when it is the file's.
    private let order: [Int32]?
    /// x, y, width and height.
    private let sides: [LabelFile.Field]
    private let classID: LabelFile.Field?
    private let trackID: LabelFile.Field?
    private let confidence: LabelFile.Field?

    /// - Throws: `LabelFileError` saying what is missing in the file or no number.
    public init(_ bytes: [UInt8]) throws(LabelFileError) {
        let file = try LabelFile(bytes)
        func field(_ names: [String]) -> LabelFile.Field? {
            names.lazy.compactMap { file.fields[$0] }.first { LabelFile.isNumber($0) }
        }
        var sides: [LabelFile.Field] = []
        for name in ["x", "y", "w", "h"] {
            guard let side = field([name]) else {
                throw LabelFileError(description: "it has no field '\(name)' of numbers")
            }
            sides.append(side)
        }
        var times: [Int64] = []
        times.reserveCapacity(file.count)
        for i in 0..<file.count { times.append(try file.timeOfRecord(i)) }
        if zip(times, times.dropFirst()).allSatisfy({ $0 <= $1 }) {
            order = nil
        } else {
            // Of equal times the file's order stays.
            let sorted = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
            order = sorted.map { Int32($0) }
            times = sorted.map { times[$0] }
        }
        self.file = file
        self.times = times
        self.sides = sides
        classID = field(["class_id"])
        trackID = field(["track_id"])
        // Metavision's files say class_confidence.
        confidence = field(["class_confidence", "confidence"])
    }

    public var count: Int { times.count }

    /// Box number `i` in the order of time.
    public subscript(_ i: Int) -> LabelBox {
        let record = order.map { Int($0[i]) } ?? i
        func whole(_ field: LabelFile.Field?) -> Int64? {
            field.flatMap { Int64(exactly: file.number($0, ofRecord: record).rounded()) }
        }
        let sides = sides.map { file.number($0, ofRecord: record) }
        return LabelBox(
            t: times[i], x: sides[0], y: sides[1], width: sides[2], height: sides[3], classID: whole(classID),
            trackID: whole(trackID), confidence: confidence.map { file.number($0, ofRecord: record) })
    }

    /// The numbers of the boxes whose times are in `range`.
    public func indices(in range: Range<Int64>) -> Range<Int> {
        let first = first(from: range.lowerBound)
        return first..<max(first, self.first(from: range.upperBound))
    }

    private func first(from time: Int64) -> Int {
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] >= time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension LabelFile {
    static func isNumber(_ field: Field) -> Bool {
        ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"].contains(field.type)
    }

    /// What a field of numbers holds.
    func number(_ field: Field, ofRecord i: Int) -> Double {
        let at = offset(ofRecord: i) + field.offset
        return switch field.type {
        case "u1": Double(load(at, UInt8.self))
        case "i1": Double(load(at, Int8.self))
        case "u2": Double(load(at, UInt16.self))
        case "i2": Double(load(at, Int16.self))
        case "u4": Double(load(at, UInt32.self))
        case "i4": Double(load(at, Int32.self))
        case "u8": Double(load(at, UInt64.self))
        case "i8": Double(load(at, Int64.self))
        case "f4": Double(load(at, Float.self))
        default: load(at, Double.self)
        }
    }
}

/// What classes are called: `label_map_dictionary.json` as Metavision ML's data sets have it, `{"0": "car", ...}`.
public enum ClassNames {
    public static let fileName = "label_map_dictionary.json"

    /// The names by number; nil when `bytes` are no such dictionary.
    public static func read(_ bytes: [UInt8]) -> [Int64: String]? {
        guard let object = try? JSONDecoder().decode([String: String].self, from: Data(bytes)) else { return nil }
        var names: [Int64: String] = [:]
        for (key, name) in object {
            guard let number = Int64(key) else { return nil }
            names[number] = name
        }
        return names
    }
}
