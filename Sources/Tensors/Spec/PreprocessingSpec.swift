// The first component of a tensor's path: which preprocessing, with what parameters, size and element type.

import Recordings

/// `<preprocessing>[,key=value...]`, parsed and canonical.
///
/// Keys are the preprocessing's parameters, `downsample=k` (1, 2, 4 ... 16384; 1 is the default) or `height=` with
/// `width=`, `sample=`: `sum` (the default), `nearest` or `pixel`, and `dtype=`: `uint8` for preprocessings whose
/// values are in 0...1, `float32` (the default, spelled out) for all that are float32; and those of filters, see
/// `SpecComponent.takeFilters()`. A parameter of the preprocessing comes before another key of its name.
public struct PreprocessingSpec: Sendable {
    /// How frames relate to the sensor's geometry.
    public enum Scale: Hashable, Sendable {
        case full
        /// Both sides divided by a power of two, at least 2.
        case divided(by: Int)
        /// This size, whatever power of two it takes; depends on the geometry until `resolved(for:)`.
        case size(height: Int, width: Int)
    }

    /// What becomes of the pixels of a cell when frames are smaller than the sensor.
    public enum Sampling: Hashable, Sendable {
        /// Events of all of them count.
        case sum
        /// All events make a frame at full size, of which the pixel at half the cell's sides is taken: (2y + 1, 2x + 1)
        /// for half the size.
        case nearest
        /// Only the events of that pixel count, for windows of events too.
        case pixel
    }

    /// The registered name.
    public let name: String
    /// The canonical path component.
    public let text: String
    public let scale: Scale
    public let sampling: Sampling
    /// What events go through first.
    public private(set) var filters: EventFilterChain
    /// Whether frames hold round(255 v) in bytes.
    public let asUInt8: Bool
    public let values: ParameterValues
    public let preprocessing: any Preprocessing
    public let definition: PreprocessingDefinition

    /// - Throws: `.unknownPreprocessing`, `.unknownParameter` or `.invalidParameter`; nothing else, whatever the text
    ///   is.
    public init(_ component: String, registry: PreprocessingRegistry = .standard) throws(TensorError) {
        var parts = try SpecComponent(component, code: .invalidParameter)
        guard let definition = registry.definition(named: parts.head) else {
            throw TensorError(
                .unknownPreprocessing,
                "there is no preprocessing \"\(parts.head)\"; \(NearMiss.hint(parts.head, in: registry.names))"
                    + "there are \(registry.names.joined(separator: ", "))")
        }
        var values = ParameterValues()
        for parameter in definition.parameters {
            if let text = parts.take(parameter.name) { values[parameter] = try parameter.parse(text) }
        }
        let scale = try Self.scale(&parts)
        let sampling = try Self.sampling(&parts)
        let filters = try parts.takeFilters()
        let dtype = parts.take("dtype")
        if let key = parts.unknownKey {
            let known =
                (definition.parameters.map(\.name) + ["downsample", "height", "width", "sample", "dtype"]
                    + SpecComponent.filterKeys)
            throw TensorError(
                .unknownParameter,
                "\(parts.head) has no parameter \(key); \(NearMiss.hint(key, in: known))"
                    + "it has \(known.joined(separator: ", "))")
        }
        if let dtype, dtype != "uint8", dtype != "float32" {
            throw TensorError(.invalidParameter, "dtype=\(dtype): dtype must be uint8 or float32")
        }
        try self.init(
            definition, values, scale, sampling, filters, asUInt8: dtype == "uint8", spelledFloat: dtype == "float32")
    }

    init(
        _ definition: PreprocessingDefinition, _ values: ParameterValues, _ scale: Scale, _ sampling: Sampling,
        _ filters: EventFilterChain, asUInt8: Bool, spelledFloat: Bool = false
    ) throws(TensorError) {
        let preprocessing = try definition.make(values)
        // Where the scale depends on the recording, what holds at full size is asked for; `resolved` asks again.
        var shift = 0
        if case .divided(let k) = scale, sampling == .sum { shift = k.trailingZeroBitCount }
        if asUInt8, !preprocessing.valuesAreFractions(shift: shift) {
            throw TensorError(
                .invalidParameter,
                "dtype=uint8: the values of \(definition.name) are not in 0...1 with these parameters")
        }
        if spelledFloat, preprocessing.elementType(shift: shift) != .float32 {
            throw TensorError(
                .invalidParameter, "dtype=float32: \(definition.name) is not float32 with these parameters")
        }
        var keys = values.nonDefaults.map { "\($0.name)=\($0.text)" }
        switch scale {
        case .full: break
        case .divided(let k): keys.append("downsample=\(k)")
        case .size(let height, let width): keys += ["height=\(height)", "width=\(width)"]
        }
        // Cells of one pixel are the same either way.
        let sampling = scale == .full ? .sum : sampling
        if sampling != .sum { keys.append("sample=\(sampling == .nearest ? "nearest" : "pixel")") }
        if asUInt8 { keys.append("dtype=uint8") }
        keys += filters.items
        self.name = definition.name
        self.text = ([definition.name] + keys.sorted()).joined(separator: ",")
        self.scale = scale
        self.sampling = sampling
        self.filters = filters
        self.asUInt8 = asUInt8
        self.values = values
        self.preprocessing = preprocessing
        self.definition = definition
    }

