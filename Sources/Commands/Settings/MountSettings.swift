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
    /// Absolute path.
    package let logDirectory: String?
    package let tree: VirtualFileSystem.Options
    /// The preprocessings that are shown.
    package let preprocessings: PreprocessingSettings
    package let mount: MountOptions

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
        logDirectory = try layers.value(Settings.logDirectory).map(Mounts.absolute)
        let extra = try layers.value(Settings.options)
        // The same, said in FUSE's words.
        let allowOther = try layers.value(Settings.allowOther) || extra.contains("allow_other")

        var tree = VirtualFileSystem.Options()
        tree.geometryRules = try layers.value(Settings.geometry)
        tree.cacheDirectory = Mounts.absolute(try layers.value(Settings.cache))
        tree.sidecarDirectory = Mounts.absolute(try layers.value(Settings.sidecars))
        tree.sidecarHelper = ChildSidecarHelper()
        tree.maxCacheSize = try layers.value(Settings.maxCacheSize)
        tree.memoryTarget = try layers.value(Settings.memoryTarget)
        tree.windows = try layers.value(Settings.windows)
        tree.companionSizeLimit = Int64(try layers.value(Settings.companionSizeLimit))
        let followLinks = try layers.value(Settings.followLinks)
        tree.linksMayLeaveSource = !allowOther || followLinks
        tree.user = try layers.value(Settings.user)
        tree.group = try layers.value(Settings.group)
        tree.readOnly = try layers.value(Settings.readOnly)
        let mayWrite: UInt32 = tree.readOnly ? ~0o222 : ~0
        tree.fileMode = try layers.value(Settings.fileMode) & mayWrite
        tree.directoryMode = try layers.value(Settings.directoryMode) & mayWrite
        tree.mountPoint = Mounts.absolute(mountPoint)
        tree.programVersion = programVersion
        self.tree = tree
        preprocessings = try PreprocessingSettings(layers)

        var mount = MountOptions(mountPoint: tree.mountPoint, source: self.source)
        mount.allowOther = allowOther
        mount.readOnly = tree.readOnly
        mount.maxThreads = try layers.value(Settings.maxThreads)
        mount.pageCache = try layers.value(Settings.pageCache)
        mount.extra = extra
        self.mount = mount
    }

    /// Refuses a mount point that the daemon would have to ask itself about.
    func checkPlaces() throws(CommandError) {
        guard let source = realPath(source) else {
            throw CommandError(.sourceUnusable, "cannot mount '\(source)': \(String(cString: strerror(errno)))")
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
