// RVT's rules for labels, against what its own `labels_and_ev_repr_timestamps` (uzh-rpg/RVT b80f568) returned for the
// same labels: results recorded here.

import Datasets
import Foundation
import Tensors
import Testing

@Suite struct RVTLabelsTests {
    struct Box {
        let time: UInt64
        let x, y, w, h: Float
        let classID: UInt8

        init(_ time: UInt64, _ x: Float, _ y: Float, _ w: Float, _ h: Float, _ classID: UInt8) {
            (self.time, self.x, self.y, self.w, self.h, self.classID) = (time, x, y, w, h, classID)
        }
    }

    private static let fields = "('x', '<f4'), ('y', '<f4'), ('w', '<f4'), ('h', '<f4'), ('class_id', '|u1')]"

    private func file(_ boxes: [Box], time: String = "t") throws -> LabelFile {
        var text =
            "{'descr': [('\(time)', '<u8'), \(Self.fields), 'fortran_order': False, 'shape': (\(boxes.count),), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
        for box in boxes { bytes += record(box) }
        return try LabelFile(bytes)
    }

    private func record(_ box: Box) -> [UInt8] {
        var bytes = withUnsafeBytes(of: box.time, Array.init)
        for value in [box.x, box.y, box.w, box.h] { bytes += withUnsafeBytes(of: value, Array.init) }
        return bytes + [box.classID]
    }

    struct Recorded: Sendable {
        let dataset: RVTRule.Dataset
        let times: [Int64]
        let frames: [Int64]
        let ends: [Int64]
        let windowOfFrame: [Int64]
    }

    static let recorded = [
        Recorded(dataset: .gen1, times: [99_999, 100_000], frames: [100_000], ends: [100_000], windowOfFrame: [0]),
        Recorded(dataset: .gen1, times: [120_000], frames: [120_000], ends: [70_000, 120_000], windowOfFrame: [1]),
        Recorded(
            dataset: .gen1, times: [223_456, 473_500, 720_001, 725_000, 974_000, 1_723_999],
            frames: [223_456, 473_500, 725_000, 974_000, 1_723_999],
            ends: [
                73456, 123456, 173456, 223456, 348478, 473500, 599250, 725000, 849500, 974000, 1_098_999, 1_223_999,
                1_348_999, 1_473_999, 1_598_999, 1_723_999,
            ], windowOfFrame: [3, 5, 7, 9, 15]),
        Recorded(
            dataset: .gen1, times: [150_000, 402_001, 651_999], frames: [150_000, 651_999],
            ends: [100_000, 150_000, 275_499, 400_999, 526_499, 651_999], windowOfFrame: [1, 5]),
        Recorded(
            dataset: .gen1, times: [375_000, 500_000, 625_000], frames: [375_000, 625_000],
            ends: [75_000, 125_000, 175_000, 225_000, 275_000, 325_000, 375_000, 500_000, 625_000],
            windowOfFrame: [6, 8]),
        Recorded(
            dataset: .gen4, times: (0..<14).map { 100_000 + 16_667 * $0 }, frames: [100_000, 200_002, 300_004],
            ends: [100_000, 150_001, 200_002, 250_003, 300_004], windowOfFrame: [0, 2, 4]),
        Recorded(
            dataset: .gen4, times: (1..<12).map { 33_333 * $0 }, frames: [133_332, 233_331, 333_330],
            ends: [83332, 133_332, 183_331, 233_331, 283_330, 333_330], windowOfFrame: [1, 3, 5]),
        Recorded(
            dataset: .gen4, times: [100_000, 116_666, 133_333, 150_000, 166_666, 183_333, 200_000, 216_666],
            frames: [100_000, 200_000], ends: [100_000, 150_000, 200_000], windowOfFrame: [0, 2]),
    ]

    @Test(arguments: recorded) func times(_ recorded: Recorded) throws {
        let times = try RVTTimes(recorded.times, recorded.dataset)
        #expect(times.frames == recorded.frames)
        #expect(times.windowEnds == recorded.ends)
        #expect(times.windowOfFrame == recorded.windowOfFrame)
    }

    /// RVT's script ends with an error at all of them.
    @Test(arguments: [
        (RVTRule.Dataset.gen1, [150_000, 152_000] as [Int64]), (.gen1, [50_000]), (.gen4, [150_000]),
        (.gen4, [150_000, 200_000]),
    ]) func timesThatAreNone(_ dataset: RVTRule.Dataset, _ times: [Int64]) {
        #expect(throws: RVTLabelsError.self) { try RVTTimes(times, dataset) }
    }

    @Test func timesFarApartTakeNoMemory() {
        #expect(throws: RVTLabelsError.self) { try RVTTimes([250_000, 250_000 << 40], .gen1) }
        #expect(throws: RVTLabelsError.self) { try RVTTimes([250_000 << 40], .gen1) }
    }

