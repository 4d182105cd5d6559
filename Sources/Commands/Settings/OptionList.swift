// `-o a,b=c`, as mount(8) and fstab write options: ours, FUSE's, and those that are neither's.

/// What a list of `-o` options says.
package struct OptionList: Sendable {
    /// Settings of ours, by name; `-` and `_` are alike in it.
    package private(set) var settings: [String: RawSetting] = [:]
    /// The config file that `config-file=` names.
    package private(set) var configFile: String?
    /// Left for FUSE, as written.
    package private(set) var fuse: [String] = []

    /// All of it as the flags of a command.
    var given: [String: RawSetting] {
        var given = settings
        if !fuse.isEmpty { given[Settings.options.name] = .list(fuse) }
        return given
    }

    /// - Parameter lists: each with commas between options.
    /// - Throws: exit code `usage` when one of ours lacks its value, or for `remount`.
    package init(_ lists: [String]) throws(CommandError) {
        var last = ""
        for option in lists.flatMap({ $0.split(separator: ",") }) {
            defer { last = String(option) }
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0].replacing("_", with: "-")
            if option == "remount" {
                throw CommandError(.usage, "evh5 cannot remount; unmount, then mount with the new options")
            } else if name == "config-file" {
                guard parts.count == 2, !parts[1].isEmpty else {
                    throw CommandError(.usage, "-o \(option) needs a value: a file")
                }
                configFile = parts[1]
            } else if option == "ro" {
                settings[Settings.readOnly.name] = .text("true")
            } else if let setting = Settings.named(name), setting.name != Settings.options.name {
                guard parts.count == 2 || setting.isSwitch else {
                    throw CommandError(.usage, "-o \(option) needs a value: \(setting.allowed)")
                }
                settings[name] = .text(parts.count == 2 ? parts[1] : "true")
            } else if last.hasPrefix(Settings.windows.name + "="), Settings.windows.accepts(.text(String(option))) {
                throw CommandError(
                    .usage, "-o \(last),\(option): commas end an option; write the list with colons, \(last):\(option)")
            } else if !OptionList.isForMountOnly(option) {
                fuse.append(String(option))
            }
        }
    }

    /// Options of fstab that are for mount(8) and systemd, not for a filesystem, and those that say what holds for a
    /// FUSE mount anyway or mean nothing to it (access times are not kept).
    private static func isForMountOnly(_ option: Substring) -> Bool {
        [
            "defaults", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "owner", "noowner", "group",
            "nogroup", "rw", "loud", "silent", "atime", "diratime", "nodiratime", "relatime", "strictatime", "lazytime",
            "nolazytime", "mand", "nomand", "iversion", "noiversion", "symfollow",
        ].contains(option)
            || ["x-", "X-", "comment=", "user=", "helper=", "uhelper="].contains(where: option.hasPrefix)
    }
}
