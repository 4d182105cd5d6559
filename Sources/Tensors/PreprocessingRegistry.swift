// The preprocessings that exist, by name.

import Synchronization

/// Names and definitions of preprocessings, in the order of registration.
public final class PreprocessingRegistry: Sendable {
    /// In the order of the contract. A new preprocessing adds its line here.
    static let standardDefinitions: [PreprocessingDefinition] = [
        Histogram.definition,
        Difference.definition,
        TimeSurface.definition,
        EventCube.definition,
        EventCube.paperDefinition,
        MultiChannelTimeSurface.definition,
        QuantizedHistogram.definition,
        QuantizedDifference.definition,
    ]

    /// The preprocessings of Metavision ML.
    public static let standard = PreprocessingRegistry(standardDefinitions)

    private let definitions: Mutex<[PreprocessingDefinition]>

    public init(_ definitions: [PreprocessingDefinition] = []) {
        self.definitions = Mutex([])
        for definition in definitions { register(definition) }
    }

    public var names: [String] { definitions.withLock { $0.map(\.name) } }

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
}
