// The options that say what is to be made: those of generate_hdf5.py, put into the words of a mount's paths.

import ArgumentParser
import EventFiles
import Generation
import Tensors

/// Preprocessing and window, or a layout of events.
struct TensorFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A preprocessing, with parameters as in a mount's paths: histo, or event_cube,num_utbins=5. Or the events themselves: events, events,layout=prophesee, or events,layout=ecf.",
            valueName: "name[,key=value...]"))
    var preprocess = "histo"
    @Option(
        name: [.customLong("delta-t"), .customLong("delta_t")],
        help: ArgumentHelp("Period of frames: us, or as 50ms. (default: 50000)", valueName: "time"))
    var deltaT: String?
    @Option(
        help: ArgumentHelp(
            "Any window of a mount's paths, instead of --mode, --delta-t and --n-events: 50ms,stride=10ms.",
            valueName: "window[,key=value...]"))
    var window: String?
    @Option(
        name: [.customLong("start-ts"), .customLong("start_ts")], parsing: .upToNextOption,
        help: ArgumentHelp(
            "Where frames begin, or events: us, or as 1s; once, or for each recording. (default: 0)", valueName: "time")
    )
    var startTs: [String] = []
    @Option(
        name: [.customLong("max-duration-ms"), .customLong("max_duration_ms")],
        help: ArgumentHelp(
            "Make files of this length, <name>_0.h5 and so on; a multiple of the period.", valueName: "ms"))
    var maxDurationMs: UInt32?
    @Option(
        name: [.customLong("height_width"), .customLong("height-width")], parsing: .upToNextOption,
        help: ArgumentHelp("Rows and columns: the sensor's, divided by a power of two.", valueName: "pixels"))
    var heightWidth: [Int] = []
    @Flag(
        name: [.customLong("store_as_uint8"), .customLong("store-as-uint8")],
        help: "Store bytes, round(255 v), instead of values in 0..1.")
    var storeAsUInt8 = false
    @Option(
        name: [.customLong("max_val"), .customLong("max-val")],
        help: ArgumentHelp(
            "max_incr_per_pixel of those that count (default: 5; event_cube_paper: 63.75).", valueName: "number"))
    var maxVal: String?
    @Option(
        help: ArgumentHelp(
            "delta_t or n_events: frames of a period, or of a number of events. (default: delta_t)", valueName: "mode"))
    var mode: String?
    @Option(
        name: [.customLong("n_events"), .customLong("n-events")],
        help: ArgumentHelp("Events of a frame, with --mode n_events.", valueName: "number"))
    var nEvents: String?
    @Option(
        name: [.customLong("neg_bit_len_quantized"), .customLong("neg-bit-len-quantized")],
        help: ArgumentHelp(
            "negative_bit_length of the quantized ones (default: 4; diff_quantized: 8).", valueName: "bits"))
    var negBitLen: String?
    @Option(
        name: [.customLong("total_bit_len_quantized"), .customLong("total-bit-len-quantized")],
        help: ArgumentHelp("total_bit_length of histo_quantized (default: 8).", valueName: "bits"))
    var totalBitLen: String?
    @Flag(
        name: [.customLong("normalization_quantized"), .customLong("normalization-quantized")],
        help: "Divide the quantized ones by their largest count, as float32.")
    var normalization = false
    @Flag(
        name: [.customLong("simu_sensor_output_quantized"), .customLong("simu-sensor-output-quantized")],
        help: "Insist on what a sensor puts out: integers in its resolution.")
    var simulatesSensor = false

    /// Whether events are to be made, no tensors.
    var areEvents: Bool { EventsSpec.isMeant(by: preprocess) }

    func validate() throws {
        if areEvents {
            guard let flag = flagOfTensors else { return }
            throw ValidationError("\(flag) is for tensors: events have no frames, leave it out")
        }
        if let mode, mode != "delta_t", mode != "n_events" {
            throw ValidationError("--mode is delta_t or n_events, not \(mode)")
        }
        if mode == "n_events", nEvents == nil || nEvents == "0" {
            throw ValidationError("--mode n_events needs --n_events, the events of a frame")
        }
        guard heightWidth.isEmpty || heightWidth.count == 2 else {
            throw ValidationError("--height_width takes two numbers, rows and columns")
        }
        if simulatesSensor, !heightWidth.isEmpty || normalization {
            throw ValidationError(
                "--simu_sensor_output_quantized is for integers in the sensor's resolution: leave --height_width and --normalization_quantized out"
            )
        }
    }

    /// Whether events of a layout are to be made that says how they are packed.
    var packThemselves: Bool {
        guard areEvents, let spec = try? EventsSpec(preprocess) else { return false }
        return ContentSpec.events(spec).packsItself
    }

    /// The first option that was given and says nothing of events; nil when none was.
    private var flagOfTensors: String? {
        let flags: [(String, Bool)] = [
            ("--delta-t", deltaT != nil), ("--window", window != nil), ("--height_width", !heightWidth.isEmpty),
            ("--store_as_uint8", storeAsUInt8),
            ("--max_val", maxVal != nil), ("--mode", mode != nil), ("--n_events", nEvents != nil),
            ("--neg_bit_len_quantized", negBitLen != nil), ("--total_bit_len_quantized", totalBitLen != nil),
            ("--normalization_quantized", normalization), ("--simu_sensor_output_quantized", simulatesSensor),
        ]
        return flags.first { $0.1 }?.0
    }

    /// What is to be made from `start` on.
    ///
    /// - Throws: `.usage`.
    func spec(start: String, registry: PreprocessingRegistry) throws(CommandError) -> ContentSpec {
        var limits = ""
        if let maxDurationMs, maxDurationMs > 0 { limits += ",max_duration=\(maxDurationMs)ms" }
        if start != "0" { limits += ",start_ts=\(start)" }
        do throws(TensorError) {
            if areEvents {
                return .events(try EventsSpec(preprocess + limits))
            }
            let window = self.window ?? (mode == "n_events" ? "\(nEvents ?? "")ev" : deltaT ?? "50000")
            return .tensor(
                TensorSpec(
                    try PreprocessingSpec(component(registry), registry: registry), try WindowSpec(window + limits)))
        } catch {
            throw CommandError(.usage, error.message, cause: error)
        }
    }

    /// `preprocess` with what the other options say of it. Those about parameters that it does not have say nothing, as
    /// in the original.
    private func component(_ registry: PreprocessingRegistry) -> String {
        let name = String(preprocess.prefix { $0 != "," })
        let known = Set((registry.definition(named: name)?.parameters ?? []).map(\.name))
        var component = preprocess
        func add(_ key: String, _ value: String?) {
            if let value, known.contains(key) { component += ",\(key)=\(value)" }
        }
        add("max_incr_per_pixel", maxVal)
        add("negative_bit_length", negBitLen)
        add("total_bit_length", totalBitLen)
        add("normalization", normalization ? "true" : nil)
        if heightWidth.count == 2 { component += ",height=\(heightWidth[0]),width=\(heightWidth[1])" }
        if storeAsUInt8 { component += ",dtype=uint8" }
        return component
    }
}
