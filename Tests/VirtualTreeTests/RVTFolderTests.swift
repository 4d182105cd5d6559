// Folders as RVT's preprocessing makes them. What is in their files is for DatasetsTests and Tests/Integration.

import Foundation
import Testing
import VirtualTree

@Suite struct RVTFolderTests {
    /// A `.npy` of boxes of 50x50 pixels at these times.
    private func labels(_ times: [UInt64], side: Float = 50) -> [UInt8] {
        let fields = "('t', '<u8'), ('x', '<f4'), ('y', '<f4'), ('w', '<f4'), ('h', '<f4')"
        var text = "{'descr': [\(fields)], 'fortran_order': False, 'shape': (\(times.count),), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
        for time in times {
            bytes += withUnsafeBytes(of: time, Array.init)
            for value in [10, 10, side, side] as [Float] { bytes += withUnsafeBytes(of: value, Array.init) }
        }
        return bytes
    }

    private func source() throws -> Source {
        let source = try Source()
        try source.write("data/train/a.raw", evt2(line(16, step: 20_000), geometry: "304x240"))
        try source.write("data/train/a_bbox.npy", labels([120_000, 370_500]))
        return source
    }

    private func tree(_ source: Source) throws -> VirtualFileSystem {
        try source.tree { $0.folders = [RVTFolder(name: "rvt", .gen1, path: "data")] }
    }

    private static let representation = "rvt/train/a/event_representations_v2/stacked_histogram_dt=50_nbins=10"

    @Test func names() throws {
        let tree = try tree(source())
        #expect(try tree.names("").contains("rvt"))
        #expect(try tree.names("rvt") == ["train"])
        #expect(try tree.names("rvt/train") == ["a"])
        #expect(try tree.names("rvt/train/a") == ["event_representations_v2", "labels_v2"])
        #expect(try tree.names("rvt/train/a/labels_v2") == ["labels.npz", "timestamps_us.npy"])
        #expect(
            try tree.names(Self.representation)
                == ["event_representations.h5", "timestamps_us.npy", "objframe_idx_2_repr_idx.npy"])
        for path in ["rvt/val", "rvt/train/b", "rvt/train/a/c", "rvt/train/a/labels_v2/c", Self.representation + "/c"] {
            #expect(tree.failure(path) == ENOENT, "\(path)")
        }
    }

    @Test func filesHaveTheSizesThatStatSays() throws {
        let tree = try tree(source())
        for path in [
            "rvt/train/a/labels_v2/labels.npz", "rvt/train/a/labels_v2/timestamps_us.npy",
            Self.representation + "/timestamps_us.npy", Self.representation + "/objframe_idx_2_repr_idx.npy",
        ] {
            #expect(try Int64(tree.bytes(path).count) == tree.walk(path).attributes.size, "\(path)")
        }
        let times = try tree.bytes(Self.representation + "/timestamps_us.npy").suffix(32)
        let expected = [70_000, 120_000, 245_250, 370_500].flatMap { time in
            withUnsafeBytes(of: Int64(time), Array.init)
        }
        #expect(Array(times) == expected)
    }

    @Test func theTensorIsTheMountsOwn() throws {
        let tree = try tree(source())
        let own = "stacked_histogram/50ms,at=rvt_gen1_train,closed=both/data/train/a.h5"
        #expect(try tree.link(Self.representation + "/event_representations.h5") == "../../../../../" + own)
        // Four frames of 20 channels.
        #expect(try tree.walk(own).attributes.size > 4 * 20 * 240 * 304)
    }

    /// No label is left, times fall, no file of labels, no recording, a recording of another size.
    @Test func sequencesThatRVTMakesNothingOf() throws {
        let source = try source()
        let recording = evt2(line(16, step: 20_000), geometry: "304x240")
        for name in ["small", "falling", "none"] { try source.write("data/train/\(name).raw", recording) }
        try source.write("data/train/other.raw", evt2(line(16, step: 20_000)))
        try source.write("data/train/small_bbox.npy", labels([120_000], side: 9))
        try source.write("data/train/falling_bbox.npy", labels([370_000, 120_000]))
        try source.write("data/train/none_bbox.npy", Array("no numpy".utf8))
        try source.write("data/train/other_bbox.npy", labels([120_000]))
        try source.write("data/train/alone_bbox.npy", labels([120_000]))
        let tree = try tree(source)
        #expect(try tree.names("rvt/train") == ["a"])
        for name in ["small", "falling", "none", "other", "alone"] {
            #expect(tree.failure("rvt/train/\(name)") == ENOENT, "\(name)")
        }
    }
}
