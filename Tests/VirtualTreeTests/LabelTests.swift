// Label files: cut and re-timed as the frames are.

import Foundation
import Testing
import VirtualTree

@Suite struct LabelTests {
    /// A `.npy` of records (time as u8, class as u1) as numpy writes it.
    private func npy(_ records: [(t: UInt64, kind: UInt8)], field: String = "ts") -> [UInt8] {
        var text =
            "{'descr': [('\(field)', '<u8'), ('class_id', '|u1')], 'fortran_order': False, 'shape': (\(records.count),), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
        for (t, kind) in records { bytes += (0..<8).map { UInt8(truncatingIfNeeded: t >> (8 * $0)) } + [kind] }
        return bytes
    }

    private func source() throws -> Source {
        let source = try Source()
        try source.write("a.raw", evt2(line(16, step: 20_000)))
        try source.write("a_bbox.npy", npy((0..<8).map { (t: UInt64($0) * 50_000, kind: UInt8($0)) }))
        return source
    }

    @Test func unchangedWithoutStartAndDuration() throws {
        let source = try source()
        let tree = try source.tree()
        #expect(
            try tree.bytes("histo/50ms/a_bbox.npy")
                == Array(Data(contentsOf: URL(fileURLWithPath: source.path + "/a_bbox.npy"))))
    }

    @Test func cutAndRetimedByStart() throws {
        let tree = try source().tree()
        let path = "histo/50ms,start_ts=100ms/a_bbox.npy"
        let expected = npy((2..<8).map { (t: UInt64($0 - 2) * 50_000, kind: UInt8($0)) })
        #expect(try tree.bytes(path) == expected)
        #expect(try tree.walk(path).attributes.size == Int64(expected.count))
        #expect(try tree.names("histo/50ms,start_ts=100ms") == ["a.h5", "a_bbox.npy"])
    }

    @Test(arguments: ["t", "ts"]) func cutToParts(_ field: String) throws {
        let source = try source()
        try source.write("a_bbox.npy", npy((0..<8).map { (t: UInt64($0) * 50_000, kind: UInt8($0)) }, field: field))
        let tree = try source.tree()
        let folder = "histo/50ms,max_duration=100ms,start_ts=50ms"
        // The last event is 250 ms after the start: 5 frames, 3 parts.
        #expect(
            try tree.names(folder) == ["a_0.h5", "a_0_bbox.npy", "a_1.h5", "a_1_bbox.npy", "a_2.h5", "a_2_bbox.npy"])
        #expect(
            try tree.bytes(folder + "/a_1_bbox.npy") == npy([(t: 0, kind: 3), (t: 50_000, kind: 4)], field: field))
        #expect(tree.failure(folder + "/a_bbox.npy") == ENOENT)
        #expect(tree.failure(folder + "/a_3_bbox.npy") == ENOENT)
        #expect(tree.failure(folder + "/a_3.h5") == ENOENT)
    }

    @Test func aFileThatCannotBeCutSaysSo() throws {
        let source = try source()
        try source.write("b_bbox.npy", Array("no numpy".utf8))
        let tree = try source.tree()
        #expect(try tree.bytes("histo/50ms/b_bbox.npy") == Array("no numpy".utf8))
        #expect(tree.failure("histo/50ms,start_ts=1ms/b_bbox.npy") == EIO)
        #expect(try tree.names("histo/50ms,start_ts=1ms") == ["a.h5", "a_bbox.npy", "b_bbox.npy"])
    }
}
