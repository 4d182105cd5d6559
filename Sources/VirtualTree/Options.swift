// What a mount is told by its flags and config file, as far as the tree is concerned.

import Foundation
import Recordings
import SidecarStore

extension VirtualCatalog {
    /// Settings of a mount, or of whatever else is on top of it.
    public struct Options: Sendable {
        /// Geometries and encodings for recordings whose header has none.
        public var recordingRules = RecordingRules()
        /// Where time indexes and frames are kept; nil keeps them in memory only.
        public var cacheDirectory: String?
        /// Bytes that frames may take there; 0 keeps none.
        public var maxCacheSize: Int64 = 20 << 30
        /// Where what users add to files is kept; nil keeps nothing, so that nothing can be added.
        public var sidecarDirectory: String?
        /// Checks and carries over what users added.
        public var sidecarHelper: (any SidecarHelper)?
        /// Whether all changes are refused; what was added before is shown.
        public var readOnly = false
        /// Bytes that frames may take.
        public var memoryTarget: Int = 512 << 20
        /// Windows that listings show even before anybody used them.
        public var windows: [String] = ["10ms", "20ms", "50ms", "100ms", "250ms"]
        /// Folders beside the preprocessings that show a data set as RVT's preprocessing does.
        public var folders: [RVTFolder] = []
        /// Files beside the recordings are shown when they have fewer bytes than this.
        public var companionSizeLimit: Int64 = 64 << 20
        /// Folders and recordings below the source that are shown, with what belongs to them; none means all.
        public var shown: [String] = []
        /// Whether symbolic links may lead out of the source.
        public var linksMayLeaveSource = true
        public var user: UInt32 = getuid()
        public var group: UInt32 = getgid()
        /// Permission bits.
        public var fileMode: UInt32 = 0o444
        public var directoryMode: UInt32 = 0o555
        /// Seconds that names and attributes of recordings may be believed before the source is asked again.
        public var validity: Double = 1
        /// What `evh5 status` shows as the mount point.
        public var mountPoint: String = ""
        /// Where log lines go, for `evh5 status`.
        public var logStatus: @Sendable () -> MountStatus.Log? = { nil }
        /// Where the same is shown by HTTP, for `evh5 status`.
        public var httpStatus: @Sendable () -> MountStatus.HTTP? = { nil }
        /// The program's version, a root attribute of every file.
        public var programVersion: String = "0"

        public init() {}
    }
}
