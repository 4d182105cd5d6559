// What a setting is: one definition that flags, environment variables, config files, defaults and the help all come
// from.

import Foundation

/// A setting's value as it was written, before anybody knows whether it makes sense.
package indirect enum RawSetting: Sendable, Hashable {
    /// A flag's or variable's text, or a YAML scalar.
    case text(String)
    /// A YAML sequence of scalars.
    case list([String])
    /// A YAML mapping with scalars as keys, in the file's order.
    case pairs([Pair])

    package struct Pair: Sendable, Hashable {
        package let key: String
        package let value: RawSetting

        package init(key: String, value: RawSetting) {
            self.key = key
            self.value = value
        }
    }

    /// The value's text when it has just one.
    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The items of a list, which flags and variables write with `,` or `:` between them.
    var items: [String]? {
        switch self {
        case .text(let text): text.split(whereSeparator: { $0 == "," || $0 == ":" }).map(String.init)
        case .list(let items): items
        case .pairs: nil
        }
    }
}

/// What every setting has, whatever the type of its value.
package protocol AnySetting: Sendable {
    /// The flag without `--`, and the key in a config file.
    var name: String { get }
    /// What values it takes, for help and errors.
    var allowed: String { get }
    /// What it means.
    var help: String { get }
    /// The default as people read it; empty when there is none.
    var defaultText: String { get }
    /// A flag of it needs no value.
    var isSwitch: Bool { get }
    func accepts(_ raw: RawSetting) -> Bool
}

extension AnySetting {
    /// The environment variable.
    package var variable: String { "EVH5_" + name.uppercased().replacing("-", with: "_") }

    /// The whole help text of the flag.
    var flagHelp: String {
        let notes = [defaultText.isEmpty ? nil : "default: \(defaultText)", variable].compactMap { $0 }
        return "\(help) (\(notes.joined(separator: "; ")))"
    }
}

/// A setting with values of one type.
package struct Setting<Value: Sendable>: AnySetting {
    package let name: String
    package let allowed: String
    package let help: String
    package let defaultText: String
    package let isSwitch: Bool
    /// The value that `raw` means; nil when it is not allowed.
    package let parse: @Sendable (RawSetting) -> Value?
    /// The default, which may depend on the environment.
    package let fallback: @Sendable ([String: String]) -> Value

    init(
        _ name: String, _ help: String, takes allowed: String,
        default fallback: @autoclosure @escaping @Sendable () -> Value,
        shown defaultText: String, parse: @escaping @Sendable (RawSetting) -> Value?
    ) {
        self.init(name, help, takes: allowed, fallback: { _ in fallback() }, shown: defaultText, parse: parse)
    }

    init(
        _ name: String, _ help: String, takes allowed: String, isSwitch: Bool = false,
        fallback: @escaping @Sendable ([String: String]) -> Value, shown defaultText: String,
        parse: @escaping @Sendable (RawSetting) -> Value?
    ) {
        self.name = name
        self.help = help
        self.allowed = allowed
        self.isSwitch = isSwitch
        self.defaultText = defaultText
        self.parse = parse
        self.fallback = fallback
    }

    package func accepts(_ raw: RawSetting) -> Bool { parse(raw) != nil }
}

extension Setting where Value == Bool {
    /// A switch, off by default unless said otherwise.
    init(switch name: String, isOn: Bool = false, _ help: String) {
        self.init(
            name, help, takes: "true or false", isSwitch: true, fallback: { _ in isOn }, shown: isOn ? "yes" : "",
            parse: { raw in
                switch raw.text?.lowercased() {
                case "true", "yes", "on", "1": true
                case "false", "no", "off", "0": false
                default: nil
                }
            })
    }
}
