// The bytes of a store, taken apart by hand as their tables say: whoever changes the format must raise its version, and
// then these.

import CXXHash
import Foundation
import SidecarFixture
import SidecarStore
import Testing

@Suite struct FormatTests {
    private struct Fields {
        let bytes: [UInt8]
        var position = 0

        mutating func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
            defer { position += MemoryLayout<T>.size }
            return bytes.withUnsafeBytes {
                T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: type))
            }
        }

        mutating func take(_ count: Int) -> [UInt8] {
            defer { position += count }
            return Array(bytes[position..<position + count])
        }
    }

    private func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        Array(bytes).withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
    }

    private func json(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    /// A sidecar of two states and a torn session.
    private func sidecar() throws -> (Place, folder: String, size: Int64) {
        let place = try Place()
        let base = try place.base()
        let store = place.store()
        var model = FileModel(base.layout)
        try store.session(base, model.change([.write(base.layout.size, pattern(100, 1))]))
        try store.session(base, model.change([.write(base.layout.size + 10, pattern(20, 2))]))
        let writer = try store.openForWriting(base)
        let end = Int64(model.bytes.count)
        try writer.apply([
            .write(end, pattern(30, 1)), .write(end + 30, pattern(10, 2)), .write(end + 5, pattern(10, 3)),
            .write(end + 100, pattern(7, 4)), .size(end + 50), .write(end + 50, pattern(3, 5)),
        ])
        writer.rollBack("as a test")
        writer.close()
        return (place, try place.sidecar(), base.layout.size)
    }

    private static let infoKeys: Set<String> = [
        "committedAt", "fingerprint", "key", "layout", "programVersion", "recording", "skeletonDigest",
        "tensorVersion",
    ]

    @Test func commitFilesAreWrittenLikeThis() throws {
        let (place, folder, size) = try sidecar()
        let base = try place.base()
        var file = Fields(bytes: try contents(folder + "/current"))
        #expect(try file.bytes == contents(folder + "/commits/2"))
        #expect(file.take(8) == Array("evh5side".utf8))
        #expect(file.number(UInt32.self) == 1)
        let jsonBytes = Int(file.number(UInt32.self))
        #expect(file.number(UInt64.self) == 2)
        #expect(file.number(UInt32.self) == 2)
        #expect(file.number(UInt32.self) == 0)
        let extents = Int(file.number(UInt64.self))
        #expect(file.number(Int64.self) == size + 100)
        let extentHash = file.number(UInt64.self)
        #expect(file.position == 56)

        let info = try json(file.take(jsonBytes))
        #expect(Set(info.keys) == FormatTests.infoKeys)
        #expect(
            info["key"] as? [String: String] == [
                "recordingPath": place.recording, "preprocessing": "histo", "window": "50ms",
            ])
        #expect(
            Set((info["recording"] as? [String: Any] ?? [:]).keys) == [
                "device", "inode", "size", "modified", "headerDigest",
            ])
        let fingerprint = try #require(info["fingerprint"] as? [String: UInt64])
        #expect(fingerprint == ["bytes": 65536, "hash": hash(try contents(place.recording).prefix(65536))])
        let layout = try #require(info["layout"] as? [String: Any])
        #expect(
            Set(layout.keys) == [
                "dataOffset", "frameBytes", "frameCount", "tailOffset", "hasLastTimestamps", "frameShape",
                "elementType",
            ])
        #expect(layout["elementType"] as? String == "float32" && layout["dataOffset"] as? Int == 4096)
        #expect(info["skeletonDigest"] as? UInt64 == hash(base.layout.head + base.layout.tail))
        #expect(info["tensorVersion"] as? Int == 1 && info["programVersion"] as? String == "1.0")

        // Data files: what was not the file's before is in the second.
        let data = try [1, 2].map { try contents("\(folder)/data/\($0)") }
        for (number, bytes) in zip([1, 2], data) {
            #expect(file.number(UInt64.self) == UInt64(number))
            #expect(file.number(UInt64.self) == UInt64(bytes.count))
            #expect(file.number(UInt64.self) == hash(bytes))
        }
        let headHash = file.bytes.prefix(file.position)
        #expect(file.number(UInt64.self) == hash(headHash))
        #expect(hash(file.bytes[file.position...]) == extentHash)
        #expect(file.bytes.count == file.position + extents * 32)

        var shown = [UInt8](repeating: 0, count: Int(size) + 100)
        var last: UInt64 = 0
        for _ in 0..<extents {
            let (start, length) = (file.number(UInt64.self), file.number(UInt64.self))
            let (number, offset) = (file.number(UInt64.self), file.number(UInt64.self))
            #expect(start >= last && length > 0)
            last = start + length
            shown.replaceSubrange(
                Int(start)..<Int(last), with: data[Int(number) - 1][Int(offset)..<Int(offset + length)])
        }
        #expect(try shown == place.store().model(base)?.bytes)
        #expect(data[1].count == 28)
    }

    @Test func journalsAreWrittenLikeThis() throws {
        let (place, folder, size) = try sidecar()
        let end = size + 100
        let torn = folder + "/torn/" + (try #require(names(folder + "/torn").first))
        #expect(names(torn) == ["base.json", "data", "map", "reason.txt"])
        var file = Fields(bytes: try contents(torn + "/map"))
        #expect(file.take(8) == Array("evh5map\0".utf8))
        #expect(file.number(UInt32.self) == 1)
        #expect(file.number(UInt32.self) == 0)
        var records: [[UInt64]] = []
        while file.position < file.bytes.count {
            let word = file.number(UInt64.self)
            records.append([word >> 56, word & (1 << 56 - 1), file.number(UInt64.self)])
        }
        let tailPlace = UInt64(end)
        #expect(
            records == [
                [1, tailPlace, 0], [1, tailPlace + 100, 40], [2, tailPlace + 50, 47], [1, tailPlace + 50, 47],
            ])
        var expected = pattern(30, 1) + pattern(10, 2)
        expected.replaceSubrange(5..<15, with: pattern(10, 3))
        #expect(try contents(torn + "/data") == expected + pattern(7, 4) + pattern(3, 5))
        #expect(try contents(torn + "/reason.txt") == Array("as a test\n".utf8))

        let header = try json(contents(torn + "/base.json"))
        #expect(
            Set(header.keys) == [
                "version", "commit", "base", "startedAt", "host", "process", "info", "carriesOver", "skeletonBytes",
                "skeletonRecords",
            ])
        #expect(header["version"] as? Int == 1 && header["commit"] as? Int == 3 && header["base"] as? Int == 2)
        #expect(Set((header["info"] as? [String: Any] ?? [:]).keys) == FormatTests.infoKeys)
        _ = place
    }

    @Test func newerFormatsAreRefusedAndLeftAlone() throws {
        let (place, folder, _) = try sidecar()
        var bytes = try contents(folder + "/current")
        bytes[8] = 2
        // In place, so that it stays one file with two names.
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/current"))
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
        let before = tree(place.directory)
        let base = try place.base()
        for body in [
            { _ = try place.store().snapshot(base) }, { _ = try place.store().openForWriting(base) },
        ] {
            let error = try #require(try failure(body))
            #expect(error.code == .unknownVersion && error.errno == EIO)
            #expect(error.message.contains("has the format version 2, this evh5 knows versions up to 1"))
        }
        #expect(place.maintenance.verify(try place.maintenance.list()[0]).problems.count == 2)
        let after = tree(place.directory)
        #expect(after.filter { !$0.key.hasSuffix("/lock") } == before.filter { !$0.key.hasSuffix("/lock") })
    }

    @Test func storesOfVersion1CanBeRead() throws {
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/store-1"
        let folder = try TemporaryFolder()
        let directory = folder.path + "/store"
        try FileManager.default.copyItem(atPath: fixture, toPath: directory)
        let base = try StoreFixture.base()
        let readOnly = SidecarStore(directory: directory, readOnly: true, helper: FixtureHelper()) { _ in }
        // Checksums of what a script put together from these files by the tables of the format.
        let model = try #require(try readOnly.model(base))
        #expect(model.bytes.count == 9084 && hash(model.bytes) == 0xef66_89c4_c539_39f5)
        let maintenance = SidecarMaintenance(directory: directory, helper: FixtureHelper())
        let entries = try maintenance.list()
        #expect(entries.map(\.key?.part) == [nil, 1] && entries.map(\.problem) == [nil, nil])
        #expect(entries.map { maintenance.verify($0).problems } == [[], []])
        #expect(entries[0].commits.map(\.commit) == [1, 2] && entries[1].removed?.reason == "it was removed")
        #expect(try hash(FileModel(maintenance.open(entries[0], .commit(1))).bytes) == 0xb7a7_38b7_caa1_747e)
        #expect(entries[0].torn.map(\.reason) == ["as a fixture"])
        let torn = try FileModel(maintenance.open(entries[0], .torn(entries[0].torn[0].name)))
        #expect(torn.bytes.count == 7110 && hash(torn.bytes) == 0x94bd_1a24_4377_e3d6)
        #expect(try hash(FileModel(maintenance.open(entries[1], .current)).bytes) == 0x3b2f_963c_f1c4_c3e2)
        // And written to.
        let store = SidecarStore(directory: directory, readOnly: false, helper: FixtureHelper()) { _ in }
        var next = model
        try store.session(base, next.change([.write(8000, [1, 2, 3])]))
        #expect(try store.model(base) == next)
        _ = try maintenance.restore(entries[1])
        #expect(try maintenance.list().count == 2)
    }
}
