// A preprocessing of the user's own as it is registered: what runs, what its tensor is, and its parameters.

import Recordings
import Tensors

/// What a user says of a preprocessing. Nothing is looked for or loaded yet.
public struct UserPreprocessingDeclaration: Sendable {
    public enum Code: Hashable, Sendable {
        /// A function of a module, which is a dotted name or the path of a .py file; `folder` is where it is looked for
        /// first.
        case python(module: String, function: String, folder: String?)
        /// The path of a shared library, and the symbol of its description.
        case native(path: String, symbol: String)
    }

    public let name: String
    public let code: Code
    /// nil when the library says it.
    public let channels: Int?
    public let elementType: ElementType?
    /// Whether all values are in 0...1.
    public let fractions: Bool
    /// With the registered values as defaults, in the order in which they were given.
    public let parameters: [ParameterDefinition]
    public let summary: String?
    /// The longest time that a frame may take.
    public let timeout: Duration

    public static let defaultTimeout = Duration.seconds(60)
    static let mostChannels = 1024

    /// Keys besides parameters.
    static let keys = ["channels", "dtype", "fractions", "path", "summary", "timeout"]
    /// Names that a parameter cannot have, since paths or functions use them otherwise.
    static let reserved = [
        "downsample", "height", "width", "dtype", "events", "tensor", "delta_t", "downsampling_factor", "reset",
    ]

    /// From one text, as flags have it: `python:MODULE:FUNCTION[,key=value...]` or
    /// `native:PATH[:SYMBOL][,key=value...]`. Keys that are none of `channels`, `dtype`, `fractions`, `path`,
    /// `summary`, `timeout` are parameters. nil when it begins otherwise.
    ///
    /// - Parameter folder: what relative paths are relative to.
    /// - Throws: `.invalidParameter`.
    public init?(_ name: String, text: String, folder: String) throws(TensorError) {
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let head = items[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard head.count == 2, head[0] == "python" || head[0] == "native" else { return nil }
        var settings = [(key: head[0], value: head[1])]
        var parameters: [(key: String, value: String)] = []
        for item in items.dropFirst() {
            let sides = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, !sides[0].isEmpty else {
                throw TensorError(.invalidParameter, "\(name): \"\(item)\" is not of the form key=value")
            }
            if Self.keys.contains(sides[0]) {
                settings.append((sides[0], sides[1]))
            } else {
                parameters.append((sides[0], sides[1]))
            }
        }
        try self.init(name, settings: settings, parameters: parameters, folder: folder)
    }

    /// From keys and values, as config files have them: `python` or `native`, and the keys of `init(_:text:folder:)`.
    ///
    /// - Throws: `.invalidParameter`.
    public init(
        _ name: String, settings: [(key: String, value: String)], parameters: [(key: String, value: String)],
        folder: String
    ) throws(TensorError) {
        func wrong(_ message: String) -> TensorError { TensorError(.invalidParameter, "\(name): \(message)") }
        var given: [String: String] = [:]
        for (key, value) in settings {
            guard Self.keys.contains(key) || key == "python" || key == "native" else {
                throw wrong("\(key) is no key; there are python, native, kwargs, \(Self.keys.joined(separator: ", "))")
            }
            guard given.updateValue(value, forKey: key) == nil else { throw wrong("\(key) is given twice") }
        }
        self.name = name
        summary = given["summary"]
        timeout =
            try given["timeout"].map { text throws(TensorError) in try Self.time(text, wrong) } ?? Self.defaultTimeout
        channels = try given["channels"].map { text throws(TensorError) in
            guard let count = Int(text), (1...Self.mostChannels).contains(count) else {
                throw wrong("channels=\(text): channels are a number from 1 to \(Self.mostChannels)")
            }
            return count
        }
        elementType = try given["dtype"].map { text throws(TensorError) in
            guard let type = ElementType(rawValue: text) else {
                let types = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
                throw wrong("dtype=\(text): types are \(types)")
            }
            return type
        }
        switch given["fractions"] {
        case nil, "false": fractions = false
        case "true": fractions = true
        case let text?: throw wrong("fractions=\(text): fractions is true or false")
        }
        code = try Self.code(given, folder, wrong)
        switch code {
        case .python:
            guard channels != nil else { throw wrong("say how many channels its tensor has: channels=2") }
            guard !fractions || (elementType ?? .float32) == .float32 else {
                throw wrong("fractions=true is for float32")
            }
        case .native:
            guard channels == nil, elementType == nil, given["fractions"] == nil, given["path"] == nil else {
                throw wrong("channels, dtype and fractions are what the library says, and path is for python")
            }
        }
        var list: [ParameterDefinition] = []
        for (key, value) in parameters {
            guard Self.isIdentifier(key), !Self.reserved.contains(key) else {
                throw wrong("a parameter cannot be called \"\(key)\"")
            }
            guard !list.contains(where: { $0.name == key }) else { throw wrong("\(key) is given twice") }
            do throws(TensorError) { list.append(try ParameterDefinition(key, guessingFrom: value)) } catch {
                throw wrong(error.message)
            }
        }
        self.parameters = list
    }

    private static func code(
        _ given: [String: String], _ folder: String, _ wrong: (String) -> TensorError
    ) throws(TensorError) -> Code {
        func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }
        switch (given["python"], given["native"]) {
        case (let text?, nil):
            let sides = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2,
                sides[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier)
            else { throw wrong("\"\(text)\" is not of the form module:function or file.py:function") }
            var (module, place) = (sides[0], given["path"].map(absolute))
            if module.hasSuffix(".py") {
                module = absolute(module)
            } else {
                guard module.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier) else {
                    throw wrong("\"\(module)\" is neither a module's name nor a .py file")
                }
                // The file itself may be given as the path.
                if let file = place, file.hasSuffix(".py") {
                    let stem = file.split(separator: "/").last?.dropLast(3)
                    guard stem == module[...] else { throw wrong("path=\(file) is not the module \(module)") }
                    (module, place) = (file, nil)
                }
            }
            return .python(module: module, function: sides[1], folder: place)
        case (nil, let text?):
            let sides = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard (1...2).contains(sides.count), !sides[0].isEmpty, sides.count == 1 || isIdentifier(sides[1]) else {
                throw wrong("\"\(text)\" is not of the form library.so or library.so:symbol")
            }
            return .native(path: absolute(sides[0]), symbol: sides.count == 2 ? sides[1] : "evh5_preprocessing")
        default: throw wrong("say either python: module:function or native: library.so")
        }
    }

    private static func time(_ text: String, _ wrong: (String) -> TensorError) throws(TensorError) -> Duration {
        let units: [(suffix: String, seconds: Double)] = [("ms", 0.001), ("s", 1)]
        for unit in units where text.hasSuffix(unit.suffix) {
            if let value = Double(text.dropLast(unit.suffix.count)), (0.001...1e6).contains(value * unit.seconds) {
                return .milliseconds((value * unit.seconds * 1000).rounded())
            }
            break
        }
        throw wrong("timeout=\(text): a timeout is a time such as 30s or 500ms")
    }

    static func isIdentifier(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
