// Arrays as numpy stores them.
//
// The NPY format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

/// Writes `.npy` and `.npz` files.
enum NumpyFile {
    /// What stands before the elements of a one-dimensional array.
    ///
    /// - Parameter descriptor: the type as Python writes it: `'<i8'`, or a list of fields.
    static func header(descriptor: String, count: Int, version: (UInt8, UInt8) = (1, 0)) -> [UInt8] {
        let text = "{'descr': \(descriptor), 'fortran_order': False, 'shape': (\(count),), }"
        let fixed = version.0 >= 2 ? 12 : 10
        // As numpy writes it: padded with spaces to a multiple of 64, the last byte a newline.
        let padding = (64 - (fixed + text.utf8.count + 1) % 64) % 64
        let length = text.utf8.count + padding + 1
        var header: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version.0, version.1]
        for i in 0..<(fixed - 8) { header.append(UInt8(truncatingIfNeeded: length >> (8 * i))) }
        return header + Array(text.utf8) + [UInt8](repeating: 0x20, count: padding) + [0x0A]
    }

    /// A `.npy` file of int64, shape (N,).
    static func file(_ numbers: [Int64]) -> [UInt8] {
        var bytes = header(descriptor: "'<i8'", count: numbers.count)
        bytes.reserveCapacity(bytes.count + 8 * numbers.count)
        for number in numbers {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// A `.npz` file, as `numpy.savez` makes it: a zip archive with a stored `.npy` file for each array.
    static func archive(_ arrays: [(name: String, file: [UInt8])]) -> [UInt8] {
        var archive = StoredArchive()
        for array in arrays { archive.add("\(array.name).npy", array.file) }
        return archive.finished()
    }
}
