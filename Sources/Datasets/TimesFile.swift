// Lists of times beside recordings: where windows lie that are neither periods nor counts.
//
// The NPY format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import Files
import Foundation
import Tensors

/// Why there is no list of times.
public struct TimesFileError: Error, CustomStringConvertible {
    public enum Code: Sendable { case missing, unusable }

    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// A file of times in us, one column or two (begins and ends): `.npy` of int64, uint64, int32, uint32 or float64, or
/// text of a line each.
///
/// In text, columns are parted by a comma, a semicolon or blanks; what follows a `#` and empty lines do not count.
/// Times are whole numbers, also as `1e+06`, and may not fall.
public enum TimesFile {
    /// A larger file is none.
    public static let largestSize: Int64 = 1 << 27

    /// The names that the list can have beside the recording called `file`, the first that exists being the one.
    public static func names(_ origin: TimesOrigin, of file: String) -> [String] {
        let stem = RecordingName.stem(file)
        switch origin {
        case .triggers: return []
        case .labels: return RecordingName.labels(of: file)
        case .rvt: return RVTLabels.names(of: file)
        case .file(let name): return own(file, name) + own(stem, name) + [name]
        }
    }

    private static func own(_ base: String, _ name: String) -> [String] {
        [".npy", ".txt", ".csv"].map { "\(base)_\(name)\($0)" }
    }

    /// That there is none.
    public static func missing(_ origin: TimesOrigin, of file: String) -> TimesFileError {
        let stem = RecordingName.stem(file)
        let names =
            switch origin {
            case .file(let name): own(stem, name) + [name]
            case .rvt: RVTLabels.names(of: stem)
            default: RecordingName.labels(of: stem)
            }
        return TimesFileError(
            .missing, "its list of times is missing: there is none of \(names.joined(separator: ", ")) beside it")
    }

    /// The times of a specification for the recording at `path`; nil for a specification without a file of times.
    public static func read(_ spec: TensorSpec, beside path: String) throws(TimesFileError) -> WindowTimes? {
        guard let origin = spec.times, origin.isFile else { return nil }
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let (folder, name) = (path[..<slash], String(path[slash...]))
        for candidate in names(origin, of: name) {
            let file: File
            do throws(FileError) { file = try File(path: folder + candidate) } catch {
                if error.errno == ENOENT { continue }
                throw TimesFileError(.unusable, error.message)
            }
            return try times(origin, file, candidate)
        }
        throw missing(origin, of: name)
    }

    /// The times in a file called `name`.
    public static func times(
        _ origin: TimesOrigin, _ file: File, _ name: String
    ) throws(TimesFileError) -> WindowTimes {
        let bytes: [UInt8]
        do throws(FileError) {
            let status = try file.status()
            guard status.kind == .regular, status.size <= largestSize else {
                throw FileError(
                    errno: EFBIG, message: "it is no file of at most \(largestSize) bytes, as a list of times is")
            }
            bytes = try file.bytes(in: 0..<status.size)
        } catch { throw TimesFileError(.unusable, "'\(name)' cannot be read: \(error.message)") }
        do throws(TimesFileError) { return try times(origin, bytes, name) } catch {
            throw TimesFileError(error.code, "'\(name)' is no list of times: \(error.description)")
        }
    }

    /// The times in `bytes`, which are those of a file called `name`.
    package static func times(_ origin: TimesOrigin, _ bytes: [UInt8], _ name: String) throws(TimesFileError)
        -> WindowTimes
    {
        if case .labels = origin {
            do throws(LabelFileError) { return WindowTimes(try LabelFile(bytes).distinctTimes()) } catch {
                throw TimesFileError(.unusable, error.description)
            }
        }
        if case .rvt(let rule) = origin {
            do {
                return WindowTimes(try RVTLabels(LabelFile(bytes), rule).times.windowEnds)
            } catch { throw TimesFileError(.unusable, "\(error)") }
        }
        return try (name.hasSuffix(".npy") ? TimesArray.read(bytes) : TimesText.read(bytes)).checked()
    }
}

/// Times as they are in a file: rows of one or two columns.
struct TimeRows {
    var starts: [Int64] = []
    var ends: [Int64]?
    /// What row `i` is called in messages.
    let place: (Int) -> String

    /// - Throws: the first row that is no window.
    func checked() throws(TimesFileError) -> WindowTimes {
        for (i, start) in starts.enumerated() {
            for time in [start, ends?[i] ?? start] where abs(max(time, -.max)) > WindowTimes.largestTime {
                throw TimesFileError(.unusable, "\(place(i)): \(time) us is no time of a recording")
            }
            if i > 0, start < starts[i - 1] {
                throw TimesFileError(
                    .unusable, "\(place(i)): \(start) comes after \(starts[i - 1]); times must not fall: sort them")
            }
            if let end = ends?[i], end < start {
                throw TimesFileError(.unusable, "\(place(i)): the end \(end) is before the start \(start)")
            }
        }
        return WindowTimes(starts, ends: ends)
    }

    mutating func append(_ start: Int64, _ end: Int64?) {
        starts.append(start)
        if let end { ends?.append(end) }
    }

