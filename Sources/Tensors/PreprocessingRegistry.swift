// The preprocessings that exist, by name.

import Synchronization

/// Names and definitions of preprocessings, in the order of registration.
public final class PreprocessingRegistry: Sendable {
    /// Those of Metavision ML in the order of the contract, then those of models. A new preprocessing adds its line
    /// here.
    static let standardDefinitions: [PreprocessingDefinition] = [
        Histogram.definition,
        Difference.definition,
        TimeSurface.definition,
        EventCube.definition,
        EventCube.paperDefinition,
        MultiChannelTimeSurface.definition,
        QuantizedHistogram.definition,
        QuantizedDifference.definition,
        StackedHistogram.definition,
        MixedDensityStack.definition,
        VoxelGrid.definition,
        EventVolume.definition,
        EventCount.definition,
        EventImage.definition,
        ExponentialTimeSurface.definition,
        Tore.definition,
        Ergo12.definition,
    ]

    /// The preprocessings of Metavision ML, and the inputs of published models.
    public static let standard = PreprocessingRegistry(standardDefinitions)

    private let definitions: Mutex<[PreprocessingDefinition]>

    public init(_ definitions: [PreprocessingDefinition] = []) {
        self.definitions = Mutex([])
        for definition in definitions { register(definition) }
    }

    public var names: [String] { definitions.withLock { $0.map(\.name) } }

    /// The standard ones and presets: new names for a preprocessing with parameters, as `register(_:as:)` takes them.
    ///
    /// - Throws: what `register(_:as:)` throws.
    public convenience init(adding presets: [(name: String, component: String)]) throws(TensorError) {
        self.init(Self.standardDefinitions)
        for preset in presets { try register(preset.name, as: preset.component) }
    }

    public func definition(named name: String) -> PreprocessingDefinition? {
        definitions.withLock { $0.first { $0.name == name } }
    }

    /// Adds a preprocessing; one of the same name is replaced, in its place.
    public func register(_ definition: PreprocessingDefinition) {
        definitions.withLock { list in
            if let place = list.firstIndex(where: { $0.name == definition.name }) {
                list[place] = definition
            } else {
                list.append(definition)
            }
        }
    }

    /// Adds a preprocessing that is an existing one with other defaults, such as `histo10` for
    /// `histo,max_incr_per_pixel=10`. Its parameters remain parameters, and `events_to_tensor` says the new name.
    ///
    /// - Throws: `.invalidParameter` when the name is taken or is no name of ASCII letters, digits, `_` and `-`, or
    ///   when `component` also gives a size, an element type or filters; what parsing `component` throws.
    public func register(_ name: String, as component: String) throws(TensorError) {
        let base = try PreprocessingSpec(component, registry: self)
        guard base.scale == .full, !base.asUInt8, base.filters.isEmpty else {
            throw TensorError(
                .invalidParameter, "\(component): only parameters can be registered, no size, no dtype and no filters")
        }
        try checkIsFree(name)
        register(base.definition.renamed(name, defaults: base.values))
    }

    /// - Throws: `.invalidParameter` when `name` is taken or is no name of ASCII letters, digits, `_` and `-`.
    public func checkIsFree(_ name: String) throws(TensorError) {
        let isName = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isName, (1...64).contains(name.utf8.count), definition(named: name) == nil else {
            throw TensorError(
                .invalidParameter, "\"\(name)\" is taken or is not 1 to 64 ASCII letters, digits, _ and -")
        }
    }
}
