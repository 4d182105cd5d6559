// The beginning of an entry of the disk cache: whose frame it is, how it is packed, and the checksums.
//
//      0  magic, "evh5fram"              32  XXH3-64 of the payload
//      8  version, u32                   40  frame, u64
//     12  packing, u32                   48  bytes of the key, u32; then 4 zero bytes
//     16  bytes of the frame, u64        56  XXH3-64 of bytes 0..<56 and of the key
//     24  bytes of the payload, u64      64  the key in UTF-8, then the payload up to the file's end
//
// All numbers are little endian.

import CXXHash

package struct EntryHeader: Hashable, Sendable {
    /// To be raised whenever the layout, a packing or the meaning of a field changes; it goes into the file names too,
    /// so that daemons of two versions can share a folder.
    static let version: UInt32 = 2
    /// Bytes before the key.
    package static let size = 64
    /// A longer key is not believed: memory is taken for it.
    static let largestKey = 1 << 16

    private static let magic = Array("evh5fram".utf8)

    var packing: Packing
    package var frameBytes: Int
    package var payloadBytes: Int
    var payloadHash: UInt64
    package var frame: Int
    var keyBytes: Int

    /// The header and the key as they are stored.
    func bytes(key: String) -> [UInt8] {
        var bytes = EntryHeader.magic
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(EntryHeader.version)
        append(packing.rawValue)
        append(UInt64(frameBytes))
        append(UInt64(payloadBytes))
        append(payloadHash)
        append(UInt64(frame))
        append(UInt32(keyBytes))
        append(UInt32(0))
        let key = Array(key.utf8)
        append(EntryHeader.hash(bytes + key))
        return bytes + key
    }

    /// The header at the start of `bytes`; nil when there is none of this version. The key is not looked at.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= EntryHeader.size, bytes[..<8].elementsEqual(EntryHeader.magic) else { return nil }
        func number<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: type))
        }
        guard number(8, UInt32.self) == EntryHeader.version, let packing = Packing(rawValue: number(12, UInt32.self)),
            let frameBytes = Int(exactly: number(16, UInt64.self)), frameBytes <= Packing.largestFrame,
            let payloadBytes = Int(exactly: number(24, UInt64.self)),
            payloadBytes <= FrameUnpacker.largestPayload(frameBytes),
            let frame = Int(exactly: number(40, UInt64.self)), number(52, UInt32.self) == 0
        else { return nil }
        self.packing = packing
        self.frameBytes = frameBytes
        self.payloadBytes = payloadBytes
        payloadHash = number(32, UInt64.self)
        self.frame = frame
        keyBytes = Int(number(48, UInt32.self))
        guard keyBytes <= EntryHeader.largestKey else { return nil }
    }

    init(packing: Packing, frameBytes: Int, payload: UnsafeRawBufferPointer, frame: Int, key: String) {
        self.packing = packing
        self.frameBytes = frameBytes
        payloadBytes = payload.count
        payloadHash = XXH3_64bits(payload.baseAddress, payload.count)
        self.frame = frame
        keyBytes = key.utf8.count
    }

    /// The key behind a header in `bytes`, which holds both and nothing else; nil when they are damaged.
    package static func key(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count >= size else { return nil }
        let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: size - 8, as: UInt64.self))
        guard hash(Array(bytes[..<(size - 8)]) + Array(bytes[size...])) == stored else { return nil }
        return String(decoding: bytes[size...], as: UTF8.self)
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }
}
