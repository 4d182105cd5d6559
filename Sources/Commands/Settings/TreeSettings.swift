// What settings say of the tree of virtual files, be it mounted or shown by HTTP.

import FUSEAdapter
import VirtualTree

extension VirtualCatalog.Options {
    /// As `layers` say; read-only rights, owners and the mount point are the caller's.
    ///
    /// - Parameter hasOtherReaders: whether users besides the one who runs this may read: for them links do not leave
    ///   the
    ///   source, unless that is allowed.
    init(_ layers: SettingLayers, hasOtherReaders: Bool) throws(CommandError) {
        self.init()
        recordingRules = try layers.recordingRules()
        cacheDirectory = Mounts.absolute(try layers.value(Settings.cache))
        sidecarDirectory = Mounts.absolute(try layers.value(Settings.sidecars))
        sidecarHelper = ChildSidecarHelper()
        maxCacheSize = try layers.value(Settings.maxCacheSize)
        memoryTarget = try layers.value(Settings.memoryTarget)
        windows = try layers.value(Settings.windows)
        folders = try layers.value(Settings.folders)
        companionSizeLimit = Int64(try layers.value(Settings.companionSizeLimit))
        let followLinks = try layers.value(Settings.followLinks)
        linksMayLeaveSource = !hasOtherReaders || followLinks
        programVersion = Commands.programVersion
    }
}

extension PreprocessingSettings {
    /// - Throws: exit code `configuration` when a folder of the root has the name of a preprocessing.
    func checkFree(_ folders: [RVTFolder]) throws(CommandError) {
        for folder in folders where !isFree(folder.name) {
            throw CommandError(
                .configuration,
                "folders: '\(folder.name)' is a preprocessing or not 1 to 64 ASCII letters, digits, _ and -; choose another name"
            )
        }
    }
}
