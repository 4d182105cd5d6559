// Kernels against the oracle: every preprocessing, parameters, downsampling, element types, both modes; to the bit.

import Recordings
import Tensors
import Testing

@Suite struct OracleTests {
    struct Case: CustomTestStringConvertible {
        var text: String
        var oracle: [String: Double] = [:]
        var allowsUInt8 = false
        var testDescription: String { text }
    }

    static let cases: [Case] = [
        Case(text: "histo", allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=3", oracle: ["max_incr_per_pixel": 3], allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=0.3", oracle: ["max_incr_per_pixel": 0.3], allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=49.7", oracle: ["max_incr_per_pixel": 49.7], allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=1000", oracle: ["max_incr_per_pixel": 1000], allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=1e-40", oracle: ["max_incr_per_pixel": 1e-40], allowsUInt8: true),
        Case(text: "histo,max_incr_per_pixel=1e300", oracle: ["max_incr_per_pixel": 1e300], allowsUInt8: true),
        Case(text: "diff"),
        Case(text: "diff,max_incr_per_pixel=7.5", oracle: ["max_incr_per_pixel": 7.5]),
        Case(text: "timesurface", allowsUInt8: true),
        Case(text: "event_cube", allowsUInt8: true),
        Case(text: "event_cube,num_utbins=1", oracle: ["num_utbins": 1], allowsUInt8: true),
        Case(
            text: "event_cube,num_utbins=7,max_incr_per_pixel=2", oracle: ["num_utbins": 7, "max_incr_per_pixel": 2],
            allowsUInt8: true),
        Case(text: "event_cube,split_polarity=false", oracle: ["split_polarity": 0]),
        Case(text: "event_cube_paper", allowsUInt8: true),
        Case(
            text: "event_cube_paper,split_polarity=false,num_utbins=2", oracle: ["split_polarity": 0, "num_utbins": 2]),
        Case(text: "multi_channel_timesurface", allowsUInt8: true),
        Case(text: "multi_channel_timesurface,num_utbins=1", oracle: ["num_utbins": 1], allowsUInt8: true),
        Case(text: "multi_channel_timesurface,num_utbins=11", oracle: ["num_utbins": 11], allowsUInt8: true),
        Case(text: "histo_quantized"),
        Case(text: "histo_quantized,negative_bit_length=2", oracle: ["negative_bit_length": 2]),
        Case(
            text: "histo_quantized,negative_bit_length=1,total_bit_length=2",
            oracle: ["negative_bit_length": 1, "total_bit_length": 2]),
        Case(
            text: "histo_quantized,negative_bit_length=8,total_bit_length=16",
            oracle: ["negative_bit_length": 8, "total_bit_length": 16]),
        Case(text: "histo_quantized,normalization=true", oracle: ["normalization": 1], allowsUInt8: true),
        Case(text: "diff_quantized"),
        Case(text: "diff_quantized,negative_bit_length=3", oracle: ["negative_bit_length": 3]),
        Case(text: "diff_quantized,negative_bit_length=1", oracle: ["negative_bit_length": 1]),
        Case(
            text: "diff_quantized,negative_bit_length=4,normalization=true",
            oracle: ["negative_bit_length": 4, "normalization": 1]),
    ]

    private func compare(_ test: Case, _ geometry: Geometry, _ shift: Int, asUInt8: Bool, seed: UInt64) throws {
        let name = String(test.text.prefix { $0 != "," })
        let oracle = Oracle(name: name, parameters: test.oracle, geometry: geometry, shift: shift, asUInt8: asUInt8)
        let events = randomEvents(1500, in: geometry, until: 11_000, seed: seed)
        let text = test.text + (shift > 0 ? ",downsample=\(1 << shift)" : "") + (asUInt8 ? ",dtype=uint8" : "")
        let timed = try plan(text, "1234us,start_ts=17", geometry, events)
        #expect(timed.frameCount == 9)
        for frame in [0, 4, timed.frameCount - 1] {
            let t0 = 17 + 1234 * Int64(frame)
            let inside = events.filter { $0.t >= t0 && $0.t < t0 + 1234 }
            #expect(inside.count > 10)
            #expect(
                try timed.values(frame) == oracle.frame(inside, t0: t0, duration: 1234),
                "\(text) \(geometry) frame \(frame)")
        }
        let counted = try plan(text, "400ev", geometry, events)
        #expect(counted.frameCount == 3)
        let inside = Array(events[800..<1200])
        let t0 = inside[0].t
        #expect(
            try counted.values(2) == oracle.frame(inside, t0: t0, duration: max(1, inside[399].t - t0)),
            "\(text) \(geometry) n_events")
    }

    @Test(arguments: cases)
    func kernelsAgree(_ test: Case) throws {
        for (seed, geometry) in [Geometry(width: 16, height: 12), Geometry(width: 37, height: 21)].enumerated() {
            for shift in 0...3 {
                try compare(test, geometry, shift, asUInt8: false, seed: UInt64(seed))
                if test.allowsUInt8 { try compare(test, geometry, shift, asUInt8: true, seed: UInt64(seed)) }
            }
        }
    }
}
