// How recordings are cut into frames and parts, and what the attributes say.

import Recordings
import Tensors
import Testing

@Suite struct PlanTests {
    let geometry = Geometry(width: 8, height: 6)

    private func events(_ times: [Int64]) -> [Event] { times.map { Event(x: 1, y: 2, polarity: 1, t: $0) } }

    @Test(
        arguments: [
            ([], 0), ([0], 0), ([1], 1), ([99], 1), ([100], 1), ([101], 2), ([1000], 10), ([5, 950, 120], 2),
            ([1050, 3], 1),
        ] as [([Int64], Int)])
    func framesCoverTheLastEvent(_ times: [Int64], _ frames: Int) throws {
        #expect(try plan("histo", "100us", geometry, events(times)).frameCount == frames)
    }

    @Test func startTimeShiftsFrames() throws {
        let all = events([10, 110, 130, 210, 251])
        let shifted = try plan("histo,max_incr_per_pixel=10", "100us,start_ts=50", geometry, all)
        #expect(shifted.frameCount == 3)
        #expect(shifted.startTime == 50)
        let pixel = 48 + 2 * 8 + 1
        #expect(try (0..<3).map { try shifted.values($0)[pixel] } == [0.2, 0.1, 0.1])
        #expect(try plan("histo", "100us,start_ts=251", geometry, all).frameCount == 0)
        #expect(try plan("histo", "100us,start_ts=1s", geometry, all).frameCount == 0)
        #expect(try plan("histo", "2ev,start_ts=100", geometry, all).frameCount == 2)
    }

    @Test func partsOfPeriods() throws {
        let all = events([10, 110, 250, 351, 460, 501])
        let spec = try TensorSpec(preprocessing: "histo,max_incr_per_pixel=10", window: "100us,max_duration=200us")
        #expect(try TensorPlan.partCount(spec, EventTotals(all)) == 3)
        let whole = try plan("histo", "100us", geometry, all)
        let parts = try (0..<3).map { try plan("histo", "100us,max_duration=200us", geometry, all, part: $0) }
        #expect(parts.map(\.frameCount) == [2, 2, 2])
        #expect(parts.map(\.startTime) == [0, 200, 400])
        for frame in 0..<6 { #expect(try parts[frame / 2].bytes(frame % 2) == whole.bytes(frame)) }
        #expect(throws: TensorError.self) { try plan("histo", "100us,max_duration=200us", geometry, all, part: 3) }
        #expect(throws: TensorError.self) { try plan("histo", "100us,max_duration=200us", geometry, all, part: -1) }
        #expect(try plan("histo", "100us,max_duration=1s", geometry, all).frameCount == 6)
        #expect(try TensorPlan.partCount(spec, EventTotals([])) == 1)
        // The last part may be shorter.
        #expect(try plan("histo", "100us,max_duration=400us", geometry, all, part: 1).frameCount == 2)
    }

    @Test func partsOfCounts() throws {
        let all = events([10, 20, 30, 110, 120, 130, 140, 350])
        let spec = try TensorSpec(preprocessing: "timesurface", window: "2ev,max_duration=100us")
        #expect(try TensorPlan.partCount(spec, EventTotals(all)) == 4)
        let parts = try (0..<4).map { try plan("timesurface", "2ev,max_duration=100us", geometry, all, part: $0) }
        #expect(parts.map(\.frameCount) == [1, 2, 0, 0])
        #expect(try parts[1].lastTimestamps(0..<2) == [20, 40])
        let whole = try plan("timesurface", "3ev,start_ts=15", geometry, all)
        #expect(whole.frameCount == 2)
        #expect(try whole.lastTimestamps(0..<2) == [110 - 15, 140 - 15])
        #expect(try whole.lastTimestamps(1..<2) == [140 - 15])
        #expect(try whole.lastTimestamps(1..<1) == [])
        #expect(throws: TensorError.self) { try whole.lastTimestamps(0..<3) }
    }

    @Test func lastTimestampsOfLargeFrames() throws {
        let all = (0..<200_000).map { Event(x: 0, y: 0, polarity: 1, t: Int64($0)) }
        #expect(try plan("histo", "70000ev", geometry, all).lastTimestamps(0..<2) == [69999, 139_999])
    }

    @Test func tooManyPartsAreRefused() throws {
        let spec = try TensorSpec(preprocessing: "histo", window: "1us,max_duration=1us")
        let hour = EventTotals(count: 1, lastTime: 3_600_000_000, highestTime: 3_600_000_000)
        let error = #expect(throws: TensorError.self) { try TensorPlan.partCount(spec, hour) }
        #expect(error?.code == .notApplicable)
        let counted = try TensorSpec(preprocessing: "histo", window: "1ev,max_duration=1us")
        #expect(throws: TensorError.self) { try TensorPlan.partCount(counted, hour) }
    }

    @Test func extremeTotalsDoNotTrap() throws {
        for last in [Int64.max, Int64.min, -1, 0, 1 << 62] {
            for window in [
                "1us", "4294967295us,start_ts=1125899906842624us", "1us,max_duration=1125899906842624us",
                "1ev,max_duration=1us",
            ] {
                let totals = EventTotals(count: 3, lastTime: last, highestTime: last)
                let spec = try TensorSpec(preprocessing: "event_cube,num_utbins=64", window: window)
                let made = Result {
                    try TensorPlan(
                        spec: spec, geometry: Geometry(width: 16384, height: 16384), totals: totals, source: .array([]))
                }
                if case .failure(let error) = made { #expect((error as? TensorError)?.code == .notApplicable) }
            }
        }
    }

    @Test func framesThatDoNotExistAreRefused() throws {
        let one = try plan("histo", "100us", geometry, events([50]))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: one.frameBytes + 1, alignment: 16)
        defer { memory.deallocate() }
        let exact = UnsafeMutableRawBufferPointer(rebasing: memory[..<one.frameBytes])
        #expect(throws: TensorError.self) { try one.render(frame: 1, into: exact) }
        #expect(throws: TensorError.self) { try one.render(frame: -1, into: exact) }
        #expect(throws: TensorError.self) { try one.render(frame: 0, into: memory) }
        // Not aligned: the same bytes all the same.
        let odd = UnsafeMutableRawBufferPointer(rebasing: memory[1...])
        try one.render(frame: 0, into: odd)
        #expect(try [UInt8](odd) == one.bytes(0))
    }

    /// Frames of many events look up only their first and last time; a time surface shows both.
    @Test func largeCountedFramesAreTimedByTheirEnds() throws {
        let all = (0..<70_001).map { Event(x: $0 == 35_000 ? 1 : 0, y: 0, polarity: 0, t: 1000 + Int64($0)) }
        let surface = try plan("timesurface", "70001ev", geometry, all).values(0)
        #expect(surface[0] == 1)
        #expect(surface[1] == 0.5)
    }

    @Test func registeredPreprocessings() throws {
        let registry = PreprocessingRegistry.standard
        let own = PreprocessingRegistry([])
        for name in registry.names { if let definition = registry.definition(named: name) { own.register(definition) } }
        try own.register("histo10", as: "histo,max_incr_per_pixel=10")
        #expect(own.names.last == "histo10")
        #expect(registry.definition(named: "histo10") == nil)
        let spec = try PreprocessingSpec("histo10,max_incr_per_pixel=10.0", registry: own)
        #expect(spec.text == "histo10")
        #expect(
            try PreprocessingSpec("histo10,max_incr_per_pixel=5", registry: own).text == "histo10,max_incr_per_pixel=5")
        let all = events([1, 101])
        func made(_ text: String) throws -> TensorPlan {
            try TensorPlan(
                spec: TensorSpec(preprocessing: text, window: "100us", registry: own), geometry: geometry,
                totals: EventTotals(all),
                source: .array(all))
        }
        #expect(try made("histo10").bytes(0) == plan("histo,max_incr_per_pixel=10", "100us", geometry, all).bytes(0))
        #expect(try made("histo10,max_incr_per_pixel=5").bytes(0) == plan("histo", "100us", geometry, all).bytes(0))
        #expect(try made("histo10").attributes.first?.value == .fixedString("histo10"))
        for (name, component) in [
            ("histo", "diff"), ("a b", "diff"), ("", "diff"), ("..", "diff"), ("x", "nothing"),
            ("x", "diff,downsample=2"), ("x", "histo,dtype=uint8"),
        ] {
            #expect(throws: TensorError.self) { try own.register(name, as: component) }
        }
    }

