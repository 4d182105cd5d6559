// Entries of the disk cache: headers, payloads of every packing, and frames that come out as they went in.

import CXXHash
import FrameStore

/// Input: a mode, then a header, a payload with its packing and the frame's size, or a frame.
enum EntryTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        switch input.byte() % 3 {
        case 0: return checkHeader(Array(input.rest))
        case 1: return checkPayload(&input)
        default: return checkFrame(&input)
        }
    }

    private static func checkHeader(_ bytes: [UInt8]) -> String? {
        var bytes = bytes
        if bytes.count >= EntryHeader.size {
            // With a checksum that fits, so that more than the checksum is tried.
            let hashed = bytes[..<(EntryHeader.size - 8)] + bytes[EntryHeader.size...]
            let hash = Array(hashed).withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
            withUnsafeBytes(of: hash.littleEndian) {
                bytes.replaceSubrange(EntryHeader.size - 8..<EntryHeader.size, with: $0)
            }
        }
        return bytes.withUnsafeBytes { bytes in
            guard let header = EntryHeader(bytes) else { return nil }
            guard let key = EntryHeader.key(bytes) else { return "the checksum is not believed" }
            guard header.frameBytes >= 0, header.payloadBytes >= 0, header.frame >= 0 else {
                return "negative: \(header)"
            }
            _ = CacheKey(key).name
            return nil
        }
    }

    private static func checkPayload(_ input: inout FuzzInput) -> String? {
        guard let packing = Packing(rawValue: UInt32(input.byte() % 5)) else { return "a packing is missing" }
        let size = Int(input.number(UInt16.self))
        var frame = [UInt8](repeating: 0xEE, count: size)
        // Not a byte more than is asked for, so that one too far is seen.
        let scratch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: FrameUnpacker.scratch(packing, size), alignment: 16)
        defer { scratch.deallocate() }
        let payload = Array(input.rest)
        let isUnpacked = payload.withUnsafeBytes { payload in
            frame.withUnsafeMutableBytes { FrameUnpacker.unpack(payload, packing, into: $0, scratch: scratch) }
        }
        guard isUnpacked, packing == .raw else { return nil }
        return frame == payload ? nil : "a raw frame is another"
    }

    private static func checkFrame(_ input: inout FuzzInput) -> String? {
        // Few bytes, often repeated, as frames are.
        let repeats = 1 + Int(input.byte() & 7)
        let frame = Array(input.rest).flatMap { [UInt8](repeating: $0, count: repeats) }
        // A few bytes more than the packer may use, so that one too far is seen without a sanitizer too.
        let (guarded, mark) = (16, UInt8(0xA5))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count + guarded, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: mark)
        let output = UnsafeMutableRawBufferPointer(rebasing: memory[..<frame.count])
        let (packing, count) = frame.withUnsafeBytes { FramePacker().pack($0, into: output) }
        guard memory[frame.count...].allSatisfy({ $0 == mark }) else { return "\(packing) writes beyond its memory" }
        guard count <= frame.count else { return "a frame of \(frame.count) bytes became \(count)" }
        var again = [UInt8](repeating: 0xEE, count: frame.count)
        let scratch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: FrameUnpacker.scratch(packing, frame.count), alignment: 16)
        defer { scratch.deallocate() }
        let isUnpacked = again.withUnsafeMutableBytes {
            FrameUnpacker.unpack(
                UnsafeRawBufferPointer(rebasing: output[..<count]), packing, into: $0, scratch: scratch)
        }
        return isUnpacked && again == frame ? nil : "a frame packed as \(packing) came out another"
    }
}
