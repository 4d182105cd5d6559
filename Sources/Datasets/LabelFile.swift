// Label files beside recordings (`<name>_bbox.npy`): structured numpy arrays, cut and re-timed as the frames are.
//
// The NPY format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import Foundation
import Tensors

/// Why a label file cannot be cut.
public struct LabelFileError: Error, CustomStringConvertible {
    public let description: String
}

/// A structured one-dimensional `.npy` array with a time field `t` or `ts` in us.
public struct LabelFile: Sendable {
    /// Where a field lies in a record and how it is stored.
    struct Field: Sendable {
        let offset: Int
        /// NumPy's type string without byte order, as `u8` or `f4`.
        let type: String
    }

    let bytes: [UInt8]
    private let version: (UInt8, UInt8)
    let descriptor: String
    private let payload: Int
    let recordSize: Int
    /// Records.
    let count: Int
    private let time: Field
    /// Fields of numbers in little endian by their names.
    let fields: [String: Field]

    /// - Throws: `LabelFileError` saying what is unexpected in the file.
    public init(_ bytes: [UInt8]) throws(LabelFileError) {
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw LabelFileError(description: "it is not a .npy file")
        }
        let wide = bytes[6] >= 2
        let length =
            wide
            ? Int(bytes[8]) | Int(bytes[9]) << 8 | Int(bytes[10]) << 16 | Int(bytes[11]) << 24
            : Int(bytes[8]) | Int(bytes[9]) << 8
        let start = wide ? 12 : 10
        guard start + length <= bytes.count else { throw LabelFileError(description: "its header is cut off") }
        let header = String(decoding: bytes[start..<start + length], as: UTF8.self)
        guard let descriptor = LabelFile.value(of: "descr", in: header, open: "[", close: "]"),
            let shape = LabelFile.value(of: "shape", in: header, open: "(", close: ")"),
            let count = Int(shape.dropFirst().dropLast().filter { $0 != "," && $0 != " " }), count >= 0
        else { throw LabelFileError(description: "it is not a one-dimensional structured array") }
        let (recordSize, fields) = try LabelFile.layout(descriptor)
        guard
            let time = [fields["t"], fields["ts"]].compactMap({ $0 }).first(where: { Self.timeTypes.contains($0.type) })
        else { throw LabelFileError(description: "it has no time field 't' or 'ts' in us") }
        let (size, overflow) = count.multipliedReportingOverflow(by: recordSize)
        guard !overflow, size <= bytes.count - start - length else {
            throw LabelFileError(description: "it holds fewer records than its header says")
        }
        self.bytes = bytes
        version = (bytes[6], bytes[7])
        self.descriptor = descriptor
        payload = start + length
        self.recordSize = recordSize
        self.count = count
        self.time = time
        self.fields = fields
    }

    private static let timeTypes: Set<String> = ["u8", "i8", "u4", "i4", "f8", "f4"]

    /// The file with the records whose time is in `times` (us), `times.lowerBound` becoming 0.
    public func cut(to times: Range<Int64>) -> [UInt8] {
        var records: [UInt8] = []
        var kept = 0
        for i in 0..<count {
            let at = payload + i * recordSize
            guard contains(times, at + time.offset) else { continue }
            records += bytes[at..<at + recordSize]
            shift(&records, kept * recordSize + time.offset, by: times.lowerBound)
            kept += 1
        }
        return header(count: kept) + records
    }

    /// The times of the records, each once and rising, us.
    ///
    /// - Throws: `LabelFileError` naming the record whose time is no whole number of us.
    func distinctTimes() throws(LabelFileError) -> [Int64] {
        var times: Set<Int64> = []
        for i in 0..<count {
            let value = try timeOfRecord(i)
            times.insert(value)
            guard times.count <= WindowTimes.largestCount else {
                throw LabelFileError(
                    description: "it has more than \(WindowTimes.largestCount) distinct times")
            }
        }
        return times.sorted()
    }

    /// The time of record `i`, us.
    ///
    /// - Throws: `LabelFileError` naming the record when that is no whole number of us.
    func timeOfRecord(_ i: Int) throws(LabelFileError) -> Int64 {
        let at = offset(ofRecord: i) + time.offset
        let value: Int64? =
            switch time.type {
            case "u8": Int64(exactly: load(at, UInt64.self))
            case "i8": load(at, Int64.self)
            case "u4": Int64(load(at, UInt32.self))
            case "i4": Int64(load(at, Int32.self))
            case "f8": Int64(exactly: load(at, Double.self))
            default: Int64(exactly: load(at, Float.self))
            }
        guard let value, abs(max(value, -Int64.max)) <= WindowTimes.largestTime else {
            throw LabelFileError(description: "the time of record \(i) is no whole number of us")
        }
        return value
    }

    /// Where record `i` begins in `bytes`.
    func offset(ofRecord i: Int) -> Int { payload + i * recordSize }

    private func header(count: Int) -> [UInt8] {
        NumpyFile.header(descriptor: descriptor, count: count, version: version)
    }

    func load<T: BitwiseCopyable>(_ at: Int, _ type: T.Type) -> T {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: type) }
    }

    private func contains(_ times: Range<Int64>, _ at: Int) -> Bool {
        switch time.type {
        case "u8": return Int64(exactly: load(at, UInt64.self)).map(times.contains) ?? false
        case "i8": return times.contains(load(at, Int64.self))
        case "u4": return times.contains(Int64(load(at, UInt32.self)))
        case "i4": return times.contains(Int64(load(at, Int32.self)))
        case "f8": return within(times, load(at, Double.self))
        default: return within(times, Double(load(at, Float.self)))
        }
    }

    private func within(_ times: Range<Int64>, _ t: Double) -> Bool {
        t >= Double(times.lowerBound) && t < Double(times.upperBound)
    }

    private func shift(_ records: inout [UInt8], _ at: Int, by start: Int64) {
        records.withUnsafeMutableBytes { raw in
            func change<T: BitwiseCopyable>(_ type: T.Type, _ body: (T) -> T) {
                raw.storeBytes(of: body(raw.loadUnaligned(fromByteOffset: at, as: type)), toByteOffset: at, as: type)
            }
            // Times were checked to be in the range that begins at `start`, so nothing can wrap.
            switch time.type {
            case "u8": change(UInt64.self) { $0 &- UInt64(bitPattern: start) }
            case "i8": change(Int64.self) { $0 &- start }
            case "u4": change(UInt32.self) { $0 &- UInt32(truncatingIfNeeded: start) }
            case "i4": change(Int32.self) { $0 &- Int32(truncatingIfNeeded: start) }
            case "f8": change(Double.self) { $0 - Double(start) }
            default: change(Float.self) { Float(Double($0) - Double(start)) }
            }
        }
    }

    /// The text of `key`'s value in a header's dictionary, from `open` to its matching `close`.
    private static func value(of key: String, in header: String, open: Character, close: Character) -> String? {
        guard let found = header.range(of: "'\(key)'") ?? header.range(of: "\"\(key)\"") else { return nil }
        let rest = header[found.upperBound...].drop { $0 == ":" || $0 == " " }
        guard rest.first == open else { return nil }
        var depth = 0
        for i in rest.indices {
            if rest[i] == open { depth += 1 }
            if rest[i] == close {
                depth -= 1
                if depth == 0 { return String(rest[...i]) }
            }
        }
        return nil
    }

    /// The size of a record and its fields, from a descriptor as `[('ts', '<u8'), ('x', '<f4'), ...]`.
    private static func layout(_ descriptor: String) throws(LabelFileError) -> (size: Int, fields: [String: Field]) {
        var offset = 0
        var fields: [String: Field] = [:]
        for field in descriptor.dropFirst().dropLast().split(separator: ")") {
            let quoted = field.split(separator: "'", omittingEmptySubsequences: false)
            if quoted.count == 1 { continue }
            // Plain fields only: ('name', '<u8'); sub-arrays and titles do not occur in label files.
            guard quoted.count == 5, quoted[4].allSatisfy({ $0 == " " }), quoted[3].count >= 3,
                let size = LabelFile.size(ofType: quoted[3])
            else { throw LabelFileError(description: "its field '\(field)' is of a kind that is not understood") }
            if quoted[3].first != ">" {
                fields[String(quoted[1])] = Field(offset: offset, type: String(quoted[3].dropFirst()))
            }
            offset += size
        }
        return (offset, fields)
    }

    private static func size(ofType type: Substring) -> Int? {
        guard let kind = type.dropFirst().first, let size = Int(type.dropFirst(2)), (0...65536).contains(size) else {
            return nil
        }
        switch kind {
        case "U": return 4 * size
        case "u", "i", "f", "b", "c", "S", "V", "M", "m": return size
        default: return nil
        }
    }
}
