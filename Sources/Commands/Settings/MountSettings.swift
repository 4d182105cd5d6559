// All that a mount needs to know, resolved from flags, environment and config file, in the layers' own terms.

import FUSEAdapter
import Foundation
import Logging
import VirtualTree

/// A mount's settings.
package struct MountSettings {
    /// Absolute path.
    package let source: String
    package let foreground: Bool
    package let logLevel: Logger.Level
    package let logFormat: LogFormat
    /// Absolute path.
    package let logDirectory: String?
    package let tree: VirtualCatalog.Options
    /// The preprocessings that are shown.
    package let preprocessings: PreprocessingSettings
    package let mount: MountOptions
    /// nil when nothing is shown by HTTP.
    package let http: HTTPSettings?

    init(_ flags: MountFlags) throws(CommandError) {
        try self.init(flags.layers())
    }

    package init(_ layers: SettingLayers) throws(CommandError) {
        guard let source = try layers.value(Settings.source), let mountPoint = try layers.value(Settings.mountPoint)
        else {
            throw CommandError(.usage, "say what to mount where: evh5 mount SOURCE MOUNTPOINT (see evh5 mount --help)")
        }
        self.source = Mounts.absolute(source)
        foreground = try layers.value(Settings.foreground)
        logLevel = try layers.value(Settings.logLevel)
        logFormat = try layers.value(Settings.logFormat)
        logDirectory = try layers.value(Settings.logDirectory).map(Mounts.absolute)
        let extra = try layers.value(Settings.options)
        // The same, said in FUSE's words.
        let allowOther = try layers.value(Settings.allowOther) || extra.contains("allow_other")

        http = try HTTPSettings(layers)
        // Who asks by HTTP is another user, too.
        var tree = try VirtualCatalog.Options(layers, hasOtherReaders: allowOther || http != nil)
        tree.readOnly = try layers.value(Settings.readOnly)
        let mayWrite: UInt32 = tree.readOnly ? ~0o222 : ~0
        tree.fileMode = try layers.value(Settings.fileMode) & mayWrite
        tree.directoryMode = try layers.value(Settings.directoryMode) & mayWrite
        tree.user = try layers.value(Settings.user)
        tree.group = try layers.value(Settings.group)
        tree.mountPoint = Mounts.absolute(mountPoint)
        self.tree = tree
        preprocessings = try PreprocessingSettings(layers)
        try preprocessings.checkFree(tree.folders)

        var mount = MountOptions(mountPoint: tree.mountPoint, source: self.source)
        mount.allowOther = allowOther
        mount.readOnly = tree.readOnly
        mount.maxThreads = try layers.value(Settings.maxThreads)
        mount.pageCache = try layers.value(Settings.pageCache)
        mount.extra = extra
        self.mount = mount
    }

    /// Why nothing will be kept in the cache; nil when that looks possible. The mount works without it.
    func cacheProblem() -> String? {
        guard let cache = tree.cacheDirectory else { return nil }
        var folder = cache
        var status = stat()
        while stat(folder, &status) != 0 {
            let why = errno
            let above = (folder as NSString).deletingLastPathComponent
            guard why == ENOENT, !above.isEmpty, above != folder else {
                return complaint(cache, String(cString: strerror(why)))
            }
            folder = above
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return complaint(cache, folder == cache ? "it is no folder" : "'\(folder)' is no folder")
        }
        guard MountSettings.may(W_OK | X_OK, folder) else { return complaint(cache, String(cString: strerror(errno))) }
        return nil
    }

    /// Whether this process may do so with `path`; sets `errno` when not.
    private static func may(_ what: Int32, _ path: String) -> Bool { faccessat(AT_FDCWD, path, what, AT_EACCESS) == 0 }

    private func complaint(_ cache: String, _ why: String) -> String {
        "the cache '\(cache)' cannot be written (\(why)): frames and time indexes are computed every time; --cache names another"
    }

    /// Refuses a mount point that the daemon would have to ask itself about.
    func checkPlaces() throws(CommandError) {
        guard let source = realPath(source) else {
            throw CommandError(.sourceUnusable, "cannot mount '\(source)': \(String(cString: strerror(errno)))")
        }
        var status = stat()
        // What is no folder is refused with that reason when it is opened.
        if stat(source, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, !MountSettings.may(R_OK | X_OK, source) {
            throw CommandError(
                .sourceUnusable,
                "cannot mount '\(source)': \(String(cString: strerror(errno))); you must be able to read it")
        }
        guard let mountPoint = realPath(mount.mountPoint) else { return }  // the adapter says why
        func contains(_ folder: String, _ path: String) -> Bool {
            path == folder || path.hasPrefix(folder == "/" ? folder : folder + "/")
        }
        if contains(source, mountPoint) {
            throw CommandError(
                .mountPointUnusable,
                "the mount point '\(mountPoint)' lies in the source '\(source)'; mount outside of it")
        }
        if contains(mountPoint, source) {
            throw CommandError(
                .mountPointUnusable,
                "mounting on '\(mountPoint)' would hide the source '\(source)'; choose another mount point")
        }
        if let cache = tree.cacheDirectory, contains(mountPoint, realPath(cache) ?? cache) {
            throw CommandError(
                .mountPointUnusable,
                "the cache '\(cache)' would lie in the mount '\(mountPoint)' itself; choose another with --cache")
        }
        if let sidecars = tree.sidecarDirectory {
            let real = realPath(sidecars) ?? sidecars
            if contains(mountPoint, real) || contains(source, real) {
                throw CommandError(
                    .mountPointUnusable,
                    "the sidecars' folder '\(sidecars)' lies in the mount or among the recordings; choose another with --sidecars"
                )
            }
        }
    }
}
