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
    @Flag(Settings.readOnly)
    var readOnly: Bool?
    @Flag(Settings.allowOther)
    var allowOther: Bool?
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
    @OptionGroup var tree: TreeFlags
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
        let texts: [(any AnySetting, String?)] = [
            (Settings.source, source), (Settings.mountPoint, mountPoint), (Settings.user, user),
            (Settings.group, group), (Settings.fileMode, fileMode), (Settings.directoryMode, directoryMode),
            (Settings.maxThreads, maxThreads),
        ]
        let switches: [(any AnySetting, Bool?)] = [
            (Settings.foreground, foreground), (Settings.readOnly, readOnly), (Settings.allowOther, allowOther),
            (Settings.pageCache, pageCache),
        ]
        return RawSetting.given(texts, switches: switches).merging(tree.given) { $1 }
    }
}
