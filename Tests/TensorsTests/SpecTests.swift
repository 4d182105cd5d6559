// Path components: what is valid, how it is spelled canonically, and that nothing else gets through.

import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct SpecTests {
    @Test(arguments: [
        ("250ms", "250ms"), ("250000us", "250ms"), ("250000", "250ms"), ("0.25s", "250ms"), ("0.250000s", "250ms"),
        ("250.0ms", "250ms"), ("2000ms", "2s"), ("1500us", "1500us"), ("1.5ms", "1500us"), ("1", "1us"),
        ("0.000001s", "1us"), ("00250ms", "250ms"), ("4294967295", "4294967295us"), ("4294s", "4294s"),
        ("10000ev", "10000ev"), ("1ev", "1ev"), ("0100ev", "100ev"),
        ("50ms,start_ts=0", "50ms"), ("50ms,start_ts=0.0s", "50ms"), ("50ms,start_ts=1000", "50ms,start_ts=1ms"),
        ("50ms,start_ts=2s,max_duration=0.1s", "50ms,max_duration=100ms,start_ts=2s"),
        ("10000ev,max_duration=123us", "10000ev,max_duration=123us"),
        ("50ms,stride=10000", "50ms,stride=10ms"), ("50ms,stride=0.05s", "50ms"), ("50ms,stride=1s", "50ms,stride=1s"),
        ("50ms,stride=10ms,max_duration=70ms", "50ms,max_duration=70ms,stride=10ms"),
        ("100ev,stride=100", "100ev"), ("100ev,stride=0050", "100ev,stride=50"), ("010parts", "10parts"),
        ("10parts,start_ts=1", "10parts,start_ts=1us"),
        ("30000ev,max_period=0.03s", "30000ev,max_period=30ms"),
        ("50ms,at=trigger0,edge=rising,align=end,closed=left", "50ms,at=trigger0"),
        ("50ms,at=trigger031,edge=both", "50ms,at=trigger31,edge=both"),
        ("50ms,closed=both,at=timestamps_us.npy,align=center", "50ms,align=center,at=timestamps_us.npy,closed=both"),
        ("7ev,at=labels", "7ev,at=labels"), ("7ev,at=trigger", "7ev,at=trigger"),
        ("between=trigger5,edge=falling", "between=trigger5,edge=falling"),
        ("between=exposure,closed=right,start_ts=1s", "between=exposure,closed=right,start_ts=1s"),
    ])
    func windowsHaveOneSpelling(_ text: String, _ canonical: String) throws {
        let spec = try WindowSpec(text)
        #expect(spec.text == canonical)
        #expect(try WindowSpec(spec.text).text == canonical)
    }

    @Test func windowsMeanWhatTheySay() throws {
        #expect(try WindowSpec("1.5ms").window == .period(1500))
        #expect(try WindowSpec("4294.967295s").window == .period(4_294_967_295))
        #expect(try WindowSpec("7ev").window == .count(7))
        #expect(try WindowSpec("between=trigger5,edge=both").times == .triggers(channel: 5, edge: .both))
        #expect(try WindowSpec("50ms,at=a.npy").times == .file("a.npy") && WindowSpec("50ms").times == nil)
        #expect(try ["50ms", "7ev,start_ts=1s", "7ev,stride=7"].allSatisfy { try WindowSpec($0).isPlain })
        #expect(
            try !["50ms,stride=1s", "7ev,stride=6", "5parts", "7ev,max_period=1s", "50ms,at=x", "between=x"].contains {
                try WindowSpec($0).isPlain
            })
        let spec = try WindowSpec("20ms,start_ts=1.25s,max_duration=2s")
        #expect(spec.startTime == 1_250_000)
        #expect(spec.maxDuration == 2_000_000)
    }

    static let nines = String(repeating: "9", count: 40)

    @Test(arguments: [
        "", "0", "0ms", "0.0s", "-5ms", "+5ms", "5 ms", " 5ms", "5ms ", "1e99s", "1e3us", "nan", "inf", "infs", "ms",
        "s", "us", "ev",
        ".5s", "5.s", ".s", "0.5us", "0.0000001s", "1.0", "1..5s", "1.5.5s", "4294967296", "4295s", nines, nines + "s",
        nines + "ev",
        "0." + nines + "s", "0ev", "-1ev", "1.5ev", "1000000000001ev", "５ms", "5ms\u{0}", "\u{0}", "5m", "5min", "5MS",
        "5µs", "0x10",
        "50ms,", ",50ms", "50ms,,", "50ms,start_ts", "50ms,start_ts=", "50ms,=5", "50ms,start_ts=1=2",
        "50ms,start_ts=-1",
        "50ms,start_ts=1,start_ts=1", "50ms,max_duration=0", "50ms,max_duration=75ms", "50ms,max_duration=10ms",
        "50ms,foo=1",
        "50ms,max_duration=" + nines, "50ms,start_ts=" + nines + "us", "..", ".", "50ms/..", "50ms=1", "a=50ms",
        String(repeating: "0", count: 300) + "5ms",
        "50ms,stride=0", "50ms,stride=10ev", "50ms,stride=20ms,max_duration=50ms", "100ev,stride=0",
        "100ev,stride=10ms",
        "parts", "0parts", "-1parts", "1.5parts", "4194305parts", "10parts,stride=1", "10parts,max_duration=1s",
        "10parts,at=x", "50ms,max_period=30ms", "7ev,max_period=0", "7ev,max_period=5000000000us",
        "7ev,max_period=1s,stride=3", "7ev,at=x,max_period=1s", "7ev,at=x,stride=1", "7ev,at=x,align=start",
        "7ev,at=x,closed=both", "7ev,at=x,max_duration=1s", "50ms,at=x,max_duration=1s", "50ms,at=x,stride=10ms",
        "50ms,align=end", "50ms,closed=left", "50ms,edge=both", "50ms,at=x,edge=both", "50ms,at=labels,edge=both",
        "50ms,at=trigger32", "50ms,at=trigger0,edge=up", "50ms,at=x,align=middle", "50ms,at=x,closed=none", "50ms,at=",
        "50ms,at=..", "between", "between=", "between=a=b", "between=x,at=y", "between=x,align=end",
        "between=x,max_duration=1s", "between=trigger-1,edge=both", "at=x", "stride=5ms",
        "1.5ms,at=" + String(repeating: "n", count: 246),
    ])
    func otherWindowsAreErrors(_ text: String) {
        let error = #expect(throws: TensorError.self) { try WindowSpec(text) }
        #expect(error?.code == .invalidWindow || error?.code == .unknownParameter)
        #expect(error?.message.isEmpty == false)
    }

    @Test(arguments: [
        ("histo", "histo"), ("histo,max_incr_per_pixel=5", "histo"), ("histo,max_incr_per_pixel=5.0", "histo"),
        ("histo,max_incr_per_pixel=5e0", "histo"), ("histo,max_incr_per_pixel=0.5E1", "histo"),
        ("histo,max_incr_per_pixel=10.0", "histo,max_incr_per_pixel=10"),
        ("histo,max_incr_per_pixel=1e16", "histo,max_incr_per_pixel=1e16"),
        ("histo,max_incr_per_pixel=0.00001", "histo,max_incr_per_pixel=1e-05"),
        ("histo,downsample=1", "histo"), ("histo,downsample=2", "histo,downsample=2"), ("histo,dtype=float32", "histo"),
        ("histo,max_incr_per_pixel=7,dtype=uint8,downsample=4", "histo,downsample=4,dtype=uint8,max_incr_per_pixel=7"),
        ("histo,width=640,height=360", "histo,height=360,width=640"),
        ("event_cube,split_polarity=1,num_utbins=3", "event_cube"),
        ("event_cube,split_polarity=0", "event_cube,split_polarity=false"),
        ("event_cube_paper,max_incr_per_pixel=63.75", "event_cube_paper"),
        ("event_cube_paper,max_incr_per_pixel=5", "event_cube_paper,max_incr_per_pixel=5"),
        ("event_cube_paper,num_utbins=05", "event_cube_paper"),
        ("multi_channel_timesurface,num_utbins=64,dtype=uint8", "multi_channel_timesurface,dtype=uint8,num_utbins=64"),
        ("histo_quantized,normalization=true,dtype=uint8", "histo_quantized,dtype=uint8,normalization=true"),
        ("histo_quantized,downsample=2,dtype=float32", "histo_quantized,downsample=2"),
        ("diff_quantized,negative_bit_length=8,normalization=false", "diff_quantized"),
        ("exponential_timesurface,tau=0.03s", "exponential_timesurface"),
        ("exponential_timesurface,tau=5000", "exponential_timesurface,tau=5ms"),
        ("tore,k=3,min_time=0.00015s,max_time=5000ms", "tore"), ("tore,max_time=1000000", "tore,max_time=1s"),
        ("voxel_grid,norm=none,origin=window", "voxel_grid,origin=window"),
        ("timesurface,dtype=uint8", "timesurface,dtype=uint8"), ("diff,dtype=float32", "diff"),
    ])
    func preprocessingsHaveOneSpelling(_ text: String, _ canonical: String) throws {
        let spec = try PreprocessingSpec(text)
        #expect(spec.text == canonical)
        #expect(try PreprocessingSpec(spec.text).text == canonical)
    }

    @Test(arguments: [
        ("", TensorError.Code.invalidParameter), ("histogram", .unknownPreprocessing), ("Histo", .unknownPreprocessing),
        ("..", .unknownPreprocessing), ("histo,foo=1", .unknownParameter),
        ("timesurface,max_incr_per_pixel=5", .unknownParameter),
        ("histo,num_utbins=3", .unknownParameter), ("histo,", .invalidParameter), ("histo,,", .invalidParameter),
        ("histo,max_incr_per_pixel=", .invalidParameter), ("histo,max_incr_per_pixel", .invalidParameter),
        ("histo,max_incr_per_pixel=5,max_incr_per_pixel=5", .invalidParameter),
        ("histo,max_incr_per_pixel=0", .invalidParameter), ("histo,max_incr_per_pixel=-5", .invalidParameter),
        ("histo,max_incr_per_pixel=+5", .invalidParameter), ("histo,max_incr_per_pixel=nan", .invalidParameter),
        ("histo,max_incr_per_pixel=inf", .invalidParameter), ("histo,max_incr_per_pixel=1e400", .invalidParameter),
        ("histo,max_incr_per_pixel=1e-400", .invalidParameter), ("histo,max_incr_per_pixel=1e-310", .invalidParameter),
        ("histo,max_incr_per_pixel=0x10", .invalidParameter), ("histo,max_incr_per_pixel=1e", .invalidParameter),
        ("histo,max_incr_per_pixel=.5", .invalidParameter), ("histo,max_incr_per_pixel=1_0", .invalidParameter),
        ("histo,max_incr_per_pixel=٥", .invalidParameter), ("histo\u{0}", .invalidParameter),
        ("histo ", .invalidParameter),
        ("histo,downsample=0", .invalidParameter), ("histo,downsample=3", .invalidParameter),
        ("histo,downsample=32768", .invalidParameter), ("histo,downsample=-2", .invalidParameter),
        ("histo,downsample=99999999999999999999", .invalidParameter),
        ("histo,downsample=9223372036854775807", .invalidParameter),
        ("histo,height=360", .invalidParameter), ("histo,width=360", .invalidParameter),
        ("histo,height=0,width=0", .invalidParameter), ("histo,height=360,width=640,downsample=2", .invalidParameter),
        ("histo,dtype=float64", .invalidParameter), ("diff,dtype=uint8", .invalidParameter),
        ("event_cube,split_polarity=false,dtype=uint8", .invalidParameter),
        ("event_cube,split_polarity=yes", .invalidParameter),
        ("event_cube,num_utbins=0", .invalidParameter), ("event_cube,num_utbins=65", .invalidParameter),
        ("event_cube,num_utbins=3.0", .invalidParameter), ("histo_quantized,dtype=uint8", .invalidParameter),
        ("histo_quantized,dtype=float32", .invalidParameter),
        ("diff_quantized,normalization=true,dtype=uint8", .invalidParameter),
        ("histo_quantized,downsample=2,dtype=uint8", .invalidParameter),
        ("histo_quantized,negative_bit_length=8", .invalidParameter),
        ("histo_quantized,total_bit_length=13", .invalidParameter),
        ("diff_quantized,negative_bit_length=9", .invalidParameter),
        ("diff_quantized,negative_bit_length=0", .invalidParameter),
        ("voxel_grid,origin=event", .invalidParameter), ("voxel_grid,norm=true", .invalidParameter),
        ("event_count,dtype=int8", .invalidParameter), ("event_image,dtype=uint8", .invalidParameter),
        ("stacked_histogram,dtype=uint8", .invalidParameter), ("stacked_histogram,num_bins=65", .invalidParameter),
        ("mixed_density_stack,count_cutoff=128", .invalidParameter),
        ("tore,k=0", .invalidParameter), ("tore,min_time=5s", .invalidParameter),
        ("tore,max_time=3601s", .invalidParameter), ("ergo12,k=3", .unknownParameter),
        ("exponential_timesurface,tau=0ms", .invalidParameter), ("exponential_timesurface,tau=-1s", .invalidParameter),
    ])
    func otherPreprocessingsAreErrors(_ text: String, _ code: TensorError.Code) {
        let error = #expect(throws: TensorError.self) { try PreprocessingSpec(text) }
        #expect(error?.code == code)
        #expect(error?.message.isEmpty == false)
    }

    @Test func namesAreInContractOrder() {
        #expect(
            PreprocessingRegistry.standard.names == [
                "histo", "diff", "timesurface", "event_cube", "event_cube_paper", "multi_channel_timesurface",
                "histo_quantized",
                "diff_quantized", "stacked_histogram", "mixed_density_stack", "voxel_grid", "event_volume",
                "event_count", "event_image", "exponential_timesurface", "tore",
                "ergo12",
            ])
    }

    @Test func sizesResolveToDownsampling() throws {
        let spec = try TensorSpec(preprocessing: "histo,height=360,width=640,dtype=uint8", window: "50000")
        let resolved = try spec.resolved(for: Geometry(width: 1280, height: 720))
        #expect(resolved.preprocessingText == "histo,downsample=2,dtype=uint8")
        #expect(resolved != spec)
        #expect(resolved == (try TensorSpec(preprocessing: "histo,dtype=uint8,downsample=2", window: "0.05s")))
        #expect(try spec.resolved(for: Geometry(width: 640, height: 360)).preprocessingText == "histo,dtype=uint8")
        #expect(throws: TensorError.self) { try spec.resolved(for: Geometry(width: 640, height: 480)) }
        #expect(throws: TensorError.self) { try spec.resolved(for: Geometry(width: 320, height: 180)) }
        let odd = try TensorSpec(preprocessing: "histo,height=10,width=19", window: "1s")
        #expect(try odd.resolved(for: Geometry(width: 78, height: 42)).preprocessingText == "histo,downsample=4")
        let tiny = try TensorSpec(preprocessing: "histo,downsample=64", window: "1s")
        #expect(throws: TensorError.self) { try tiny.resolved(for: Geometry(width: 78, height: 42)) }
    }

    /// Whatever is parsed has a canonical text that parses to itself; everything else is a TensorError, never a trap.
    @Test func randomTextsParseOrThrow() {
        var random = SplitMix(seed: 7)
        let pieces = [
            "histo", "diff", "timesurface", "event_cube", "histo_quantized", ",", "=", "max_incr_per_pixel",
            "num_utbins", "downsample",
            "height", "width", "dtype", "uint8", "true", "split_polarity", "start_ts", "max_duration", "ms", "us", "s",
            "ev", ".", "e", "-",
            "+", "0", "1", "2", "5", "9", "64", "99999999999999999999", "18446744073709551616", "nan", "\u{0}", "é",
            " ", "/", "%", "parts", "between=", "stride", "max_period", "at", "align", "center", "closed", "both",
            "edge",
            "trigger", "labels",
        ]
        var valid = 0
        for _ in 0..<100_000 {
            let text = (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random) ?? ""
            }.joined()
            do {
                let canonical = try WindowSpec(text).text
                if try WindowSpec(canonical).text != canonical { Issue.record("\(text)") }
                valid += 1
            } catch {
                if error.message.isEmpty { Issue.record("no message for \(text)") }
            }
            do {
                let canonical = try PreprocessingSpec(text).text
                if try PreprocessingSpec(canonical).text != canonical { Issue.record("\(text)") }
                valid += 1
            } catch {
                if error.message.isEmpty { Issue.record("no message for \(text)") }
            }
        }
        #expect(valid > 100)
    }

    @Test(arguments: [
        ("3", "-2", "-2"), ("3", "007", "7"), ("3", "-0", "0"), ("3.0", "-2.50", "-2.5"), ("3.0", "1e-3", "0.001"),
        ("3.0", "-0.0", "0"),
        ("0.5", "2", "2"), ("true", "0", "false"), ("false", "true", "true"), ("word", "a.b-c+d:e_1", "a.b-c+d:e_1"),
    ])
    func parametersOfUsersHaveTheTypeOfTheirDefault(_ registered: String, _ given: String, _ canonical: String) throws {
        let parameter = try ParameterDefinition("p", guessingFrom: registered)
        #expect(try parameter.parse(given).text == canonical)
        #expect(try parameter.parse(canonical) == parameter.parse(given))
    }

    @Test(arguments: [
        ("3", "2.5"), ("3", "--2"), ("3", "+2"), ("3", ""), ("3", "9223372036854775808"), ("3.0", "inf"), ("3.0", "-"),
        ("3.0", "0x10"),
        ("3.0", "1e999"), ("true", "yes"), ("word", "a b"), ("word", ""), ("word", "a=b"),
        ("word", String(repeating: "a", count: 65)),
    ])
    func otherValuesOfUsersParametersAreErrors(_ registered: String, _ given: String) throws {
        let parameter = try ParameterDefinition("p", guessingFrom: registered)
        #expect(throws: TensorError.self) { try parameter.parse(given) }
    }
}
