// Every setting of a mount, defined once.

import Foundation
import Logging
import Recordings
import Tensors
import VirtualTree

/// The settings of `evh5 mount`; `index` and `info` share some of them.
package enum Settings {
    package static let source = Setting<String?>(
        "source", "The folder of recordings.", takes: "a folder", default: nil, shown: "", parse: path)
    package static let mountPoint = Setting<String?>(
        "mountpoint", "Where to mount.", takes: "a folder", default: nil, shown: "", parse: path)
    package static let foreground = Setting(switch: "foreground", "Stay in the foreground and log to stderr.")
    package static let cache = Setting<String>(
        "cache", "Where time indexes and computed frames are kept.", takes: "a folder",
        fallback: { environment in
            if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return base + "/evh5" }
            return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache/evh5"
        }, shown: "$XDG_CACHE_HOME/evh5, else ~/.cache/evh5", parse: path)
    package static let maxCacheSize = Setting<Int64>(
        "max-cache-size", "Disk space that frames in the cache may take; 0 keeps none there.",
        takes: "a size such as 20G or 500M (a number without unit is bytes, at least 1048576), or 0",
        default: 20 << 30, shown: "20G",
        parse: { $0.text.flatMap(size).map { Int64($0) } })
    package static let memoryTarget = Setting<Int>(
        "memory-target", "Memory that frames may take; units are powers of 1024.",
        takes: "a size of at least 16M, such as 512M or 1.5G", default: 512 << 20, shown: "512M",
        parse: { $0.text.flatMap { Quantity.bytes($0) }.flatMap { $0 >= 16 << 20 ? $0 : nil } })
    package static let readOnly = Setting(
        switch: "read-only", "Refuse all writes with EROFS; what was added to files before is shown.")
    package static let sidecars = Setting<String>(
        "sidecars", "Where what users add to files is kept; never in the cache, as it cannot be made again.",
        takes: "a folder",
        fallback: { environment in
            if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/evh5" }
            return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/evh5"
        }, shown: "$XDG_STATE_HOME/evh5, else ~/.local/state/evh5", parse: path)
    package static let geometry = Setting<[RecordingRules.Rule<Geometry>]>(
        "geometry",
        "Geometry of recordings whose header has none; or GLOB=WxH for some of them, with ; between several.",
        takes: "a geometry such as 640x480, or GLOB=WxH; in a config file also a mapping of globs to geometries",
        default: [], shown: "", parse: { rules($0) { Geometry($0) } })
    package static let encoding = Setting<[RecordingRules.Rule<RecordingEncoding>]>(
        "encoding",
        "Encoding of recordings whose header names none: \(RecordingEncoding.list); dat1 and dat2 are DAT with x 9 bits, y 8, and with 14 each. Or GLOB=NAME for some of them, with ; between several.",
        takes:
            "one of \(RecordingEncoding.list), or GLOB=NAME; in a config file also a mapping of globs to encodings",
        default: [], shown: "", parse: { rules($0) { RecordingEncoding($0) } })
    package static let allowOther = Setting(switch: "allow-other", "Let other users read the mount.")
    package static let followLinks = Setting(
        switch: "follow-links", "With --allow-other, also follow symbolic links that leave the source.")
    package static let user = Setting<UInt32>(
        "uid", "Owner of all files.", takes: "a user's name or number", default: getuid(), shown: "you",
        parse: { $0.text.flatMap(userNumber) })
    package static let group = Setting<UInt32>(
        "gid", "Group of all files.", takes: "a group's name or number", default: getgid(), shown: "yours",
        parse: { $0.text.flatMap(groupNumber) })
    package static let fileMode = Setting<UInt32>(
        "file-mode", "Permissions of files; --read-only takes away those to write.",
        takes: "permission bits in octal, such as 0640", default: 0o644, shown: "0644", parse: permissions)
    package static let directoryMode = Setting<UInt32>(
        "dir-mode", "Permissions of folders; --read-only takes away those to write.",
        takes: "permission bits in octal, such as 0750", default: 0o755, shown: "0755", parse: permissions)
    package static let maxThreads = Setting<Int>(
        "max-threads", "Requests answered at the same time.", takes: "a number from 1 to 1024", default: 64,
        shown: "64", parse: { $0.text.flatMap { Int($0) }.flatMap { (1...1024).contains($0) ? $0 : nil } })
    package static let pageCache = Setting(
        switch: "page-cache",
        "Read through the kernel's page cache: slower and twice the memory; for np.memmap on kernels before 6.6.")
    package static let logLevel = Setting<Logger.Level>(
        "log-level", "What to log.", takes: Logger.Level.allCases.map(\.rawValue).joined(separator: ", "),
        default: .info, shown: "info", parse: { $0.text.flatMap { Logger.Level(rawValue: $0.lowercased()) } })
    package static let logFormat = Setting<LogFormat>(
        "log-format", "How log lines look: text, or json with an object for each line.",
        takes: LogFormat.allCases.map(\.rawValue).joined(separator: " or "), default: .text, shown: "text",
        parse: { $0.text.flatMap { LogFormat(rawValue: $0.lowercased()) } })
    package static let logDirectory = Setting<String?>(
        "log-directory", "Log to evh5-<pid>.log in this folder; SIGHUP opens it anew.", takes: "a folder", default: nil,
        shown: "stderr in the foreground, else syslog, else $XDG_STATE_HOME/evh5-log", parse: path)
    package static let windows = Setting<[String]>(
        "windows", "Windows that listings show before anybody used them.",
        takes: "windows such as 10ms, 250ms or 10000ev", default: VirtualFileSystem.Options().windows,
        shown: VirtualFileSystem.Options().windows.joined(separator: ","), parse: windowList)
    package static let preprocessings = Setting<[RawSetting.Pair]>(
        "preprocessings", "New preprocessings, in a config file.",
        takes:
            "in a config file a mapping of new names to preprocessings, such as histo10: histo,max_incr_per_pixel=10",
        default: [], shown: "",
        parse: { raw in
            if case .pairs(let pairs) = raw { pairs } else { nil }
        })
    package static let register = Setting<[String]>(
        "register",
        "A new preprocessing, once or more: NAME=python:FILE.py:FUNCTION,channels=2[,key=value...], NAME=native:LIBRARY.so[,key=value...], or NAME=histo,max_incr_per_pixel=10; see docs/PREPROCESSINGS.md.",
        takes:
            "NAME=PREPROCESSING, such as mine=python:/path/my_module.py:my_function,channels=2; several with ; between them",
        default: [], shown: "",
        parse: { raw in
            switch raw {
            case .text(let text): text.split(separator: ";").map(String.init)
            case .list(let items): items
            case .pairs: nil
            }
        })
    package static let python = Setting<String>(
        "python", "The Python that runs preprocessings written in it, such as that of a venv; it needs numpy.",
        takes: "a program", default: "python3", shown: "python3", parse: path)
    package static let preprocessingWorkers = Setting<Int>(
        "preprocessing-workers", "Processes that compute frames at the same time, for each preprocessing of your own.",
        takes: "a number from 1 to 256", fallback: { _ in ProcessInfo.processInfo.activeProcessorCount },
        shown: "one for each core",
        parse: { $0.text.flatMap { Int($0) }.flatMap { (1...256).contains($0) ? $0 : nil } })
    package static let folders = Setting<[RVTFolder]>(
        "folders",
        "Folders that show a data set as RVT's preprocessing does: NAME=rvt,dataset=gen1 or gen4, also with path=FOLDER below the source; with ; between several; see docs/MODELS.md.",
        takes:
            "NAME=rvt,dataset=gen1 (or gen4), also with path=FOLDER below the source; in a config file a mapping of names to rvt,dataset=...",
        default: [], shown: "", parse: { FolderSettings.parse($0) })
    package static let companionSizeLimit = Setting<Int>(
        "companion-size-limit", "Files beside the recordings are shown when they are smaller than this.",
        takes: "a size such as 64M or 1.5G (a number without unit is bytes, at least 1048576), or 0", default: 64 << 20,
        shown: "64M", parse: { $0.text.flatMap(size) })
    package static let options = Setting<[String]>(
        "options", "Options for FUSE, as -o passes them.", takes: "options such as noatime,max_read=131072",
        default: [], shown: "",
        parse: { raw in
            switch raw {
            case .text(let text): text.split(separator: ",").map(String.init)
            case .list(let items): items
            case .pairs: nil
            }
        })

    /// All of them, in the order of the help.
    package static let all: [any AnySetting] = [
        source, mountPoint, foreground, cache, maxCacheSize, memoryTarget, sidecars, readOnly, geometry, encoding,
        preprocessings,
        register, python, preprocessingWorkers, windows, folders, companionSizeLimit, allowOther, followLinks, user,
        group,
        fileMode, directoryMode, maxThreads,
        pageCache, http, tokenFile, token, hostNames, logLevel, logFormat, logDirectory, options,
    ]

    package static func named(_ name: String) -> (any AnySetting)? { all.first { $0.name == name } }

    // MARK: Parsers

    @Sendable private static func path(_ raw: RawSetting) -> String? {
        guard let text = raw.text, !text.isEmpty else { return nil }
        return text
    }

    @Sendable static func path(_ raw: RawSetting) -> String?? {
        path(raw).map(Optional.some)
    }

    /// Bytes. A few without a unit are a mistake: somebody forgot it.
    @Sendable private static func size(_ text: String) -> Int? {
        guard let bytes = Quantity.bytes(text) else { return nil }
        let hasUnit = text.last?.isNumber == false
        return bytes == 0 || bytes >= 1 << 20 || hasUnit ? bytes : nil
    }

    /// Values by globs: `VALUE` for all, `GLOB=VALUE` for some, several with `;` between them, or a mapping.
    private static func rules<Value: Sendable>(
        _ raw: RawSetting, _ parse: (String) -> Value?
    ) -> [RecordingRules.Rule<Value>]? {
        let pairs: [(glob: String, text: String?)]
        switch raw {
        case .text(let text):
            pairs = text.split(separator: ";").map { part in
                // A glob may have `=` in it, a value has none.
                guard let equals = part.lastIndex(of: "=") else { return ("*", String(part)) }
                return (String(part[..<equals]), String(part[part.index(after: equals)...]))
            }
            if pairs.isEmpty { return nil }
        case .list: return nil
        case .pairs(let given): pairs = given.map { ($0.key, $0.value.text) }
        }
        var rules: [RecordingRules.Rule<Value>] = []
        for (glob, text) in pairs {
            guard !glob.isEmpty, let value = text.flatMap(parse) else { return nil }
            rules.append(RecordingRules.Rule(glob: glob, value))
        }
        return rules
    }

    @Sendable private static func windowList(_ raw: RawSetting) -> [String]? {
        guard let items = raw.items?.map({ $0.filter { $0 != " " } }) else { return nil }
        var names: [String] = []
        for item in items {
            guard let window = canonicalWindow(item) else { return nil }
            if !names.contains(window) { names.append(window) }
        }
        return names
    }

    /// The canonical spelling of a window; nil when it is none.
    private static func canonicalWindow(_ text: String) -> String? { try? WindowSpec(text).text }

    @Sendable private static func permissions(_ raw: RawSetting) -> UInt32? {
        guard var digits = raw.text?[...] else { return nil }
        if digits.hasPrefix("0o") { digits = digits.dropFirst(2) }
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."7").contains($0) }) else { return nil }
        return UInt32(digits, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
    }

    private static func userNumber(_ text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        return getpwnam(text)?.pointee.pw_uid
    }

    private static func groupNumber(_ text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        return getgrnam(text)?.pointee.gr_gid
    }
}
