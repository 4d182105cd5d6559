// The YAML config file: the settings' names as keys.

import Files
import Foundation
import Tensors
import Yams

/// A config file's settings as written, each known by name and of a type its setting takes.
package struct ConfigFile: Sendable {
    package let path: String
    package let values: [String: RawSetting]

    /// Reads a config file; `~/` in it is the environment's `HOME`.
    /// - Throws: exit code `configuration`, one line that names file, line and key and says what is allowed.
    package init(
        path: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandError) {
        let bytes: [UInt8]
        do throws(FileError) {
            guard try FileStatus(path: path).kind != .directory else {
                throw FileError(errno: EISDIR, message: "'\(path)' is a folder; name a file in it")
            }
            // Not by size: a pipe (`<(...)`) has none.
            guard let data = FileManager.default.contents(atPath: path) else { throw FileError.current("read", path) }
            bytes = Array(data)
        } catch {
            throw CommandError(.configuration, "the config file cannot be used: \(error.message)", cause: error)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError(.configuration, "\(path): not UTF-8; save it as UTF-8")
        }
        try self.init(path: path, text: text, environment: environment)
    }

    package init(
        path: String, text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandError) {
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch {
            if case YamlError.duplicatedKeysInMapping(let duplicates, let context) = error, let key = duplicates.first {
                let line = ConfigFile.secondLine(of: key, in: text, from: context.mark.line) ?? context.mark.line
                throw CommandError(.configuration, "\(path):\(line): the key '\(key)' is there twice", cause: error)
            }
            throw CommandError(.configuration, "\(path): not YAML: \(ConfigFile.oneLine(error))", cause: error)
        }
        self.path = path
        guard let root, root.null == nil else {
            values = [:]
            return
        }
        guard let mapping = root.mapping else {
            throw CommandError(.configuration, "\(path): must be lines of 'key: value'; keys are \(ConfigFile.keys)")
        }
        var values: [String: RawSetting] = [:]
        for (keyNode, valueNode) in mapping {
            let place = "\(path):\(keyNode.mark?.line ?? 1)"
            guard let key = keyNode.scalar?.string, let setting = Settings.named(key) else {
                let shown = keyNode.scalar?.string ?? "?"
                let hint = NearMiss.question(shown, in: Settings.all.map(\.name)) ?? "keys are \(ConfigFile.keys)"
                throw CommandError(.configuration, "\(place): '\(shown)' is no setting; \(hint)")
            }
            guard let raw = ConfigFile.raw(valueNode), setting.accepts(raw) else {
                throw CommandError(
                    .configuration,
                    "\(place): '\(key)' takes \(setting.allowed), not \(ConfigFile.shown(valueNode))")
            }
            values[key] = ConfigFile.isPath(key, raw) ? ConfigFile.resolved(raw, below: path, environment) : raw
        }
        self.values = values
    }

    private static var keys: String { Settings.all.map(\.name).joined(separator: ", ") }

    private static func raw(_ node: Node) -> RawSetting? {
        switch node {
        case .scalar(let scalar): return .text(scalar.string)
        case .sequence(let sequence):
            let items = sequence.compactMap { $0.scalar?.string }
            return items.count == sequence.count ? .list(items) : nil
        case .mapping(let mapping):
            let pairs = mapping.compactMap { key, value in
                key.scalar.flatMap { key in raw(value).map { RawSetting.Pair(key: key.string, value: $0) } }
            }
            return pairs.count == mapping.count ? .pairs(pairs) : nil
        case .alias: return nil
        }
    }

    /// A value as an error message quotes it.
    private static func shown(_ node: Node) -> String {
        switch raw(node) {
        case .text(""): "nothing"
        case .text(let text): "'\(text)'"
        case let value?: shown(value)
        case nil: "something nested"
        }
    }

    private static func shown(_ value: RawSetting) -> String {
        switch value {
        case .text(let text): text
        case .list(let items): "[\(items.joined(separator: ", "))]"
        case .pairs(let pairs): "{" + pairs.map { "\($0.key): \(shown($0.value))" }.joined(separator: ", ") + "}"
        }
    }

    private static func isPath(_ key: String, _ value: RawSetting) -> Bool {
        // A program without a slash is looked for in PATH.
        if key == Settings.python.name { return value.text?.contains("/") == true }
        return [
            Settings.source.name, Settings.mountPoint.name, Settings.cache.name, Settings.sidecars.name,
            Settings.logDirectory.name, Settings.tokenFile.name,
        ].contains(key)
    }

    /// Paths in a config file are relative to its folder; `~/` is the home folder.
    private static func resolved(
        _ raw: RawSetting, below file: String, _ environment: [String: String]
    ) -> RawSetting {
        guard let text = raw.text, !text.hasPrefix("/") else { return raw }
        if text == "~" || text.hasPrefix("~/") {
            // HOME as shells take it; NSHomeDirectory asks the user database.
            return .text((environment["HOME"] ?? NSHomeDirectory()) + text.dropFirst())
        }
        guard let slash = file.lastIndex(of: "/") else { return raw }
        return .text(file[...slash] + text)
    }

    /// The line where `key` of the mapping that begins in line `first` is there for the second time: Yams tells where
    /// the mapping begins.
    private static func secondLine(of key: String, in text: String, from first: Int) -> Int? {
        // As YAML counts them: also those that end by CR LF.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var indent: Int?
        for number in lines.indices.map({ $0 + 1 }).drop(while: { $0 < first }) {
            let line = lines[number - 1]
            let rest = line.drop { $0 == " " }
            let isKey = [key, "'\(key)'", "\"\(key)\""].contains { name in
                rest.hasPrefix(name) && rest.dropFirst(name.count).drop { $0 == " " }.first == ":"
            }
            guard isKey else { continue }
            let here = line.count - rest.count
            guard let before = indent else {
                indent = here
                continue
            }
            if here == before { return number }
        }
        return nil
    }

    private static func oneLine(_ error: any Error) -> String {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            "line \(mark.line): \(problem)"
        default: "\(error)".split(whereSeparator: \.isNewline).joined(separator: "; ")
        }
    }
}