    private static func sampling(_ parts: inout SpecComponent) throws(TensorError) -> Sampling {
        switch parts.take("sample") {
        case nil, "sum": .sum
        case "nearest": .nearest
        case "pixel": .pixel
        case .some(let text): throw TensorError(.invalidParameter, "sample=\(text): sample is sum, nearest or pixel")
        }
    }

    private static func scale(_ parts: inout SpecComponent) throws(TensorError) -> Scale {
        let sides = 1...16384
        let downsample = parts.take("downsample")
        let height = parts.take("height")
        let width = parts.take("width")
        if let downsample {
            guard let k = NumberText.integer(downsample), sides.contains(Int(k)), k.nonzeroBitCount == 1 else {
                throw TensorError(
                    .invalidParameter, "downsample=\(downsample): downsample must be a power of two from 1 to 16384")
            }
            guard height == nil, width == nil else {
                throw TensorError(.invalidParameter, "give either downsample or height and width, not both")
            }
            return k == 1 ? .full : .divided(by: Int(k))
        }
        if height == nil, width == nil { return .full }
        guard let height, let width, let rows = NumberText.integer(height), let columns = NumberText.integer(width),
            sides.contains(Int(rows)), sides.contains(Int(columns))
        else {
            throw TensorError(.invalidParameter, "height and width are given together, each from 1 to 16384")
        }
        return .size(height: Int(rows), width: Int(columns))
    }

    /// The same tensor with its scale as a power of two: `height=360,width=640` of a 1280x720 sensor is `downsample=2`.
    ///
    /// - Throws: `.notApplicable` when no power of two leads from the geometry that filters leave to the size, a side
    ///   vanishes, or a region is not inside of the sensor; `.invalidParameter` when the element type does not go with
    ///   that scale.
    public func resolved(for sensor: Geometry) throws(TensorError) -> PreprocessingSpec {
        let geometry = try filters.size(on: sensor)
        switch scale {
        case .full:
            return self
        case .divided(let k):
            guard FrameGrid(geometry: geometry, shift: k.trailingZeroBitCount) != nil else {
                throw TensorError(.notApplicable, "nothing is left of \(geometry) with downsample=\(k)")
            }
            return self
        case .size(let height, let width):
            let shift = (0...14).first { geometry.height >> $0 == height && geometry.width >> $0 == width }
            guard let shift else {
                throw TensorError(
                    .notApplicable,
                    "height=\(height),width=\(width) is not \(geometry.height) x \(geometry.width) divided by a power of two"
                )
            }
            return try PreprocessingSpec(
                definition, values, shift == 0 ? .full : .divided(by: 1 << shift), sampling, filters, asUInt8: asUInt8)
        }
    }

    /// The same with the list of hot pixels that it names.
    func with(_ list: HotPixels) -> PreprocessingSpec {
        var spec = self
        spec.filters = filters.with(list)
        return spec
    }

    /// The power of two by which a resolved specification's frames are smaller than what filters leave.
    private var power: Int {
        if case .divided(let k) = scale { return k.trailingZeroBitCount }
        return 0
    }

    /// The power of two by which a resolved specification's cells are larger than a pixel that counts.
    var shift: Int { sampling == .sum ? power : 0 }

    /// The power of two by which frames are made smaller after all events are in them.
    var picked: Int { sampling == .nearest ? power : 0 }

    /// What a resolved specification's events go through first: the filters, and what leaves one pixel of each cell;
    /// nil when all stay as they are.
    ///
    /// - Throws: `.notApplicable`, as `resolved(for:)`.
    func filters(for sensor: Geometry) throws(TensorError) -> AppliedFilters? {
        try filters.applied(to: sensor, sampling: sampling == .pixel ? power : 0)
    }

    /// The size that those leave.
    func size(on sensor: Geometry) throws(TensorError) -> Geometry {
        try filters.size(on: sensor, sampling: sampling == .pixel ? power : 0)
    }
}
