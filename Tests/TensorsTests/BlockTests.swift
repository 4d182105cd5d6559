// Small frames kept together: each is what it is alone, whether its events were gathered for all of them or not.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct BlockTests {
    private func blocks(_ plan: TensorPlan) throws -> [[UInt8]] {
        try (0..<plan.blocks.count).map { block in
            var kept = [UInt8](repeating: 0xA5, count: plan.blocks.byteCount)
            try kept.withUnsafeMutableBytes { try plan.renderKept(block: block, into: $0) }
            return kept
        }
    }

    private func frames(_ plan: TensorPlan) throws -> [UInt8] {
        try (0..<plan.frameCount).flatMap { frame in
            var kept = [UInt8](repeating: 0xA5, count: plan.keptBytes)
            try kept.withUnsafeMutableBytes { try plan.renderKept(frame: frame, into: $0) }
            return kept
        }
    }

    /// EVT2 words of `events`, whose times rise.
    private func evt2(_ events: [Event]) -> [UInt8] {
        var bytes = Array("% evt 2.0\n% geometry 64x64\n% end\n".utf8)
        var high: Int64 = -1
        func put(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { bytes += Array($0) } }
        for event in events {
            if event.t >> 6 != high {
                high = event.t >> 6
                put(8 << 28 | UInt32(high))
            }
            put(UInt32(event.polarity) << 28 | UInt32(event.t & 63) << 22 | UInt32(event.x) << 11 | UInt32(event.y))
        }
        return bytes
    }

    @Test(arguments: [
        "7us", "1ms", "50ms", "3ev", "40ev", "1ms,start_ts=3ms,max_duration=20ms",
        "7us,stride=2us", "5ms,stride=1ms", "1ms,stride=40ms", "40ev,stride=3", "3ev,stride=40", "700parts",
        "5ev,max_period=300us",
    ])
    func blocksHoldTheirFrames(_ window: String) throws {
        let geometry = Geometry(width: 64, height: 64)
        let events = randomEvents(2000, in: geometry, until: window.hasPrefix("7us") ? 3000 : 150_000, seed: 4)
        let path = NSTemporaryDirectory() + "evh5-blocks-\(UUID().uuidString).raw"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(evt2(events)).write(to: URL(fileURLWithPath: path))
        let recording = try Recording(path: path)
        let index = try TimeIndex.build(recording)
        for name in PreprocessingRegistry.standard.names {
            for scale in [16, 64] {
                let spec = try TensorSpec(preprocessing: "\(name),downsample=\(scale)", window: window)
                let plan = try TensorPlan(spec: spec, recording: recording, index: index)
                let blocks = plan.blocks
                guard plan.frameCount > 0 else { continue }
                #expect(blocks.length >= 1 && blocks.length * plan.keptBytes == blocks.byteCount)
                #expect(blocks.length == 1 || blocks.byteCount <= 4096 && blocks.byteCount > 2048)
                #expect(blocks.frames(of: blocks.count - 1).upperBound == plan.frameCount)
                let kept = try self.blocks(plan).flatMap { $0 }
                let alone = try frames(plan)
                #expect(Array(kept.prefix(alone.count)) == alone, "\(spec.preprocessingText) \(window)")
                #expect(kept.dropFirst(alone.count).allSatisfy { $0 == 0 })
            }
        }
    }

    /// Where time runs backwards the events of a frame are those with its times, in file order.
    @Test(arguments: ["50us", "50us,stride=10us", "50us,stride=70us", "60parts", "9ev,stride=4", "9ev,max_period=40us"])
    func blocksOfRecordingsThatRunBackwards(_ window: String) throws {
        let geometry = Geometry(width: 64, height: 64)
        let events = randomEvents(3000, in: geometry, until: 5000, seed: 14).enumerated().map { i, event in
            var event = event
            if i > 0, i % 17 < 3 { event.t = max(0, event.t - 45) }
            return event
        }
        let path = NSTemporaryDirectory() + "evh5-blocks-\(UUID().uuidString).raw"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(evt2(events)).write(to: URL(fileURLWithPath: path))
        let recording = try Recording(path: path)
        let index = try TimeIndex.build(recording)
        for name in ["timesurface", "diff", "event_cube"] {
            let spec = try TensorSpec(preprocessing: "\(name),downsample=64", window: window)
            let plan = try TensorPlan(spec: spec, recording: recording, index: index)
            let alone = try frames(plan)
            #expect(plan.blocks.length > 50 && plan.frameCount > 50)
            #expect(try Array(blocks(plan).flatMap { $0 }.prefix(alone.count)) == alone)
        }
    }

    @Test func blocksOfDenseRecordingsHoldTheirFrames() throws {
        // Segments with more events than are gathered, of which a block has a part.
        let geometry = Geometry(width: 64, height: 64)
        let path = NSTemporaryDirectory() + "evh5-blocks-\(UUID().uuidString).raw"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(evt2(randomEvents(150_000, in: geometry, until: 2500, seed: 9))).write(to: URL(fileURLWithPath: path))
        let recording = try Recording(path: path)
        let index = try TimeIndex.build(recording)
        let spec = try TensorSpec(preprocessing: "diff,downsample=64", window: "1us")
        let plan = try TensorPlan(spec: spec, recording: recording, index: index)
        #expect(plan.blocks.length > 500)
        let reader = EventReader(recording, index)
        #expect((0..<4).contains { reader.mostEvents(in: 512 * $0..<512 * ($0 + 1)) > 1 << 15 })
        #expect(Array(try blocks(plan).flatMap { $0 }.prefix(plan.frameCount * plan.keptBytes)) == (try frames(plan)))
    }

    @Test func largeFramesAreKeptAlone() throws {
        let geometry = Geometry(width: 64, height: 48)
        let plan = try plan("histo", "1ms", geometry, randomEvents(5000, in: geometry, until: 5000, seed: 3))
        #expect(plan.blocks.length == 1 && plan.blocks.count == plan.frameCount)
        #expect(plan.blocks.byteCount == plan.keptBytes)
    }

    @Test func whatIsNoBlockIsRefused() throws {
        let geometry = Geometry(width: 16, height: 16)
        let plan = try plan("diff", "1ms", geometry, randomEvents(500, in: geometry, until: 50_000, seed: 3))
        let bytes = plan.blocks.byteCount
        for (block, count) in [(-1, bytes), (plan.blocks.count, bytes), (0, bytes - 1), (.max, bytes)] {
            var memory = [UInt8](repeating: 0, count: count)
            #expect(throws: TensorError.self) {
                try memory.withUnsafeMutableBytes { try plan.renderKept(block: block, into: $0) }
            }
        }
    }
}
