// What every preprocessing is to the rest: a name with parameters, a shape, and a way to make a frame of events.

import Recordings

/// A way to turn the events of a window into a frame, with its parameters fixed.
///
/// To add one: a file with a type that conforms and its `PreprocessingDefinition`, and a line in
/// `PreprocessingRegistry.standardDefinitions`.
public protocol Preprocessing: Sendable {
    /// Channels of a frame.
    var channels: Int { get }

    /// What the elements are before `dtype=uint8`, for frames divided by 2^shift.
    func elementType(shift: Int) -> ElementType

    /// Whether all values are floats in 0...1, so that `dtype=uint8` makes sense.
    func valuesAreFractions(shift: Int) -> Bool

    /// Whether values depend on the times of events. When false a frame's `t0` and `duration` are not looked up.
    var usesTime: Bool { get }

    /// How far before the end of its window a frame's events may lie, us; 0 when only the window's count.
    var lookBack: Int64 { get }

    /// Attributes of `/data` beyond the parameters.
    var extraAttributes: [(name: String, value: TensorAttribute)] { get }

    /// Computes the frame (channels, grid.height, grid.width), row-major, and writes every byte of `frame`.
    ///
    /// - Parameters:
    ///   - storedAsUInt8: store round-half-even(255 v) in a byte instead of v in a float32.
    ///   - frame: exactly as long as the frame and aligned to 16 bytes.
    /// - Throws: `RecordingError`, as reading the events does; `TensorError.preprocessingFailed` when a preprocessing
    ///   of the
    ///   user's own fails.
    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws

    /// Bytes that rendering a frame takes besides the frame, which the memory target counts.
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int

    /// Names the code of a preprocessing that is not evh5's own: another text where a frame's bytes may differ. nil for
    /// evh5's.
    var version: String? { get }

    /// Whether frames are computed by other processes, which see to it themselves how many work at once and may take
    /// any time.
    var runsElsewhere: Bool { get }
}

extension Preprocessing {
    public func elementType(shift: Int) -> ElementType { .float32 }
    public func valuesAreFractions(shift: Int) -> Bool { true }
    public var usesTime: Bool { true }
    public var lookBack: Int64 { 0 }
    public var extraAttributes: [(name: String, value: TensorAttribute)] { [] }
    /// A plane of float32 that is rounded into the frame.
    public func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int {
        storedAsUInt8 ? 4 * channels * grid.cells : 0
    }
    public var version: String? { nil }
    public var runsElsewhere: Bool { false }
}

/// A preprocessing's name and parameters, and how it is made from their values.
public struct PreprocessingDefinition: Sendable {
    /// As users write it and as `events_to_tensor` says it.
    public let name: String
    /// The name of what computes it: for one registered as another with other defaults, that one's.
    public let kernel: String
    /// What it shows, in a sentence.
    public let summary: String
    /// In the order in which their attributes are written.
    public let parameters: [ParameterDefinition]
    /// Throws `.invalidParameter` when parameters that are valid on their own do not go together.
    let make: @Sendable (ParameterValues) throws(TensorError) -> any Preprocessing

    public init(
        name: String, kernel: String? = nil, summary: String, parameters: [ParameterDefinition] = [],
        make: @escaping @Sendable (ParameterValues) throws(TensorError) -> any Preprocessing
    ) {
        self.name = name
        self.kernel = kernel ?? name
        self.summary = summary
        self.parameters = parameters
        self.make = make
    }

    /// The same preprocessing by another name, with `values` as defaults.
    func renamed(_ name: String, defaults values: ParameterValues) -> PreprocessingDefinition {
        let renamed = parameters.map { ParameterDefinition($0.name, $0.kind, default: values[$0], $0.summary) }
        return PreprocessingDefinition(name: name, kernel: kernel, summary: summary, parameters: renamed) {
            [parameters, make] given throws(TensorError) in
            var full = ParameterValues()
            for (own, original) in zip(renamed, parameters) { full[original] = given[own] }
            return try make(full)
        }
    }
}
