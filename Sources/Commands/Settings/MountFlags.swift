// The flags of `evh5 mount`: each named and explained by its setting.

import ArgumentParser

extension Option where Value == String? {
    init(_ setting: some AnySetting, valueName: String) {
        self.init(name: .customLong(setting.name), help: ArgumentHelp(stringLiteral: setting.flagHelp, valueName))
    }
}

extension Flag where Value == Bool? {
    init(_ setting: some AnySetting, short: Character? = nil) {
        let names = [NameSpecification.Element.customLong(setting.name)] + (short.map { [.customShort($0)] } ?? [])
        self.init(
            name: NameSpecification(names), inversion: .prefixedNo, help: ArgumentHelp(stringLiteral: setting.flagHelp))
    }
}

extension ArgumentHelp {
    init(stringLiteral text: String, _ valueName: String) {
        self.init(stringLiteral: text)
        self.valueName = valueName
    }
}

/// What `mount` is told on its command line.
struct MountFlags: ParsableArguments {
    @Argument(help: "The folder of recordings.")
    var source: String?
    @Argument(help: ArgumentHelp("The folder to mount on.", valueName: "mountpoint"))
    var mountPoint: String?

    @Option(
        name: .customLong("config-file"),
        help: "A YAML file with these flags' names as keys; see mount-configs/. (EVH5_CONFIG_FILE)")
    var configFile: String?
    @Flag(Settings.foreground, short: "f")
    var foreground: Bool?
    @Option(Settings.cache, valueName: "dir")
    var cache: String?
    @Option(Settings.maxCacheSize, valueName: "size")
    var maxCacheSize: String?
    @Option(Settings.memoryTarget, valueName: "size")
    var memoryTarget: String?
    @Option(Settings.sidecars, valueName: "dir")
    var sidecars: String?
    @Flag(Settings.readOnly)
    var readOnly: Bool?
    @Option(Settings.geometry, valueName: "WxH")
    var geometry: String?
    @Option(Settings.encoding, valueName: "name")
    var encoding: String?
    @OptionGroup var preprocessings: PreprocessingFlags
    @Option(Settings.windows, valueName: "list")
    var windows: String?
    @Option(Settings.folders, valueName: "name=rvt")
    var folders: String?
    @Option(Settings.companionSizeLimit, valueName: "size")
    var companionSizeLimit: String?
    @Flag(Settings.allowOther)
    var allowOther: Bool?
    @Flag(Settings.followLinks)
    var followLinks: Bool?
    @Option(Settings.user, valueName: "uid")
    var user: String?
    @Option(Settings.group, valueName: "gid")
    var group: String?
    @Option(Settings.fileMode, valueName: "mode")
    var fileMode: String?
    @Option(Settings.directoryMode, valueName: "mode")
    var directoryMode: String?
    @Option(Settings.maxThreads, valueName: "n")
    var maxThreads: String?
    @Flag(Settings.pageCache)
    var pageCache: Bool?
    @OptionGroup var http: HTTPFlags
    @Option(Settings.logLevel, valueName: "level")
    var logLevel: String?
    @Option(Settings.logFormat, valueName: "format")
    var logFormat: String?
    @Option(Settings.logDirectory, valueName: "dir")
    var logDirectory: String?
    @Option(
        name: [.customShort("o"), .customLong("options")],
        help: ArgumentHelp(
            "Options for FUSE, with commas between them; these flags' names are understood too, and those of fstab: -o allow_other,memory-target=1G. (EVH5_OPTIONS)",
            valueName: "a,b=c"))
    var options: [String] = []

    /// Where the settings come from; what `-o` says stands behind flags proper.
    /// - Throws: exit code `usage` or `configuration`.
    func layers() throws(CommandError) -> SettingLayers {
        let list = try OptionList(options)
        return try .standard(
            flags: list.given.merging(given()) { $1 }, configFile: configFile ?? list.configFile)
    }

    /// The flags that were given, by their settings' names.
    private func given() -> [String: RawSetting] {
        var given: [String: RawSetting] = [:]
        let texts: [(any AnySetting, String?)] = [
            (Settings.source, source), (Settings.mountPoint, mountPoint), (Settings.cache, cache),
            (Settings.maxCacheSize, maxCacheSize), (Settings.memoryTarget, memoryTarget), (Settings.geometry, geometry),
            (Settings.encoding, encoding),
            (Settings.windows, windows), (Settings.folders, folders), (Settings.sidecars, sidecars),
            (Settings.companionSizeLimit, companionSizeLimit), (Settings.user, user), (Settings.group, group),
            (Settings.fileMode, fileMode), (Settings.directoryMode, directoryMode), (Settings.maxThreads, maxThreads),
            (Settings.logLevel, logLevel), (Settings.logFormat, logFormat), (Settings.logDirectory, logDirectory),
        ]
        let switches: [(any AnySetting, Bool?)] = [
            (Settings.foreground, foreground), (Settings.readOnly, readOnly), (Settings.allowOther, allowOther),
            (Settings.followLinks, followLinks), (Settings.pageCache, pageCache),
        ]
        given.merge(preprocessings.given) { $1 }
        given.merge(http.given) { $1 }
        for (setting, text) in texts { if let text { given[setting.name] = .text(text) } }
        for (setting, on) in switches { if let on { given[setting.name] = .text(on ? "true" : "false") } }
        return given
    }
}