    static func tooMany(_ count: Int) -> TimesFileError {
        TimesFileError(.unusable, "it has \(count) times or more; \(WindowTimes.largestCount) are the most")
    }
}

/// Lines of text.
enum TimesText {
    static func read(_ bytes: [UInt8]) throws(TimesFileError) -> TimeRows {
        var lines: [Int] = []
        var rows: [(Int64, Int64?)] = []
        var columns = 0
        for (i, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            // Comma, semicolon, blank, tab and carriage return.
            let fields = line.prefix { $0 != UInt8(ascii: "#") }
                .split { [0x2C, 0x3B, 0x20, 0x09, 0x0D].contains($0) }
            guard !fields.isEmpty else { continue }
            guard rows.count < WindowTimes.largestCount else { throw TimeRows.tooMany(rows.count + 1) }
            if columns == 0 { columns = fields.count }
            guard fields.count == columns, columns <= 2 else {
                throw TimesFileError(
                    .unusable,
                    "line \(i + 1) has \(fields.count) columns; there is one, or two (begins and ends), in all lines")
            }
            var values: [Int64] = []
            for field in fields {
                guard let value = number(field) else {
                    let text = String(decoding: field.prefix(40), as: UTF8.self)
                    throw TimesFileError(
                        .unusable,
                        "line \(i + 1): \"\(text)\" is no whole number of us; a line that is no data begins with #")
                }
                values.append(value)
            }
            lines.append(i + 1)
            rows.append((values[0], values.count == 2 ? values[1] : nil))
        }
        var result = TimeRows(ends: columns == 2 ? [] : nil) { [lines] in "line \(lines[$0])" }
        for (start, end) in rows { result.append(start, end) }
        return result
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard field.count <= 40 else { return nil }
        let text = String(decoding: field, as: UTF8.self)
        if let value = Int64(text) { return value }
        // As numpy.savetxt writes them; no hexadecimal, `inf` or `nan`.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x65, 0x45].contains($0) }),
            let value = Double(text)
        else { return nil }
        return wholeNumber(value)
    }
}

/// The time that a floating point number is, when it is a whole one and none that was rounded.
private func wholeNumber(_ value: Double) -> Int64? { abs(value) <= 0x1p53 ? Int64(exactly: value) : nil }

/// An array of NumPy's.
enum TimesArray {
    static func read(_ bytes: [UInt8]) throws(TimesFileError) -> TimeRows {
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)), (1...3).contains(bytes[6]) else {
            throw TimesFileError(.unusable, "it is not a .npy file of version 1 to 3")
        }
        let wide = bytes[6] >= 2
        let start = wide ? 12 : 10
        let length = (8..<start).reduce(0) { $0 | Int(bytes[$1]) << (8 * ($1 - 8)) }
        guard length <= bytes.count - start else { throw TimesFileError(.unusable, "its header is cut off") }
        let header = String(decoding: bytes[start..<start + length], as: UTF8.self)
        guard let type = value("descr", header, "'", "'"), let shape = value("shape", header, "(", ")"),
            let isFortran = header.firstRange(of: "'fortran_order': ").map({ header[$0.upperBound...] })
        else { throw TimesFileError(.unusable, "it is no array of plain numbers") }
        let sides = shape.split(separator: ",").map { Int($0.filter { $0 != " " }) }
        guard let count = sides.first ?? nil, count >= 0, sides.count == 1 || sides.count == 2 && sides[1] == 2 else {
            throw TimesFileError(.unusable, "it has the shape (\(shape)); (N,) or (N, 2) is a list of times")
        }
        guard count <= WindowTimes.largestCount else { throw TimeRows.tooMany(count) }
        guard sides.count == 1 || isFortran.hasPrefix("False") else {
            throw TimesFileError(.unusable, "its columns are in Fortran order; save numpy.ascontiguousarray of it")
        }
        guard let element = elements[type] else {
            throw TimesFileError(
                .unusable,
                "it holds '\(type)'; times are '<i8', '<u8', '<i4', '<u4' or '<f8', as after .astype(\"<i8\")")
        }
        let columns = sides.count
        guard count * columns * element.size <= bytes.count - start - length else {
            throw TimesFileError(.unusable, "it holds fewer elements than its header says")
        }
        var rows = TimeRows(ends: columns == 2 ? [] : nil) { "element \($0)" }
        for i in 0..<count {
            var values: [Int64] = []
            for column in 0..<columns {
                let at = start + length + (i * columns + column) * element.size
                guard let value = bytes.withUnsafeBytes({ element.load($0, at) }) else {
                    throw TimesFileError(.unusable, "element \(i) is no whole number of us")
                }
                values.append(value)
            }
            rows.append(values[0], columns == 2 ? values[1] : nil)
        }
        return rows
    }

    private struct Element {
        let size: Int
        let load: (UnsafeRawBufferPointer, Int) -> Int64?

        static func integer<I: FixedWidthInteger & BitwiseCopyable>(_ type: I.Type) -> Element {
            Element(size: MemoryLayout<I>.size) {
                Int64(exactly: I(littleEndian: $0.loadUnaligned(fromByteOffset: $1, as: I.self)))
            }
        }
    }

    private static var elements: [String: Element] {
        [
            "<i8": .integer(Int64.self), "<u8": .integer(UInt64.self), "<i4": .integer(Int32.self),
            "<u4": .integer(UInt32.self),
            "<f8": Element(size: 8) {
                wholeNumber(
                    Double(bitPattern: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: $1, as: UInt64.self))))
            },
        ]
    }

    /// What is between the brackets of `key`'s value in a header's dictionary.
    private static func value(_ key: String, _ header: String, _ open: Character, _ close: Character) -> String? {
        guard let found = header.firstRange(of: "'\(key)': ") else { return nil }
        let rest = header[found.upperBound...]
        guard rest.first == open, let end = rest.dropFirst().firstIndex(of: close) else { return nil }
        return String(rest[rest.index(after: rest.startIndex)..<end])
    }
}
