// Just enough of .npz (a zip of .npy files) to compare with what another decoder made of a recording.

import CZlib
import Foundation
import Testing

/// The arrays of an .npz file.
struct NumpyArchive {
    private let bytes: [UInt8]
    /// By name, where an array's local header is and how long it is packed and unpacked.
    private var entries: [String: (method: Int, packed: Int, size: Int, offset: Int)] = [:]

    init(path: String) throws {
        bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        // The end record is the last 22 bytes: these archives have no comment.
        var place = try number(bytes.count - 22 + 16, 4)
        for _ in 0..<(try number(bytes.count - 22 + 10, 2)) {
            let (name, extra, comment) = (
                try number(place + 28, 2), try number(place + 30, 2), try number(place + 32, 2)
            )
            let key = String(decoding: bytes[place + 46..<place + 46 + name], as: UTF8.self)
            entries[key] = (
                try number(place + 10, 2), try number(place + 20, 4), try number(place + 24, 4),
                try number(place + 42, 4)
            )
            place += 46 + name + extra + comment
        }
    }

    private func number(_ offset: Int, _ size: Int) throws -> Int {
        try #require(offset >= 0 && offset + size <= bytes.count)
        return (0..<size).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    /// The values of the one-dimensional array `name`, whose elements must be of the size of `T`.
    func array<T: FixedWidthInteger & BitwiseCopyable>(_ name: String, _: T.Type) throws -> [T] {
        let entry = try #require(entries["\(name).npy"])
        let start = entry.offset + 30 + (try number(entry.offset + 26, 2)) + (try number(entry.offset + 28, 2))
        let npy =
            entry.method == 0
            ? Array(bytes[start..<start + entry.packed]) : try inflated(start..<start + entry.packed, entry.size)
        try #require(npy.count > 10 && npy[1...5].elementsEqual("NUMPY".utf8) && npy[6] == 1)
        let first = 10 + Int(npy[8]) | Int(npy[9]) << 8
        let header = String(decoding: npy[10..<first], as: UTF8.self)
        try #require(header.contains("'<\(T.isSigned ? "i" : "u")\(MemoryLayout<T>.size)'") || header.contains("'|u1'"))
        return npy.withUnsafeBytes { raw in
            stride(from: first, to: npy.count, by: MemoryLayout<T>.size).map {
                T(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: T.self))
            }
        }
    }

    private func inflated(_ range: Range<Int>, _ size: Int) throws -> [UInt8] {
        var packed = Array(bytes[range])
        var output = [UInt8](repeating: 0, count: size)
        let result = packed.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output -> Int32 in
                var stream = z_stream()
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                    return Z_ERRNO
                }
                defer { inflateEnd(&stream) }
                return inflate(&stream, Z_FINISH)
            }
        }
        try #require(result == Z_STREAM_END)
        return output
    }
}