    /// The records in `labels.npz`, whose first member is the array.
    private func kept(_ boxes: [Box], _ rule: RVTRule) throws -> [UInt8] {
        let archive = try RVTLabels(file(boxes), rule).bytes(.labels)
        let nameLength = Int(archive[26])
        let size = archive.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 18, as: UInt32.self)) }
        let member = archive[(30 + nameLength)...].prefix(size)
        return Array(member.drop { $0 != 0x0A }.dropFirst())
    }

    @Test func boxesOfGen1() throws {
        let boxes = [
            Box(200_000, -20.5, 5, 41, 40, 0), Box(200_000, 5, -3, 12, 50, 1), Box(200_000, 0, 0, 280, 100, 0),
            Box(200_000, 250, 200, 100, 100, 1), Box(200_000, 1, 1, 18, 24, 0), Box(200_000, 1, 1, 18, 23, 0),
            Box(200_000, 1, 1, 9.5, 90, 0), Box(200_000, 310, 1, 50, 50, 0),
            Box(200_000, 10.25, 20.1, 30.7, 40.9, 0),
        ]
        let wide = Box(200_000, 0, 0, 280, 100, 0)
        let others = [
            Box(200_000, 0, 5, 20.5, 40, 0), Box(200_000, 5, 0, 12, 47, 1), Box(200_000, 250, 200, 53, 39, 1),
            Box(200_000, 1, 1, 18, 24, 0),
            Box(200_000, 10.25, 20.100000381469727, 30.700000762939453, 40.900001525878906, 0),
        ]
        #expect(try kept(boxes, RVTRule(.gen1, isTraining: true)) == others.flatMap(record))
        #expect(
            try kept(boxes, RVTRule(.gen1, isTraining: false))
                == (others[..<2] + [wide] + others[2...]).flatMap(record))
    }

    @Test func boxesOfGen4() throws {
        let boxes = [
            Box(200_000, 1200, 5, 100, 40, 2), Box(200_000, 5, 5, 100, 40, 3), Box(200_000, 1, 1, 1160, 40, 0),
            Box(200_000, 1, 1, 5, 5, 0), Box(200_000, 1, 1, 4.9, 50, 0), Box(216_667, 10.25, 700.5, 30.7, 40.9, 1),
            Box(233_333, 10, 10, 50, 50, 0), Box(300_000, 10, 10, 50, 50, 0),
        ]
        let wide = Box(200_000, 1, 1, 1160, 40, 0)
        let others = [
            Box(200_000, 1200, 5, 79, 40, 2), Box(200_000, 1, 1, 5, 5, 0), Box(300_000, 10, 10, 50, 50, 0),
        ]
        #expect(try kept(boxes, RVTRule(.gen4, isTraining: true)) == others.flatMap(record))
        #expect(
            try kept(boxes, RVTRule(.gen4, isTraining: false))
                == (others[..<1] + [wide] + others[1...]).flatMap(record))
        #expect(try RVTLabels(file(boxes), RVTRule(.gen4, isTraining: false)).firstLabels == [0, 3])
    }

    @Test func labelsThatAreNone() throws {
        let rule = RVTRule(.gen1, isTraining: false)
        func code(_ boxes: [Box]) throws -> RVTLabelsError.Code? {
            do {
                _ = try RVTLabels(file(boxes), rule)
                return nil
            } catch let error as RVTLabelsError { return error.code }
        }
        #expect(try code([]) == .noLabels)
        #expect(try code([Box(200_000, 1, 1, 3, 50, 0)]) == .noLabels)
        #expect(try code([Box(200_000, 1, 1, -3, 50, 0)]) == .unusable)
        #expect(try code([Box(200_000, 1, .nan, 50, 50, 0)]) == .unusable)
        #expect(try code([Box(200_000, 1, 1, 50, 50, 0), Box(199_999, 1, 1, 50, 50, 0)]) == .unusable)
        #expect(try code([Box(200_000, 1, 1, 50, 50, 0), Box(200_000, 1, 1, 50, 50, 0)]) == nil)
    }

    /// RVT's loader asks for `t`.
    @Test func theTimeIsCalledT() throws {
        let labels = try RVTLabels(
            file([Box(200_000, 1, 1, 50, 50, 0)], time: "ts"), RVTRule(.gen1, isTraining: false))
        let text = String(decoding: labels.bytes(.labels), as: UTF8.self)
        #expect(text.contains("('t', '<u8')") && !text.contains("'ts'"))
    }

    @Test func namesOfRepresentations() throws {
        let histogram = try #require(RVTRepresentation("stacked_histogram_dt=50_nbins=10"))
        #expect(histogram.preprocessing(.gen1) == "stacked_histogram,num_bins=10")
        #expect(histogram.preprocessing(.gen4) == "stacked_histogram,num_bins=10,downsample=2,sample=nearest")
        #expect(histogram.window(RVTRule(.gen1, isTraining: true)) == "50ms,at=rvt_gen1_train,closed=both")
        let stack = try #require(RVTRepresentation("mixeddensity_stack_ne=50000_nbins=10_cutoff=32"))
        #expect(stack.preprocessing(.gen1) == "mixed_density_stack,num_bins=10,count_cutoff=32")
        #expect(stack.window(RVTRule(.gen4, isTraining: false)) == "50000ev,at=rvt_gen4")
        #expect(RVTRepresentation.usual.allSatisfy { RVTRepresentation($0) != nil })
        for name in [
            "", "stacked_histogram", "stacked_histogram_", "stacked_histogram_dt=50", "stacked_histogram_dt=_nbins=10",
            "stacked_histogram_dt=-5_nbins=10", "stacked_histogram_dt=05_nbins=10", "stacked_histogram_nbins=10_dt=50",
            "stacked_histogram_dt=50_nbins=10_cutoff=10", "mixeddensity_stack_ne=50000_nbins=10",
            "stacked_histogram_dt=50_nbins=10_", "stacked_histogram_dt=99999999999999999999_nbins=10",
        ] {
            #expect(RVTRepresentation(name) == nil, "\(name)")
        }
    }
}
