// The parameters of preprocessings: what they are called, what is allowed, what was given.

/// One parameter's value.
public enum ParameterValue: Hashable, Sendable {
    case number(Double)
    case integer(Int)
    case boolean(Bool)
    case text(String)

    /// The one spelling in paths.
    public var text: String {
        switch self {
        case .number(let value): NumberText.text(value)
        case .integer(let value): "\(value)"
        case .boolean(let value): value ? "true" : "false"
        case .text(let value): value
        }
    }

    /// What `/data`'s attribute of that name holds.
    public var attribute: TensorAttribute {
        switch self {
        case .number(let value): .float64(value)
        case .integer(let value): .int64(Int64(value))
        case .boolean(let value): .bool(value)
        case .text(let value): .variableString(value)
        }
    }

    /// The value as a number; 0 and 1 for a boolean, 0 for a text.
    public var number: Double {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        case .boolean(let value): value ? 1 : 0
        case .text: 0
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
        /// A finite number.
        case number
        case integer(ClosedRange<Int>)
        /// `true` or `false`, also written 1 or 0.
        case boolean
        /// 1 to 64 ASCII letters, digits and `_ - + . :`.
        case text
        /// One of these texts.
        case choice([String])
        /// A time of at least 1 us, as windows have them; kept in its shortest spelling.
        case duration
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
        case .number:
            if let value = NumberText.number(text) { return .number(value) }
            expected = "a number"
        case .integer(let range):
            if let value = NumberText.signedInteger(text), let exact = Int(exactly: value), range.contains(exact) {
                return .integer(exact)
            }
            expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .boolean:
            if text == "true" || text == "1" { return .boolean(true) }
            if text == "false" || text == "0" { return .boolean(false) }
            expected = "true or false"
        case .text:
            if ParameterDefinition.isText(text) { return .text(text) }
            expected = "1 to 64 ASCII letters, digits and _ - + . :"
        case .choice(let choices):
            if choices.contains(text) { return .text(text) }
            expected = "one of " + choices.joined(separator: ", ")
        case .duration:
            if let time = TimeText.microseconds(text), time >= 1 { return .text(TimeText.text(time)) }
            expected = "a time such as 30ms, a whole number of us from 1 to \(TimeText.largest)"
        }
        throw TensorError(.invalidParameter, "\(name)=\(text): \(name) must be \(expected)")
    }

    /// Whether a path can hold `text` as a value.
    static func isText(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                    UInt8(ascii: "."), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }

    /// A parameter of the type that `text` has as a default value: `true` and `false` are booleans, digits an integer
    /// (with a sign or not), other numbers numbers, and everything else texts.
    ///
    /// - Throws: `.invalidParameter` when a path cannot hold `text`.
    public init(_ name: String, guessingFrom text: String, _ summary: String = "") throws(TensorError) {
        let (kind, value): (Kind, ParameterValue) =
            if text == "true" || text == "false" {
                (.boolean, .boolean(text == "true"))
            } else if let integer = NumberText.signedInteger(text) {
                (.integer(Int.min...Int.max), .integer(Int(integer)))
            } else if let number = NumberText.number(text) {
                (.number, .number(number))
            } else {
                (.text, .text(text))
            }
        self.init(name, kind, default: value, summary)
        _ = try parse(text)
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
