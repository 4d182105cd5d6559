// Windows against shared/reference/reference_representations.py, run by python3.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

private let hasWindowReference: Bool = {
    guard let sharedFolder, hasReference else { return false }
    return FileManager.default.fileExists(atPath: sharedFolder + "/reference/reference_representations.py")
}()

@Suite(.enabled(if: hasWindowReference, "needs ../shared (or EVH5_SHARED) and python3 with numpy 2"))
struct WindowReferenceTests {
    private let geometry = Geometry(width: 64, height: 48)

    /// What `expression` is, where `r` is the reference and `t` the times of `events`; lists of two whole numbers.
    private func reference(_ expression: String, _ events: [Event]) throws -> [[Int64]] {
        let shared = try #require(sharedFolder)
        let path = NSTemporaryDirectory() + "evh5-times-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try events.map(\.t).withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
        let program = """
            import json, sys
            import numpy as np
            sys.dont_write_bytecode = True
            sys.path.insert(0, sys.argv[1] + "/reference")
            import reference_representations as r
            t = np.fromfile(sys.argv[2], "<i8")
            print(json.dumps([[int(a), int(b)] for a, b in eval(sys.argv[3])]))
            """
        let output = try #require(try python(program, [shared, path, expression]))
        return try JSONDecoder().decode([[Int64]].self, from: Data(output.utf8))
    }

    private func plan(_ window: String, _ events: [Event], _ times: WindowTimes? = nil) throws -> TensorPlan {
        try TensorPlan(
            spec: TensorSpec(preprocessing: "histo", window: window), geometry: geometry, totals: EventTotals(events),
            source: .array(events), times: times)
    }

    private func times(_ plan: TensorPlan) throws -> [[Int64]] {
        let (starts, ends) = (try plan.starts(0..<plan.frameCount), try plan.ends(0..<plan.frameCount))
        return zip(starts, ends).map { [$0 + plan.startTime, $1 + plan.startTime] }
    }

    @Test(arguments: [1, 49, 50, 51, 60, 61, 999, 1000, 123_456] as [Int64])
    func sliding(_ last: Int64) throws {
        let events = [Event(x: 0, y: 0, polarity: 1, t: last)]
        for (length, stride, start) in [(50, 10, 0), (50, 7, 13), (50, 50, 0), (50, 51, 20), (3, 400, 0), (50, 10, 70)]
        {
            let own = try plan("\(length),stride=\(stride),start_ts=\(start)", events)
            let expected = try reference("r.sliding(int(t[-1]), \(length), \(stride), \(start))", events)
            #expect(try times(own) == expected, "\(length) \(stride) \(start)")
        }
    }

    @Test func listedAndBetween() throws {
        var random = SplitMix(seed: 11)
        let list = (0..<200).map { _ in Int64.random(in: -500...100_000, using: &random) }.sorted()
        let events = list.map { Event(x: 0, y: 0, polarity: 1, t: $0) }
        for alignment in ["start", "center", "end"] {
            for length in [1, 2, 50, 51] {
                let own = try plan("\(length),at=x,align=\(alignment)", [], WindowTimes(list))
                #expect(try times(own) == reference("r.listed(t, \(length), '\(alignment)')", events))
            }
        }
        #expect(try times(plan("between=x", [], WindowTimes(list))) == reference("r.between(t)", events))
    }

    /// 10^6 events, dense and with pauses: cut where the reference cuts, and frames of those events.
    @Test func mixed() throws {
        var random = SplitMix(seed: 12)
        var t: Int64 = 0
        let events = (0..<1_000_000).map { _ in
            let step = Int.random(in: 0..<1000, using: &random)
            if step < 300 { t += Int64(step % 9) }
            if step == 999 { t += Int64.random(in: 0..<20_000, using: &random) }
            return Event(
                x: Int.random(in: 0..<64, using: &random), y: Int.random(in: 0..<48, using: &random),
                polarity: step & 1, t: t)
        }
        for (count, period) in [(3000, 3000), (500, 1200), (1, 7000), (100_000, 700), (7, 30_000)] {
            let own = try plan("\(count)ev,max_period=\(period)us", events)
            let expected = try reference("r.mixed(t, \(count), \(period))", events)
            #expect(own.frameCount == expected.count && expected.count > 50)
            #expect(own.foundCuts?.ranges == expected.map { Int($0[0])..<Int($0[1]) })
            for frame in stride(from: 0, to: own.frameCount, by: max(1, own.frameCount / 7)) {
                let inside = Array(events[Int(expected[frame][0])..<Int(expected[frame][1])])
                guard !inside.isEmpty else { continue }
                #expect(try own.bytes(frame) == plan("\(inside.count)ev", inside).bytes(0))
            }
        }
    }
}
