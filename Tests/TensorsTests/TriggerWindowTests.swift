// Windows at external triggers of a recording, on two channels.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct TriggerWindowTests {
    private struct Collector: EventSink {
        var events: [Event] = []
        mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
            events.append(Event(x: x, y: y, polarity: polarity, t: t))
        }
    }

    /// A recording of EVT2 with triggers on channels 0 and 6 among its events.
    private func recording(_ body: (Recording, TimeIndex, [Event], [Trigger]) throws -> Void) throws {
        var random = SplitMix(seed: 21)
        var bytes = Array("% evt 2.0\n% geometry 64x64\n% end\n".utf8)
        func put(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { bytes += Array($0) } }
        var triggers: [Trigger] = []
        var t: Int64 = 64
        var high: Int64 = -1
        for _ in 0..<20_000 {
            if t >> 6 != high {
                high = t >> 6
                put(8 << 28 | UInt32(high))
            }
            let low = UInt32(t & 63) << 22
            let kind = Int.random(in: 0..<500, using: &random)
            if kind < 6 {
                let (channel, edge) = (kind < 3 ? 0 : 6, Int.random(in: 0...1, using: &random))
                put(10 << 28 | low | UInt32(channel) << 8 | UInt32(edge))
                // The time shift is that of the first time high word.
                triggers.append(Trigger(t: t - 64, id: Int16(channel), p: Int16(edge)))
            } else {
                let place = UInt32.random(in: 0..<1 << 12, using: &random)
                put(UInt32(kind & 1) << 28 | low | (place & 63) << 11 | place >> 6)
            }
            t += Int64(Int.random(in: 0..<6, using: &random))
        }
        let path = NSTemporaryDirectory() + "evh5-triggers-\(UUID().uuidString).raw"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let recording = try Recording(path: path)
        let index = try TimeIndex.build(recording)
        var collector = Collector()
        try EventReader(recording, index).events(in: Int64.min..<Int64.max, into: &collector)
        try body(recording, index, collector.events, triggers)
    }

    @Test func windowsAreAtTheTriggersOfTheirChannel() throws {
        try recording { recording, index, events, triggers in
            for (channel, edge, polarity) in [
                (0, "", 1), (0, ",edge=falling", 0), (6, "", 1), (6, ",edge=both", nil), (3, "", 1),
            ] as [(Int16, String, Int16?)] {
                let times = triggers.filter { $0.id == channel && (polarity ?? $0.p) == $0.p }.map(\.t)
                #expect(times.isEmpty == (channel == 3))
                let spec = try TensorSpec(
                    preprocessing: "event_cube", window: "200us,at=trigger\(channel)\(edge),closed=both")
                let plan = try TensorPlan(spec: spec, recording: recording, index: index)
                #expect(plan.frameCount == times.count)
                #expect(try plan.starts(0..<times.count) == times.map { $0 - 200 })
                #expect(try plan.ends(0..<times.count) == times)
                for (frame, time) in times.enumerated() {
                    let inside = events.filter { (time - 200...time).contains($0.t) }
                    let own = try #require(
                        try? TensorPlan(
                            spec: TensorSpec(preprocessing: "event_cube", window: "200us,at=x,closed=both"),
                            geometry: recording.geometry, totals: EventTotals(inside), source: .array(inside),
                            times: WindowTimes([time])))
                    #expect(try plan.bytes(frame) == own.bytes(0))
                }
                let between = try TensorPlan(
                    spec: TensorSpec(preprocessing: "histo", window: "between=trigger\(channel)\(edge)"),
                    recording: recording, index: index)
                #expect(try between.starts(0..<between.frameCount) == Array(times.dropLast()))
                #expect(try between.ends(0..<between.frameCount) == Array(times.dropFirst()))
                let counted = try TensorPlan(
                    spec: TensorSpec(preprocessing: "timesurface", window: "50ev,at=trigger\(channel)\(edge)"),
                    recording: recording, index: index)
                #expect(counted.frameCount == times.count)
                for (frame, time) in times.enumerated() {
                    let before = Array(events.prefix { $0.t <= time }.suffix(50))
                    #expect(
                        try counted.starts(frame..<frame + 1) == [before.first?.t ?? time])
                    #expect(try counted.ends(frame..<frame + 1) == [time])
                }
            }
        }
    }

    /// Small frames are kept together, also where they overlap or lie far from each other.
    @Test func blocksHoldTheirFrames() throws {
        try recording { recording, index, _, _ in
            for window in [
                "2ms,at=trigger0", "100us,at=trigger6,edge=both", "between=trigger0", "50ev,at=trigger6",
                "3ev,at=trigger0,edge=both",
            ] {
                for name in PreprocessingRegistry.standard.names {
                    let spec = try TensorSpec(preprocessing: "\(name),downsample=64", window: window)
                    let plan = try TensorPlan(spec: spec, recording: recording, index: index)
                    let blocks = plan.blocks
                    #expect(plan.frameCount > 20 && blocks.length > 20)
                    for block in 0..<blocks.count {
                        var kept = [UInt8](repeating: 0xA5, count: blocks.byteCount)
                        try kept.withUnsafeMutableBytes { try plan.renderKept(block: block, into: $0) }
                        for (place, frame) in blocks.frames(of: block).enumerated() {
                            var alone = [UInt8](repeating: 0x5A, count: plan.keptBytes)
                            try alone.withUnsafeMutableBytes { try plan.renderKept(frame: frame, into: $0) }
                            #expect(Array(kept[place * plan.keptBytes..<(place + 1) * plan.keptBytes]) == alone)
                        }
                    }
                }
            }
        }
    }
}
