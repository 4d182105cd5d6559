// Settings: who wins, what is allowed, and what the errors say.

import Commands
import FUSEAdapter
import Foundation
import Logging
import Recordings
import Tensors
import Testing
import VirtualTree

struct SettingsTests {
    static let name = "memory-target"

    @Test func precedence() throws {
        let config = try ConfigFile(path: "c.yaml", text: "memory-target: 300M\n")
        let variable = ["EVH5_MEMORY_TARGET": "200M"]
        let flags = [SettingsTests.name: RawSetting.text("100M")]
        func target(_ layers: SettingLayers) throws -> Int { try layers.value(Settings.memoryTarget) >> 20 }
        #expect(try target(SettingLayers(flags: flags, environment: variable, config: config)) == 100)
        #expect(try target(SettingLayers(environment: variable, config: config)) == 200)
        #expect(try target(SettingLayers(environment: ["EVH5_MEMORY_TARGET": ""], config: config)) == 300)
        #expect(try target(SettingLayers(environment: [:])) == 512)
    }

    @Test func switchesCanBeTurnedOffByStrongerLayers() throws {
        let config = try ConfigFile(path: "c.yaml", text: "allow-other: true\n")
        let off = ["allow-other": RawSetting.text("false")]
        #expect(try SettingLayers(environment: [:], config: config).value(Settings.allowOther))
        #expect(try !SettingLayers(flags: off, environment: [:], config: config).value(Settings.allowOther))
        #expect(try !SettingLayers(environment: ["EVH5_ALLOW_OTHER": "0"], config: config).value(Settings.allowOther))
    }

    @Test func theCacheFollowsTheEnvironment() throws {
        func cache(_ environment: [String: String]) throws -> String {
            try SettingLayers(environment: environment).value(Settings.cache)
        }
        #expect(try cache(["XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/x/evh5")
        #expect(try cache(["XDG_CACHE_HOME": "relative", "HOME": "/h"]) == "/h/.cache/evh5")
        #expect(try cache(["HOME": "/h"]) == "/h/.cache/evh5")
    }