    @Test func attributesOfPeriods() throws {
        let made = try plan("histo,dtype=uint8,downsample=2", "50ms", geometry, events([5]))
        #expect(
            made.attributes.map(\.name) == [
                "events_to_tensor", "delta_t", "event_input_width", "event_input_height", "shape", "mode", "n_events",
                "max_incr_per_pixel",
                "store_as_uint8",
            ])
        #expect(
            made.attributes.map(\.value) == [
                .fixedString("histo"), .uint32(50000), .int64(8), .int64(6), .int64Array([2, 3, 4]),
                .variableString("delta_t"), .int64(0),
                .float64(5), .bool(true),
            ])
        #expect(made.elementType == .uint8)
        #expect(made.frameBytes == 24)
    }

    @Test func attributesOfParameters() throws {
        func own(_ text: String, _ window: String = "7ev") throws -> [String] {
            try plan(text, window, geometry, []).attributes.dropFirst(5).map { "\($0.name) \($0.value)" }
        }
        #expect(
            try own("timesurface") == [
                "mode variableString n_events", "n_events int64 7", "max_incr_per_pixel float64 5.0",
            ])
        #expect(
            try own("event_cube_paper,split_polarity=false").dropFirst(2) == [
                "max_incr_per_pixel float64 63.75", "split_polarity bool false", "num_utbins int64 5",
            ])
        #expect(
            try own("multi_channel_timesurface").dropFirst(2) == [
                "num_utbins int64 3", "max_incr_per_pixel float64 5.0",
            ])
        #expect(
            try own("histo_quantized").dropFirst(2) == [
                "negative_bit_length int64 4", "total_bit_length int64 8", "normalization bool false",
            ])
        #expect(
            try own("diff_quantized").dropFirst(2) == ["negative_bit_length int64 8", "normalization bool false"])
    }
}
