// The flags of whatever shows a tree of virtual files, mounted or by HTTP.

import ArgumentParser

struct TreeFlags: ParsableArguments {
    @Option(Settings.cache, valueName: "dir")
    var cache: String?
    @Option(Settings.maxCacheSize, valueName: "size")
    var maxCacheSize: String?
    @Option(Settings.memoryTarget, valueName: "size")
    var memoryTarget: String?
    @Option(Settings.sidecars, valueName: "dir")
    var sidecars: String?
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
    @Flag(Settings.followLinks)
    var followLinks: Bool?
    @OptionGroup var http: HTTPFlags
    @Option(Settings.logLevel, valueName: "level")
    var logLevel: String?
    @Option(Settings.logFormat, valueName: "format")
    var logFormat: String?
    @Option(Settings.logDirectory, valueName: "dir")
    var logDirectory: String?

    /// The flags that were given, by their settings' names.
    var given: [String: RawSetting] {
        let texts: [(any AnySetting, String?)] = [
            (Settings.cache, cache), (Settings.maxCacheSize, maxCacheSize), (Settings.memoryTarget, memoryTarget),
            (Settings.sidecars, sidecars), (Settings.geometry, geometry), (Settings.encoding, encoding),
            (Settings.windows, windows), (Settings.folders, folders),
            (Settings.companionSizeLimit, companionSizeLimit), (Settings.logLevel, logLevel),
            (Settings.logFormat, logFormat), (Settings.logDirectory, logDirectory),
        ]
        return RawSetting.given(texts, switches: [(Settings.followLinks, followLinks)])
            .merging(preprocessings.given) { $1 }.merging(http.given) { $1 }
    }
}

extension RawSetting {
    /// Flags by their settings' names; those that are nil were not given.
    static func given(
        _ texts: [(any AnySetting, String?)], switches: [(any AnySetting, Bool?)] = []
    ) -> [String: RawSetting] {
        var given: [String: RawSetting] = [:]
        for (setting, text) in texts { if let text { given[setting.name] = .text(text) } }
        for (setting, on) in switches { if let on { given[setting.name] = .text(on ? "true" : "false") } }
        return given
    }
}
