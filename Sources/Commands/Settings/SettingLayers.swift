// Who wins when a setting is given more than once: flag, environment, config file, default.

import FUSEAdapter
import Foundation
import Recordings
import Synchronization
import Tensors

/// The places where settings can be given.
package struct SettingLayers: Sendable {
    /// By the settings' names.
    package var flags: [String: RawSetting]
    package var environment: [String: String]
    package var config: ConfigFile?

    package init(
        flags: [String: RawSetting] = [:], environment: [String: String] = ProcessInfo.processInfo.environment,
        config: ConfigFile? = nil
    ) {
        self.flags = flags
        self.environment = environment
        self.config = config
    }

    /// The setting's value from the strongest place that gives it.
    /// - Throws: exit code `usage` for a flag and `configuration` for a variable or key whose value is not allowed.
    package func value<Value>(_ setting: Setting<Value>) throws(CommandError) -> Value {
        if let raw = flags[setting.name] {
            guard let value = setting.parse(raw) else {
                throw CommandError(.usage, "--\(setting.name) takes \(setting.allowed), not '\(raw.text ?? "")'")
            }
            return value
        }
        // An empty variable is one that is not set, as for most programs.
        if let text = environment[setting.variable], !text.isEmpty {
            guard let value = setting.parse(.text(text)) else {
                throw CommandError(.configuration, "\(setting.variable) takes \(setting.allowed), not '\(text)'")
            }
            return value
        }
        if let raw = config?.values[setting.name] {
            guard let value = setting.parse(raw) else {
                throw CommandError(.configuration, "\(config?.path ?? ""): '\(setting.name)' takes \(setting.allowed)")
            }
            return value
        }
        return setting.fallback(environment)
    }
}

extension SettingLayers {
    /// What settings say of recordings whose header lacks it.
    func recordingRules() throws(CommandError) -> RecordingRules {
        RecordingRules(geometries: try value(Settings.geometry), encodings: try value(Settings.encoding))
    }

    /// The layers of a command: its flags, the process's environment, and the config file that a flag or
    /// `EVH5_CONFIG_FILE` names.
    package static func standard(
        flags: [String: RawSetting], configFile: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandError) -> SettingLayers {
        // A copy in the background has said nothing new.
        if environment[Daemon.variable] == nil {
            let complaints = unknownVariables(environment) + [unknownKernels(environment)].compactMap { $0 }
            for complaint in complaints where said.withLock({ $0.insert(complaint).inserted }) {
                Output.problem("evh5: warning: \(escaped(complaint))")
            }
        }
        let named = configFile ?? environment["EVH5_CONFIG_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        var config: ConfigFile?
        if let named { config = try ConfigFile(path: named, environment: environment) }
        return SettingLayers(flags: flags, environment: environment, config: config)
    }

    /// What was said already: a command asks for its settings more than once.
    private static let said = Mutex<Set<String>>([])

    /// When `EVH5_KERNELS` names kernels that there are none of here: a line that says so.
    package static func unknownKernels(_ environment: [String: String]) -> String? {
        let names = KernelVariant.available.map { "\($0)" }
        guard let asked = environment["EVH5_KERNELS"], !names.contains(asked) else { return nil }
        return "EVH5_KERNELS names the kernels '\(asked)', which this processor does not have: it has "
            + "\(names.joined(separator: ", ")), and the last one is used"
    }

    /// Of each variable `EVH5_...` that stands for nothing: a line that says so.
    package static func unknownVariables(_ environment: [String: String]) -> [String] {
        // EVH5_COMMIT is the build's, and `make demo` runs what it built.
        let others = ["EVH5_CONFIG_FILE", "EVH5_PROGRESS_SECONDS", "EVH5_KERNELS", "EVH5_COMMIT", Daemon.variable]
        let known = Settings.all.map(\.variable) + others
        return environment.keys.filter { $0.hasPrefix("EVH5_") && !known.contains($0) }.sorted().map { name in
            let hint = NearMiss.question(name, in: known) ?? "`evh5 mount --help` names the variables"
            return "the variable \(name) is no setting and is left aside; \(hint)"
        }
    }
}
