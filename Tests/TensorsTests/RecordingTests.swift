// Plans of recordings, decoded straight into the kernels, against plans of the same events in memory.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

private struct Collector: EventSink {
    var events: [Event] = []
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        events.append(Event(x: x, y: y, polarity: polarity, t: t))
    }
}

@Suite struct RecordingTests {
    private func compare(_ path: String, _ geometry: Geometry?, periods: [String], counts: [String]) throws {
        let recording = try Recording(path: path, geometry: geometry)
        let index = try TimeIndex.build(recording)
        var collector = Collector()
        try EventReader(recording, index).events(in: Int64.min..<Int64.max, into: &collector)
        let events = collector.events
        #expect(Int64(events.count) == index.eventCount)
        for name in PreprocessingRegistry.standard.names {
            for suffix in ["", ",downsample=4"] {
                for window in periods + counts {
                    let spec = try TensorSpec(preprocessing: name + suffix, window: window)
                    // Events in memory have none before their window.
                    if spec.preprocessing.lookBack > 0 { continue }
                    let parts = try TensorPlan.partCount(spec, index)
                    #expect(try parts == TensorPlan.partCount(spec, EventTotals(events)))
                    for part in Set([0, parts - 1]) {
                        let read = try TensorPlan(spec: spec, recording: recording, index: index, part: part)
                        let held = try plan(name + suffix, window, recording.geometry, events, part: part)
                        #expect(read.frameCount == held.frameCount)
                        guard read.frameCount > 0 else { continue }
                        for frame in Set([0, read.frameCount / 2, read.frameCount - 1]) {
                            #expect(
                                try read.bytes(frame) == held.bytes(frame),
                                "\(name)\(suffix) \(window) part \(part) frame \(frame)")
                        }
                        let frames = 0..<min(20, read.frameCount)
                        #expect(try read.lastTimestamps(frames) == held.lastTimestamps(frames))
                        #expect(
                            try read.starts(frames) == held.starts(frames) && read.ends(frames) == held.ends(frames))
                    }
                }
            }
        }
    }

    @Test(
        .enabled(if: sharedFolder != nil, "needs ../shared or EVH5_SHARED"),
        arguments: [
            ("real_evt2.raw", nil), ("real_evt3.raw", nil), ("real_td.dat", Geometry(width: 78, height: 42)),
        ] as [(String, Geometry?)])
    func realRecordings(_ name: String, _ geometry: Geometry?) throws {
        let shared = try #require(sharedFolder)
        try compare(
            shared + "/recordings/" + name, geometry,
            periods: [
                "50ms", "7ms,start_ts=3ms,max_duration=28ms", "20ms,stride=7ms", "20ms,max_duration=21ms,stride=7ms",
                "9parts", "9parts,start_ts=7ms",
            ],
            counts: [
                "1000ev", "500ev,start_ts=5ms,max_duration=20ms", "1000ev,stride=300", "1000ev,max_period=3ms",
                "100ev,max_duration=20ms,max_period=2ms,start_ts=5ms",
            ])
    }

    /// EVT2.1 words, put together here: 32 pixels in one word, often the same ones, so that the counters saturate lane
    /// by lane.
    @Test func vectorsOf32Pixels() throws {
        var random = SplitMix(seed: 3)
        var words: [UInt64] = [8 << 60]
        for i in 0..<20_000 {
            let time = UInt64(i / 4)
            if i % 256 == 0 { words.append(8 << 60 | (time >> 6) << 32) }
            let x = UInt64.random(in: 0..<4, using: &random) == 0 ? 16 : 32 * UInt64.random(in: 0..<3, using: &random)
            let y = UInt64.random(in: 0..<(i % 3 == 0 ? 40 : 2), using: &random)
            let mask = UInt64(UInt32.random(in: 1...UInt32.max, using: &random) & (x == 64 ? 0xFF_FFFF : UInt32.max))
            words.append(UInt64(i % 5 == 0 ? 0 : 1) << 60 | (time & 63) << 54 | x << 43 | y << 32 | max(mask, 1))
        }
        var file = Data("% evt 2.1\n% format EVT21;height=40;width=88;endianness=little\n% system_ID 60\n% end\n".utf8)
        for word in words { withUnsafeBytes(of: word.littleEndian) { file.append(contentsOf: $0) } }
        let path = "/tmp/evh5-tensors-vectors-\(ProcessInfo.processInfo.processIdentifier).raw"
        try file.write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let index = try TimeIndex.build(Recording(path: path))
        #expect(index.eventCount > 200_000)
        try compare(path, nil, periods: ["1ms", "3333us,start_ts=5us"], counts: ["1001ev", "70001ev"])
    }
}
