// Arrays of numbers as numpy stores them, to be read.
//
// The NPY format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

/// An `.npy` file taken apart: little endian numbers or booleans of one or two dimensions.
struct NumpyArray {
    /// NumPy's name of the elements' type: `<i8`.
    let type: String
    /// One or two sides.
    let shape: [Int]
    let isFortran: Bool
    /// As the header has it.
    let shapeText: String
    private let bytes: [UInt8]
    private let start: Int

    init(_ bytes: [UInt8]) throws(ListFileError) {
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)), (1...3).contains(bytes[6]) else {
            throw ListFileError(.unusable, "it is not a .npy file of version 1 to 3")
        }
        let fixed = bytes[6] >= 2 ? 12 : 10
        let length = (8..<fixed).reduce(0) { $0 | Int(bytes[$1]) << (8 * ($1 - 8)) }
        guard length <= bytes.count - fixed else { throw ListFileError(.unusable, "its header is cut off") }
        let header = String(decoding: bytes[fixed..<fixed + length], as: UTF8.self)
        guard let type = Self.value("descr", header, "'", "'"), let text = Self.value("shape", header, "(", ")"),
            let order = header.firstRange(of: "'fortran_order': ").map({ header[$0.upperBound...] })
        else { throw ListFileError(.unusable, "it is no array of plain numbers") }
        let sides = text.split(separator: ",").map { Int($0.filter { $0 != " " }) }
        guard (1...2).contains(sides.count), sides.allSatisfy({ $0 ?? -1 >= 0 }) else {
            throw ListFileError(.unusable, "it has the shape (\(text)), which is not one or two sides")
        }
        self.type = type
        shape = sides.compactMap(\.self)
        isFortran = !order.hasPrefix("False")
        shapeText = text
        self.bytes = bytes
        start = fixed + length
    }

    /// How to read the element number `i`, counted as they lie in the file; nil from it for one that is no whole
    /// number.
    ///
    /// - Throws: when the type is none of `types`, or elements are missing.
    func reader(_ types: [String], _ hint: String) throws(ListFileError) -> (Int) -> Int64? {
        guard types.contains(type), let element = Self.elements[type] else {
            throw ListFileError(.unusable, "it holds '\(type)'; \(hint)")
        }
        let (count, overflow) = shape.reduce((1, false)) {
            let (product, overflow) = $0.0.multipliedReportingOverflow(by: $1)
            return (product, overflow || $0.1)
        }
        guard !overflow, count <= (bytes.count - start) / element.size else {
            throw ListFileError(.unusable, "it holds fewer elements than its header says")
        }
        let (bytes, start) = (bytes, start)
        return { i in bytes.withUnsafeBytes { element.load($0, start + i * element.size) } }
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
            "<u4": .integer(UInt32.self), "<i2": .integer(Int16.self), "<u2": .integer(UInt16.self),
            "|i1": .integer(Int8.self), "|u1": .integer(UInt8.self), "|b1": .integer(UInt8.self),
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

/// The number that a floating point number is, when it is a whole one and none that was rounded.
func wholeNumber(_ value: Double) -> Int64? { abs(value) <= 0x1p53 ? Int64(exactly: value) : nil }
