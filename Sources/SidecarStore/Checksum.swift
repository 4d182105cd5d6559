// The store's checksum: XXH3 with 64 bits.

import CXXHash
import Files
import Foundation

enum Checksum {
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 { XXH3_64bits(bytes.baseAddress, bytes.count) }

    static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { of($0) } }

    static func of(_ text: String) -> UInt64 { of(Array(text.utf8)) }

    static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Of the first `count` bytes of an open file.
    static func of(_ file: StorageFile, count: Int64) throws(SidecarError) -> UInt64 {
        guard let state = XXH3_createState() else { throw SidecarError(.io, errno: ENOMEM, "no memory for a checksum") }
        defer { XXH3_freeState(state) }
        XXH3_64bits_reset(state)
        // Pieces that stay in the processor's cache.
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { piece.deallocate() }
        var done: Int64 = 0
        while done < count {
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<Int(min(Int64(piece.count), count - done))])
            try file.read(into: part, at: done)
            XXH3_64bits_update(state, part.baseAddress, part.count)
            done += Int64(part.count)
        }
        return XXH3_64bits_digest(state)
    }
}
