// Checksums of bytes, by zlib.

import CZlib

/// The CRC-32 of zlib and PNG of `bytes`, continuing `start` (the checksum of the bytes before).
public func crc32(_ bytes: UnsafeRawBufferPointer, continuing start: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return start }
    return UInt32(truncatingIfNeeded: crc32_z(UInt(start), base.assumingMemoryBound(to: UInt8.self), bytes.count))
}

/// The CRC-32 of `bytes`.
public func crc32(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { crc32($0) } }
