// Where windows of a count and a period end is kept with the time index, and believed for the same recording only.

import Foundation
import Recordings
import Tensors
import Testing

@Suite struct KeptCutsTests {
    private func words(_ count: Int, from first: Int = 0) -> Data {
        var data = Data()
        for i in first..<first + count {
            let t = i * 3 + i % 50 / 49 * 40
            for word in [8 << 28 | UInt32(t >> 6), UInt32(t & 63) << 22 | UInt32(i % 64) << 11 | UInt32(i % 48)] {
                withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
            }
        }
        return data
    }

    private func ends(
        _ path: String, _ store: IndexStore?, _ window: String, part: Int? = nil
    ) throws -> [[Int64]] {
        let recording = try Recording(path: path)
        let index = try store?.index(of: recording) ?? TimeIndex.build(recording)
        let spec = try TensorSpec(preprocessing: "histo", window: window)
        let plan = try TensorPlan(spec: spec, recording: recording, index: index, part: part, store: store)
        return [try plan.starts(0..<plan.frameCount), try plan.ends(0..<plan.frameCount)]
    }

    @Test func cutsAreThoseOfTheRecording() throws {
        let folder = NSTemporaryDirectory() + "evh5-cuts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/store", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/a.raw"
        func store() -> IndexStore { IndexStore(directory: folder + "/store") }
        func kept() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder + "/store").filter { $0.hasSuffix(".evh5cuts") }
        }
        try (Data("% evt 2.0\n% geometry 64x48\n% end\n".utf8) + words(5000)).write(to: URL(fileURLWithPath: path))
        let windows =
            [
                ("30ev,max_period=100us", nil), ("30ev,max_period=60us", nil), ("31ev,max_period=100us", nil),
                ("30ev,max_period=100us,start_ts=7us", nil), ("30ev,max_duration=3100us,max_period=100us", 0),
                ("30ev,max_duration=3100us,max_period=100us", 2), ("30ev,max_duration=4ms,max_period=100us", 2),
            ] as [(String, Int?)]
        let plain = try windows.map { try ends(path, nil, $0.0, part: $0.1) }
        #expect(Set(plain).count == windows.count && plain.allSatisfy { $0[0].count > 10 })
        for round in 0..<3 {
            let store = store()
            for (window, expected) in zip(windows, plain) {
                #expect(try ends(path, store, window.0, part: window.1) == expected, "\(round) \(window)")
            }
            #expect(try kept().count == windows.count)
            // Damaged ones are made again.
            guard round == 0 else { continue }
            for name in try kept() {
                var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/store/" + name))
                bytes[bytes.count - 9] ^= 1
                try bytes.write(to: URL(fileURLWithPath: folder + "/store/" + name))
            }
        }
        // The recording has grown: what was found takes the place of what was found before.
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: words(700, from: 5000))
        try file.close()
        for (window, before) in zip(windows, plain).prefix(3) {
            let grown = try ends(path, store(), window.0, part: window.1)
            #expect(try grown == ends(path, nil, window.0, part: window.1) && grown != before)
        }
        #expect(try kept().count == windows.count)
    }
}
