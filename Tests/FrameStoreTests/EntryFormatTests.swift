// The bytes of an entry, written out by hand: whoever changes the format must raise its version, and then these.

import Foundation
import FrameStore
import Testing

@Suite struct EntryFormatTests {
    private static let key = "golden\nhisto/50ms\n"
    private static let name = "61c73d90a2050ff03b370c8bca9259c4"

    private func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }

    private func hex(_ text: String) -> [UInt8] {
        stride(from: 0, to: text.count, by: 2).compactMap { UInt8(text.dropFirst($0).prefix(2), radix: 16) }
    }

    /// A header of version 2; hashes as `xxhsum -H3` prints them.
    private func entry(
        packing: UInt32, frameBytes: Int, payload: [UInt8], payloadHash: String, frame: Int, hash: String
    )
        -> [UInt8]
    {
        var bytes = Array("evh5fram".utf8) + number(UInt32(2)) + number(packing)
        bytes += number(UInt64(frameBytes)) + number(UInt64(payload.count)) + hex(payloadHash).reversed()
        bytes += number(UInt64(frame)) + number(UInt32(18)) + [0, 0, 0, 0]
        bytes += hex(hash).reversed() + Array(EntryFormatTests.key.utf8)
        return bytes + payload
    }

    /// 1024 words of which none repeats.
    private var noise: [UInt8] { (0..<1024).flatMap { number(UInt32($0) &* 2_654_435_761) } }
    private var rawEntry: [UInt8] {
        entry(
            packing: 0, frameBytes: 4096, payload: noise, payloadHash: "23be58b494372cb5", frame: 3,
            hash: "70bfbacf692e03b3")
    }

    /// 1024 words of two values, in LZ4's block format: a token for literals, one for a match of the byte before.
    /// https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
    private var nibbleEntry: [UInt8] {
        let table = number(UInt32(2)) + number(Float(0).bitPattern) + number(Float(0.2).bitPattern)
        // 512 bytes of 0x10: one literal, a match of 506 from 1 back (4 + 15 + 255 + 232), and 5 last literals.
        let block: [UInt8] = [0x1F, 0x10, 1, 0, 255, 232, 0x50, 0x10, 0x10, 0x10, 0x10, 0x10]
        return entry(
            packing: 2, frameBytes: 4096, payload: table + block, payloadHash: "a2ad0999082d2ae2", frame: 4,
            hash: "5b1afbd20bf850a1")
    }

    /// 4096 bytes, 0 and 1 in turn.
    private var halvesEntry: [UInt8] {
        // 2048 bytes of 0x10: one literal, a match of 2042 from 1 back (4 + 15 + 7 * 255 + 238), and 5 last literals.
        let block: [UInt8] =
            [0x1F, 0x10, 1, 0] + [UInt8](repeating: 255, count: 7) + [238, 0x50, 0x10, 0x10, 0x10, 0x10, 0x10]
        return entry(
            packing: 4, frameBytes: 4096, payload: block, payloadHash: "79071beba353a74b", frame: 5,
            hash: "b7b4e47d19f3910f")
    }

    @Test func rawEntriesAreWrittenLikeThis() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path, key: EntryFormatTests.key)
        _ = try daemon.store.frame(FrameKey(tensor: 1, frame: 3), byteCount: 4096, cached: daemon.key) {
            [noise] memory in
            noise.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        #expect(daemon.settle())
        #expect(folder.entries == [folder.path + "/frames/c7/" + EntryFormatTests.name + "-3"])
        #expect(try contents(#require(folder.entries.first)) == rawEntry)
    }

    @Test func packedEntriesAreReadLikeThis() throws {
        let folder = try TemporaryFolder()
        let place = folder.path + "/frames/c8"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try write(nibbleEntry, to: place + "/" + EntryFormatTests.name + "-4")
        let daemon = Daemon(folder.path, key: EntryFormatTests.key)
        let frame = try daemon.store.frame(FrameKey(tensor: 1, frame: 4), byteCount: 4096, cached: daemon.key) { _ in }
        #expect(daemon.computed == 0 && daemon.figures.hits == 1)
        #expect(frame.bytes.elementsEqual((0..<1024).flatMap { number(Float($0 % 2 == 0 ? 0 : 0.2).bitPattern) }))
    }

    @Test func halvesAreWrittenAndReadLikeThis() throws {
        let folder = try TemporaryFolder()
        let frame = (0..<4096).map { UInt8($0 % 2) }
        let writer = Daemon(folder.path, key: EntryFormatTests.key)
        _ = try writer.store.frame(FrameKey(tensor: 1, frame: 5), byteCount: 4096, cached: writer.key) { memory in
            frame.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        #expect(writer.settle())
        #expect(folder.entries == [folder.path + "/frames/c9/" + EntryFormatTests.name + "-5"])
        #expect(try contents(#require(folder.entries.first)) == halvesEntry)
        let reader = Daemon(folder.path, key: EntryFormatTests.key)
        let read = try reader.store.frame(FrameKey(tensor: 1, frame: 5), byteCount: 4096, cached: reader.key) { _ in }
        #expect(reader.computed == 0 && read.bytes.elementsEqual(frame))
    }

    @Test func aPayloadThatNobodyWroteIsRefused() throws {
        // An index beyond the table, an endless match, a table beyond the payload: right checksums, wrong content.
        let folder = try TemporaryFolder()
        for (payload, hash, head) in [([2, 0, 0, 0, 0, 0, 0, 0], "2086c65c91eee243", "3df0baf6a0cc585a")]
            as [([UInt8], String, String)]
        {
            let place = folder.path + "/frames/c8"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let bytes = entry(packing: 2, frameBytes: 4096, payload: payload, payloadHash: hash, frame: 4, hash: head)
            try write(bytes, to: place + "/" + EntryFormatTests.name + "-4")
            let daemon = Daemon(folder.path, key: EntryFormatTests.key)
            _ = try daemon.store.frame(FrameKey(tensor: 1, frame: 4), byteCount: 4096, cached: daemon.key) { memory in
                memory.initializeMemory(as: UInt8.self, repeating: 9)
            }
            #expect(daemon.computed == 1 && daemon.figures.corrupt == 1)
        }
    }
}
