// The parameters of preprocessings: what they are called, what is allowed, what was given.

/// One parameter's value.
public enum ParameterValue: Hashable, Sendable {
    case number(Double)
    case integer(Int)
    case boolean(Bool)

    /// The one spelling in paths.
    public var text: String {
        switch self {
        case .number(let value): NumberText.text(value)
        case .integer(let value): "\(value)"
        case .boolean(let value): value ? "true" : "false"
        }
    }

    /// What `/data`'s attribute of that name holds.
    public var attribute: TensorAttribute {
        switch self {
        case .number(let value): .float64(value)
        case .integer(let value): .int64(Int64(value))
        case .boolean(let value): .bool(value)
        }
    }

    /// The value as a number; 0 and 1 for a boolean.
    public var number: Double {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        case .boolean(let value): value ? 1 : 0
        }
    }

    /// The value as an integer, rounded towards zero and kept within 32 bits.
    public var integer: Int {
        if case .integer(let value) = self { return value }
        return Int(max(-0x8000_0000, min(0x7FFF_FFFF, number.isNaN ? 0 : number)))
    }

    public var boolean: Bool { number != 0 }
}

/// What a parameter of a preprocessing is called and what it may be.
public struct ParameterDefinition: Sendable {
    public enum Kind: Sendable {
        /// A positive finite number.
        case positiveNumber
        case integer(ClosedRange<Int>)
        /// `true` or `false`, also written 1 or 0.
        case boolean
    }

    public let name: String
    public let kind: Kind
    public let defaultValue: ParameterValue
    /// What it does, in a sentence.
    public let summary: String

    public init(_ name: String, _ kind: Kind, default defaultValue: ParameterValue, _ summary: String) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.summary = summary
    }

    /// - Throws: `.invalidParameter` when `text` is not what `kind` allows.
    public func parse(_ text: String) throws(TensorError) -> ParameterValue {
        let expected: String
        switch kind {
        case .positiveNumber:
            if let value = NumberText.positive(text) { return .number(value) }
            expected = "a positive number"
        case .integer(let range):
            if let value = NumberText.integer(text), let exact = Int(exactly: value), range.contains(exact) {
                return .integer(exact)
            }
            expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .boolean:
            if text == "true" || text == "1" { return .boolean(true) }
            if text == "false" || text == "0" { return .boolean(false) }
            expected = "true or false"
        }
        throw TensorError(.invalidParameter, "\(name)=\(text): \(name) must be \(expected)")
    }
}

/// The values of a preprocessing's parameters; what was not given has its default.
public struct ParameterValues: Hashable, Sendable {
    private var given: [String: ParameterValue] = [:]

    public init() {}

    public subscript(definition: ParameterDefinition) -> ParameterValue {
        get { given[definition.name] ?? definition.defaultValue }
        set { given[definition.name] = newValue == definition.defaultValue ? nil : newValue }
    }

    /// What differs from the defaults.
    var nonDefaults: [(name: String, text: String)] { given.map { ($0.key, $0.value.text) } }
}
