// What a tensor is, independent of a recording: both path components.

import Recordings

/// A tensor's specification: what is computed and how a recording is cut. Two that mean the same are equal and have the
/// same texts.
public struct TensorSpec: Hashable, Sendable {
    public let preprocessingSpec: PreprocessingSpec
    public let windowSpec: WindowSpec

    public var preprocessing: any Preprocessing { preprocessingSpec.preprocessing }
    public var scale: PreprocessingSpec.Scale { preprocessingSpec.scale }
    public var asUInt8: Bool { preprocessingSpec.asUInt8 }
    public var window: WindowSpec.Window { windowSpec.window }
    public var stride: Int64 { windowSpec.stride }
    /// Where windows lie; nil for those that follow each other.
    public var times: TimesOrigin? { windowSpec.times }
    public var startTime: Int64 { windowSpec.startTime }
    public var maxDuration: Int64? { windowSpec.maxDuration }

    /// The canonical first path component.
    public var preprocessingText: String { preprocessingSpec.text }
    /// The canonical second path component.
    public var windowText: String { windowSpec.text }

    public init(_ preprocessing: PreprocessingSpec, _ window: WindowSpec) {
        self.preprocessingSpec = preprocessing
        self.windowSpec = window
    }

    /// Parses the two path components in any valid spelling.
    ///
    /// - Throws: a `TensorError` that says what is wrong; never anything else, whatever the texts are.
    public init(
        preprocessing: String, window: String, registry: PreprocessingRegistry = .standard
    ) throws(TensorError) {
        self.init(try PreprocessingSpec(preprocessing, registry: registry), try WindowSpec(window))
    }

    /// The same tensor with its scale as a power of two; see `PreprocessingSpec.resolved(for:)`.
    public func resolved(for geometry: Geometry) throws(TensorError) -> TensorSpec {
        TensorSpec(try preprocessingSpec.resolved(for: geometry), windowSpec)
    }

    /// What events go through first.
    public var filters: EventFilterChain { preprocessingSpec.filters }

    /// The same tensor with the list of hot pixels that its filters name, which is no part of its names.
    public func with(_ list: HotPixels) -> TensorSpec { TensorSpec(preprocessingSpec.with(list), windowSpec) }

    public static func == (left: TensorSpec, right: TensorSpec) -> Bool {
        left.preprocessingText == right.preprocessingText && left.windowText == right.windowText
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(preprocessingText)
        hasher.combine(windowText)
    }
}