    @Test(arguments: [
        ("memory-target", "lots"), ("memory-target", "1M"), ("geometry", "640*480"),
        ("geometry", "=64x48"), ("geometry", "*.dat=64"), ("encoding", "evt5"), ("encoding", "*.raw="),
        ("log-level", "chatty"),
        ("max-threads", "0"), ("file-mode", "0999"), ("dir-mode", "1777"), ("uid", "no such user"), ("windows", "0ms"),
        ("windows", "10ms,-5ms"), ("companion-size-limit", "-1"), ("read-only", "maybe"), ("cache", ""),
        ("folders", "rvt"), ("folders", "a=rvt"), ("folders", "a=rvt,dataset=gen2"), ("folders", "a=dsec,dataset=gen1"),
        ("folders", "=rvt,dataset=gen1"), ("folders", "a=rvt,dataset=gen1,dataset=gen1"),
        ("folders", "a=rvt,dataset=gen1,path=/b"), ("folders", "a=rvt,dataset=gen1,path=b/../.."),
        ("folders", "a=rvt,dataset=gen1;a=rvt,dataset=gen4"),
    ])
    func wrongValues(_ name: String, _ text: String) throws {
        let setting = try #require(Settings.named(name))
        #expect(!setting.accepts(.text(text)))
        let error = #expect(throws: CommandError.self) {
            try ConfigFile(path: "c.yaml", text: "\n\(name): '\(text)'\n")
        }
        let message = try #require(error?.message)
        #expect(error?.status == .configuration)
        #expect(message.hasPrefix("c.yaml:2: '\(name)' takes \(setting.allowed)"))
        #expect(!message.contains("\n"))
    }

    @Test func wrongFlagsAndVariablesNameThemselves() {
        let flag = #expect(throws: CommandError.self) {
            try SettingLayers(flags: ["max-threads": .text("many")], environment: [:]).value(Settings.maxThreads)
        }
        #expect(flag?.status == .usage && flag?.message.hasPrefix("--max-threads takes") == true)
        let variable = #expect(throws: CommandError.self) {
            try SettingLayers(environment: ["EVH5_MAX_THREADS": "many"]).value(Settings.maxThreads)
        }
        #expect(variable?.status == .configuration && variable?.message.hasPrefix("EVH5_MAX_THREADS takes") == true)
    }

    @Test func allThatAMountNeeds() throws {
        let text = """
            source: rec
            mountpoint: ~/h5
            memory-target: 1.5G
            geometry:
              "a/*": 304x240
              "*_td.dat": 120x100
            encoding:
              "old/*": evt2
              "*_td.dat": dat1
            windows: [50000us, 10ms, 0.01s, 10000ev]
            folders:
              small: rvt,dataset=gen1
              large: rvt,dataset=gen4,path=mega/pixel/
            companion-size-limit: 1K
            uid: 7
            file-mode: 0440
            log-level: debug
            options: [noatime]
            """
        let config = try ConfigFile(path: "/etc/evh5/c.yaml", text: text, environment: ["HOME": "/h"])
        let settings = try MountSettings(SettingLayers(environment: ["HOME": "/h"], config: config))
        #expect(settings.source == "/etc/evh5/rec")
        #expect(settings.mount.mountPoint == "/h/h5")
        #expect(settings.tree.memoryTarget == 3 << 29)
        #expect(settings.tree.recordingRules.geometries.map(\.glob) == ["a/*", "*_td.dat"])
        #expect(settings.tree.recordingRules.geometries.map(\.value.description) == ["304x240", "120x100"])
        #expect(settings.tree.recordingRules.encodings.map(\.glob) == ["old/*", "*_td.dat"])
        #expect(settings.tree.recordingRules.encodings.map(\.value) == [.evt2, .dat1])
        #expect(settings.tree.windows == ["50ms", "10ms", "10000ev"])
        #expect(settings.tree.companionSizeLimit == 1024)
        let folders = [
            RVTFolder(name: "small", .gen1, path: ""), RVTFolder(name: "large", .gen4, path: "mega/pixel"),
        ]
        #expect(settings.tree.folders == folders)
        #expect(
            Settings.folders.parse(.text("small=rvt:dataset=gen1;large=rvt,path=mega/pixel,dataset=gen4")) == folders)
        #expect(settings.tree.user == 7 && settings.tree.fileMode == 0o440)
        #expect(settings.logLevel == .debug && settings.mount.extra == ["noatime"])
        #expect(settings.tree.programVersion == programVersion)
    }

    /// In a flag or variable: one value for all, or values by globs.
    @Test func rulesInOneLine() throws {
        func encodings(_ text: String) throws -> [String] {
            let layers = SettingLayers(flags: ["encoding": .text(text)], environment: [:])
            return try layers.value(Settings.encoding).map { "\($0.glob) \($0.value.rawValue)" }
        }
        #expect(try encodings("EVT21-legacy") == ["* evt21-legacy"])
        #expect(try encodings("old/*=evt2;a=b.dat=dat1;evt3") == ["old/* evt2", "a=b.dat dat1", "* evt3"])
        let variable = SettingLayers(environment: ["EVH5_GEOMETRY": "*_td.dat=304x240"])
        #expect(try variable.value(Settings.geometry).map { "\($0.glob) \($0.value)" } == ["*_td.dat 304x240"])
    }

    @Test func linksLeaveTheSourceUnlessOthersLookIn() throws {
        func mayLeave(_ flags: [String]) throws -> Bool {
            let given = Dictionary(uniqueKeysWithValues: (flags + []).map { ($0, RawSetting.text("true")) })
            let places = ["source": RawSetting.text("/s"), "mountpoint": RawSetting.text("/m")]
            return try MountSettings(SettingLayers(flags: given.merging(places) { $1 }, environment: [:])).tree
                .linksMayLeaveSource
        }
        #expect(try mayLeave([]))
        #expect(try !mayLeave(["allow-other"]))
        #expect(try mayLeave(["allow-other", "follow-links"]))
        // The same in FUSE's words.
        let config = try ConfigFile(path: "c.yaml", text: "source: /s\nmountpoint: /m\noptions: [allow_other]\n")
        let settings = try MountSettings(SettingLayers(environment: [:], config: config))
        #expect(!settings.tree.linksMayLeaveSource && settings.mount.allowOther)
    }

    @Test func preprocessingsCanBeNamedInTheConfigFile() throws {
        let places = "source: /s\nmountpoint: /m\n"
        func settings(_ text: String) throws -> MountSettings {
            try MountSettings(
                SettingLayers(environment: [:], config: try ConfigFile(path: "c.yaml", text: places + text)))
        }
        func registry(_ text: String) throws -> PreprocessingRegistry {
            try settings(text).preprocessings.loaded(Logger(label: "test")).registry
        }
        let named = try registry("preprocessings:\n  histo10: histo,max_incr_per_pixel=10\n  h2: histo10\n")
        #expect(named.names.suffix(2) == ["histo10", "h2"])
        #expect(try !registry("").names.contains("histo10"))
        for wrong in ["x: nonsense", "x: histo,foo=1", "histo: diff", "x: 'histo,downsample=2'", "a/b: histo"] {
            #expect(throws: CommandError.self) { try settings("preprocessings:\n  \(wrong)\n") }
        }
    }

    /// What is wrong with what is registered in a config file or by flags.
    private func problem(_ config: String, register: [String] = []) throws -> CommandError? {
        let flags: [String: RawSetting] = [
            "source": .text("/s"), "mountpoint": .text("/m"), "register": .list(register),
        ]
        let layers = SettingLayers(
            flags: flags, environment: [:], config: try ConfigFile(path: "/etc/c.yaml", text: config))
        do throws(CommandError) { _ = try MountSettings(layers) } catch { return error }
        return nil
    }

    @Test(arguments: [
        "mine: {python: 'm:f', channels: 2, path: code, kwargs: {threshold: 3, decay: 0.5}, timeout: 30s, summary: 'a, b'}",
        "mine: {python: 'm:f', channels: 2, kwargs: }", "mine: {native: lib.so}\n  more: mine,anything=5",
    ])
    func preprocessingsOfOnesOwn(_ text: String) throws {
        #expect(try problem("preprocessings:\n  \(text)\n")?.message == nil)
    }

    @Test(arguments: [
        ("mine: {python: 'm:f'}", "mine: say how many channels"), ("mine: {channels: 2}", "mine: say either python"),
        (
            "mine: {python: 'm:f', channels: 2, threshold: 3}",
            "mine: threshold is no key; there are python, native, kwargs"
        ),
        ("mine: {python: 'm:f', channels: [2]}", "mine: channels is no single value"),
        ("mine: {python: 'm:f', channels: 2, kwargs: {a: [1]}}", "mine: a is no single value"),
        ("mine: [1, 2]", "mine: a preprocessing is a text or a mapping"),
        ("histo: {native: lib.so}", "\"histo\" is taken"),
        ("more: mine\n  mine: {native: lib.so}", "there is no preprocessing \"mine\""),
    ])
    func preprocessingsOfOnesOwnThatAreWrong(_ text: String, _ said: String) throws {
        let problem = try #require(try problem("preprocessings:\n  \(text)\n"))
        #expect(problem.status == .configuration)
        #expect(
            problem.message.hasPrefix("/etc/c.yaml: preprocessings: ") && problem.message.contains(said), "\(problem)")
    }

    @Test func flagsRegisterAfterTheConfigFile() throws {
        let config = "preprocessings:\n  a: histo,max_incr_per_pixel=3\n"
        #expect(
            try problem(config, register: ["b=a,max_incr_per_pixel=4", "c=python:m.py:f,channels=1,k=a=b"])?.status
                == .usage)
        #expect(try problem(config, register: ["b=a,max_incr_per_pixel=4", "c=python:m.py:f,channels=1,k=1"]) == nil)
        for wrong in ["a=diff", "b", "b=nonsense", "b=python:m.py:f"] {
            let problem = try problem(config, register: [wrong])
            #expect(problem?.status == .usage && problem?.message.hasPrefix("--register: ") == true, "\(wrong)")
        }
    }

    @Test func aMountNeedsItsPlaces() {
        let error = #expect(throws: CommandError.self) {
            try MountSettings(SettingLayers(flags: ["source": .text("/s")], environment: [:]))
        }
        #expect(error?.status == .usage)
    }

    @Test func unknownKeysAreNamedWithThoseThatExist() throws {
        let error = #expect(throws: CommandError.self) {
            try ConfigFile(path: "c.yaml", text: "windows: [10ms]\nmemory: 1G\n")
        }
        let message = try #require(error?.message)
        #expect(message.hasPrefix("c.yaml:2: 'memory' is no setting; keys are "))
        #expect(message.contains("memory-target, ") && !message.contains("\n"))
    }

    @Test(arguments: [
        ("memory-traget", "memory-target"), ("memory_target", "memory-target"), ("Read-Only", "read-only"),
        ("sidecar", "sidecars"), ("mount-point", "mountpoint"),
    ])
    func keysThatWereNearlyRight(_ key: String, _ meant: String) throws {
        let error = #expect(throws: CommandError.self) { try ConfigFile(path: "c.yaml", text: "\(key): 1\n") }
        #expect(error?.message == "c.yaml:1: '\(key)' is no setting; did you mean '\(meant)'?")
    }

    @Test(arguments: [
        ("source: a\nwindows: [10ms]\nsource: b\n", 3, "source"),
        ("# windows: 1\n'windows': 10ms\n\nwindows: 20ms\n", 4, "windows"),
        ("geometry:\n  a.raw: 8x8\n  b.raw: 8x8\n  a.raw: 4x4\n", 4, "a.raw"),
        ("source: a\r\nwindows: 10ms\r\nsource: b\r\n", 3, "source"),
    ])
    func doubledKeysNameTheLineOfTheSecond(_ text: String, _ line: Int, _ key: String) throws {
        let error = #expect(throws: CommandError.self) { try ConfigFile(path: "c.yaml", text: text) }
        #expect(error?.message == "c.yaml:\(line): the key '\(key)' is there twice")
    }

    @Test func aFolderIsNoConfigFile() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: CommandError.self) { try ConfigFile(path: folder.path) }
        #expect(error?.status == .configuration)
        #expect(error?.message.hasSuffix("'\(folder.path)' is a folder; name a file in it") == true)
    }

    @Test(arguments: [
        ("20", false), ("1023", false), ("0", true), ("1048576", true), ("20G", true), ("400K", true), ("1.5M", true),
    ]) func aSizeWithoutUnitIsAMistakeWhenSmall(_ text: String, _ isRight: Bool) {
        #expect(Settings.maxCacheSize.accepts(.text(text)) == isRight)
        #expect(Settings.companionSizeLimit.accepts(.text(text)) == isRight)
    }

    @Test func unknownVariables() {
        let environment = [
            "EVH5_MEMRY_TARGET": "1G", "EVH5_CACHE": "/c", "EVH5_CONFIG_FILE": "", "EVH5_SOMETHING_ELSE": "1",
            "EVH5": "x", "PATH": "/", "EVH5_KERNELS": "plain",
        ]
        let lines = SettingLayers.unknownVariables(environment)
        #expect(lines.count == 2)
        #expect(SettingLayers.unknownKernels(environment) == nil)
        #expect(SettingLayers.unknownKernels(["EVH5_KERNELS": "avx"])?.contains("it has plain") == true)
        #expect(lines[0].contains("EVH5_MEMRY_TARGET") && lines[0].hasSuffix("did you mean 'EVH5_MEMORY_TARGET'?"))
        #expect(lines[1].contains("EVH5_SOMETHING_ELSE") && !lines[1].contains("did you mean"))
    }

    @Test(arguments: [
        "a: [\n", "- list\n", "just text", "windows: [10ms]\nwindows: [20ms]\n", "\u{1}: 2\n", "windows: {a: {b: c}}\n",
    ])
    func brokenFiles(_ text: String) throws {
        let error = #expect(throws: CommandError.self) { try ConfigFile(path: "c.yaml", text: text) }
        let message = try #require(error?.message)
        #expect(error?.status == .configuration)
        #expect(message.hasPrefix("c.yaml") && !message.contains("\n"), "\(message)")
    }

    @Test(arguments: ["", "\n", "# only a comment\n", "---\n"])
    func emptyFilesSayNothing(_ text: String) throws {
        #expect(try ConfigFile(path: "c.yaml", text: text).values.isEmpty)
    }

    @Test func missingFile() {
        let error = #expect(throws: CommandError.self) { try ConfigFile(path: "/nowhere/c.yaml") }
        #expect(error?.status == .configuration && error?.message.contains("/nowhere/c.yaml") == true)
    }

    @Test func fstabOptions() throws {
        let list = try OptionList([
            "defaults,nofail,x-systemd.automount,allow_other,memory-target=1G", "noatime,ro,uid=5,windows=10ms:20ms",
        ])
        #expect(list.fuse == ["noatime"])
        #expect(
            list.settings == [
                "allow-other": .text("true"), "memory-target": .text("1G"), "read-only": .text("true"),
                "uid": .text("5"),
                "windows": .text("10ms:20ms"),
            ])
        let windows = try SettingLayers(flags: list.settings, environment: [:]).value(Settings.windows)
        #expect(windows == ["10ms", "20ms"])
        #expect(throws: CommandError.self) { try OptionList(["memory-target"]) }
        let commas = #expect(throws: CommandError.self) { try OptionList(["ro,windows=10ms,50ms,100ms"]) }
        #expect(commas?.message.contains("windows=10ms:50ms") == true && commas?.status == .usage)
        #expect(throws: CommandError.self) { try OptionList(["remount,ro"]) }
        #expect(throws: CommandError.self) { try OptionList(["config-file="]) }
    }

    @Test func optionsThatMountAndSystemdKeepForThemselves() throws {
        let list = try OptionList([
            "rw,auto,noauto,user=jane,users,group,_netdev,relatime,nodiratime,X-mount.mkdir,x-systemd.requires=a.mount",
            "nodev,nosuid,noexec,config_file=/etc/evh5/c.yaml",
        ])
        #expect(list.settings.isEmpty)
        #expect(list.fuse == ["nodev", "nosuid", "noexec"])
        #expect(list.configFile == "/etc/evh5/c.yaml")
    }

    @Test func defaultsAreShownAsTheyAre() throws {
        // The shown text of a default, parsed, is the default.
        func check<Value: Equatable>(_ setting: Setting<Value>) throws {
            let shown = try #require(setting.parse(.text(setting.defaultText)), "\(setting.name)")
            #expect(shown == setting.fallback([:]), "\(setting.name)")
        }
        try check(Settings.maxCacheSize)
        try check(Settings.memoryTarget)
        try check(Settings.fileMode)
        try check(Settings.directoryMode)
        try check(Settings.maxThreads)
        try check(Settings.logLevel)
        try check(Settings.windows)
        try check(Settings.companionSizeLimit)
        #expect(MountOptions(mountPoint: "/m", source: "/s").maxThreads == Settings.maxThreads.fallback([:]))
    }

    @Test func examplesAreValid() throws {
        let folder = root + "/mount-configs"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 3)
        for name in names {
            let config = try ConfigFile(path: folder + "/" + name)
            _ = try MountSettings(SettingLayers(environment: [:], config: config))
        }
    }
}
