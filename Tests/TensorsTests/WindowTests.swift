// Windows other than plain ones: where they lie, and that their frames are those of the same events.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct WindowTests {
    let geometry = Geometry(width: 8, height: 6)

    private func events(_ times: [Int64]) -> [Event] { times.map { Event(x: 1, y: 2, polarity: 1, t: $0) } }

    private func listed(
        _ window: String, _ events: [Event], _ times: WindowTimes?, _ name: String = "event_cube"
    ) throws -> TensorPlan {
        try TensorPlan(
            spec: TensorSpec(preprocessing: name, window: window), geometry: geometry, totals: EventTotals(events),
            source: .array(events), times: times)
    }

    private func times(_ plan: TensorPlan) throws -> [[Int64]] {
        let (starts, ends) = (try plan.starts(0..<plan.frameCount), try plan.ends(0..<plan.frameCount))
        return zip(starts, ends).map { [$0, $1] }
    }

    @Test(
        arguments: [
            ([], 0), ([0], 0), ([1], 1), ([50], 1), ([51], 2), ([60], 2), ([61], 3), ([1000], 96),
        ] as [([Int64], Int)])
    func slidingWindowsEndWithTheLastEvent(_ times: [Int64], _ count: Int) throws {
        let plan = try plan("histo", "50us,stride=10us", geometry, events(times))
        #expect(plan.frameCount == count)
        #expect(try self.times(plan) == (0..<Int64(count)).map { [10 * $0, 10 * $0 + 50] })
    }

    @Test func slidingFramesAreThoseOfPlainWindows() throws {
        let all = randomEvents(3000, in: geometry, until: 1000, seed: 3)
        for name in PreprocessingRegistry.standard.names {
            for (window, start) in [("100us,stride=30us", 0), ("100us,stride=130us,start_ts=45", 45)]
                as [(String, Int64)]
            {
                let sliding = try plan(name, window, geometry, all)
                #expect(sliding.frameCount > 5)
                for frame in 0..<sliding.frameCount {
                    let begin = start + Int64(frame) * sliding.spec.stride
                    let plain = try plan(name, "100us,start_ts=\(begin)", geometry, all)
                    #expect(try sliding.bytes(frame) == plain.bytes(0))
                }
            }
        }
    }

    @Test func slidingPartsContinueEachOther() throws {
        let all = randomEvents(3000, in: geometry, until: 1000, seed: 4)
        let whole = try plan("timesurface", "100us,stride=20us,start_ts=7", geometry, all)
        let spec = try TensorSpec(preprocessing: "histo", window: "100us,stride=20us,start_ts=7,max_duration=120us")
        let count = try TensorPlan.partCount(spec, EventTotals(all))
        #expect(count == (whole.frameCount + 5) / 6)
        var frame = 0
        for part in 0..<count {
            let one = try plan(
                "timesurface", "100us,stride=20us,start_ts=7,max_duration=120us", geometry, all, part: part)
            #expect(one.startTime == 7 + 120 * Int64(part))
            for own in 0..<one.frameCount {
                #expect(try one.bytes(own) == whole.bytes(frame))
                frame += 1
            }
        }
        #expect(frame == whole.frameCount)
    }

    @Test func slidingCounts() throws {
        let all = events([10, 20, 30, 40, 50, 60, 70])
        let sliding = try plan("timesurface", "3ev,stride=2", geometry, all)
        #expect(try times(sliding) == [[10, 30], [30, 50], [50, 70]])
        #expect(try times(plan("histo", "3ev,stride=4", geometry, all)) == [[10, 30], [50, 70]])
        #expect(try plan("histo", "8ev,stride=1", geometry, all).frameCount == 0)
        #expect(try times(plan("histo", "3ev,stride=2,start_ts=15", geometry, all)) == [[5, 25], [25, 45]])
        let random = randomEvents(5000, in: geometry, until: 1000, seed: 5)
        let overlapping = try plan("event_cube", "200ev,stride=70", geometry, random)
        for frame in [0, 1, 20, overlapping.frameCount - 1] {
            let own = Array(random[70 * frame..<70 * frame + 200])
            #expect(try overlapping.bytes(frame) == plan("event_cube", "200ev", geometry, own).bytes(0))
        }
    }

    @Test func partsAreThoseOfSpikingjelly() throws {
        // (t[-1] - t[0]) // 4 = 24, and the last part takes the rest.
        let all = events([3, 10, 27, 50, 51, 75, 99, 100])
        let parts = try plan("histo,max_incr_per_pixel=10", "4parts", geometry, all)
        #expect(try times(parts) == [[3, 27], [27, 51], [51, 75], [75, 101]])
        let pixel = 48 + 2 * 8 + 1
        #expect(try (0..<4).map { try (10 * parts.values($0)[pixel]).rounded() } == [2, 2, 1, 3])
        #expect(try times(plan("histo", "2parts,start_ts=50", geometry, all)) == [[0, 25], [25, 51]])
        #expect(try plan("histo", "2parts,start_ts=101", geometry, all).frameCount == 0)
        #expect(try plan("histo", "2parts", geometry, []).frameCount == 0)
        // Less time than parts: the last one has all.
        #expect(try times(plan("histo", "3parts", geometry, events([5, 6]))) == [[5, 5], [5, 5], [5, 7]])
    }

    @Test func listedWindows() throws {
        let all = events([10, 20, 30, 40])
        let list = WindowTimes([-100, 20, 20, 40, 900])
        func counts(_ window: String) throws -> [Float] {
            let plan = try listed(window, all, list, "histo,max_incr_per_pixel=10")
            return try (0..<plan.frameCount).map { try (10 * plan.values($0)[48 + 2 * 8 + 1]).rounded() }
        }
        #expect(try counts("10us,at=x") == [0, 1, 1, 1, 0])
        #expect(try counts("10us,at=x,closed=both") == [0, 2, 2, 2, 0])
        #expect(try counts("10us,at=x,closed=right") == [0, 1, 1, 1, 0])
        #expect(try counts("15us,at=x,align=start") == [0, 2, 2, 1, 0])
        #expect(try counts("20us,at=x,align=center") == [0, 2, 2, 2, 0])
        #expect(try counts("2ev,at=x") == [0, 2, 2, 2, 2])
        #expect(try counts("3ev,at=x") == [0, 2, 2, 3, 3])
        #expect(try counts("between=x") == [1, 0, 2, 1])
        #expect(try counts("between=x,closed=both") == [2, 1, 3, 1])
        #expect(
            try times(listed("10us,at=x", all, list)) == [[-110, -100], [10, 20], [10, 20], [30, 40], [890, 900]])
        #expect(try times(listed("5us,at=x,align=center", all, WindowTimes([7]))) == [[5, 10]])
        // A window of events runs from its first to the listed time; without events it has no length.
        #expect(
            try times(listed("2ev,at=x", all, list)) == [[-100, -100], [10, 20], [10, 20], [30, 40], [30, 900]])
        let exposures = WindowTimes([0, 10, 15], ends: [11, 10, 31])
        #expect(try times(listed("between=x", all, exposures)) == [[0, 11], [10, 10], [15, 31]])
        #expect(try counts("between=x,start_ts=20") == [0, 2, 1])
        // From start_ts on: no window that begins before it.
        #expect(try times(listed("10us,at=x,start_ts=11us", all, list)) == [[19, 29], [879, 889]])
        #expect(try times(listed("2ev,at=x,start_ts=20us", all, list)) == [[0, 0], [0, 0], [10, 20], [10, 880]])
        #expect(throws: TensorError.self) { try listed("10us,at=x", all, nil) }
        #expect(throws: TensorError.self) { try listed("10us,at=trigger0", all, nil) }
        #expect(try listed("10us,at=x", all, WindowTimes([])).frameCount == 0)
        #expect(try listed("between=x", all, WindowTimes([4])).frameCount == 0)
    }

    @Test func listedFramesAreThoseOfPlainWindows() throws {
        let all = randomEvents(3000, in: geometry, until: 1000, seed: 6)
        let list = WindowTimes([150, 160, 400, 930])
        for name in PreprocessingRegistry.standard.names {
            let made = try listed("100us,at=x", all, list, name)
            for (frame, time) in list.starts.enumerated() {
                let plain = try plan(name, "100us,start_ts=\(time - 100)", geometry, all)
                #expect(try made.bytes(frame) == plain.bytes(0))
            }
        }
    }

    @Test func mixedWindows() throws {
        let all = events([1, 2, 3, 4, 50, 51, 95, 200, 201, 202, 203])
        let mixed = try plan("histo,max_incr_per_pixel=10", "3ev,max_period=40us", geometry, all)
        // By count at 3; by time at 43, 83, 123 and so on; the count begins anew after each.
        #expect(
            try times(mixed) == [
                [0, 3], [3, 43], [43, 83], [83, 123], [123, 163], [163, 202],
            ])
        let pixel = 48 + 2 * 8 + 1
        #expect(try (0..<6).map { try (10 * mixed.values($0)[pixel]).rounded() } == [3, 1, 2, 1, 0, 3])
        #expect(mixed.attributes.first { $0.name == "mode" }?.value == .variableString("mixed"))
        #expect(mixed.measure.frameCount == nil)
        let again = try TensorPlan(
            spec: mixed.spec, geometry: geometry, totals: EventTotals(all), source: .array(all), known: mixed.foundCuts)
        #expect(try times(again) == times(mixed))
        let far = events([0, 1 << 40])
        #expect(throws: TensorError.self) { try plan("histo", "3ev,max_period=1us", geometry, far) }
    }

    @Test func attributesAndDigests() throws {
        func own(_ window: String) throws -> [String] {
            try listed(window, [], WindowTimes([1])).attributes.map { "\($0.name) \($0.value)" }
        }
        #expect(try own("50ms,stride=10ms").contains("window variableString 50ms,stride=10ms"))
        #expect(try own("50ms,stride=10ms").contains("delta_t uint32 50000"))
        #expect(try !own("50ms").contains { $0.hasPrefix("window ") })
        #expect(try own("between=x").contains("mode variableString between"))
        #expect(try own("9ev,max_period=1ms").contains("delta_t uint32 1000"))
        let lists = [
            WindowTimes([]), WindowTimes([], ends: []), WindowTimes([1, 2]), WindowTimes([1], ends: [2]),
            WindowTimes([2, 1]), WindowTimes([1, 3]),
        ]
        #expect(Set(lists.map(\.digest)).count == lists.count - 1)
        #expect(WindowTimes([1, 2]).digest == WindowTimes([1, 2]).digest)
    }
}
