// What people find in a store: the manifest of a sidecar, and the README.

import Foundation

/// `manifest.json`: what a sidecar's folder is, for people and scripts. evh5 writes it and never reads it.
struct Manifest: Codable {
    struct Commit: Codable {
        var commit: Int
        var time: String
        /// Bytes of the virtual file.
        var size: Int64
        /// Bytes on the disk that this state needs; states share files.
        var heldBytes: Int64
        var evh5Version: String
        var tensorVersion: Int
        var note: String?
    }

    var about = "What was added to a virtual HDF5 file of evh5. See README in the store, and `evh5 sidecar --help`."
    var recording: String
    var recordingSize: Int64
    var preprocessing: String
    var window: String
    var part: Int?
    var formatVersion = SidecarFormat.version
    /// The states that are kept, oldest first; the last one is what a mount shows.
    var history: [Commit]

    init(_ key: SidecarKey, _ heads: [CommitHead]) {
        recording = key.recordingPath
        recordingSize = heads.last?.info.recording.size ?? 0
        preprocessing = key.preprocessing
        window = key.window
        part = key.part
        history = heads.map { head in
            Commit(
                commit: head.number, time: StoreTime.text(head.info.committedAt), size: head.size,
                heldBytes: head.heldBytes, evh5Version: head.info.programVersion,
                tensorVersion: head.info.tensorVersion, note: head.info.note)
        }
    }
}

enum StoreText {
    static let readme = """
        This folder belongs to evh5, which mounts event-camera recordings as HDF5 files. What users add to those files
        (datasets, attributes, groups) is kept here, because the recordings themselves are never changed. Nothing in
        here can be made again from the recordings: include it in your backups.

        recordings/<recording>/<preprocessing>+<window>/  what was added to one file; manifest.json says to which
            current, commits/, data/                      the state that is shown, earlier ones, and their bytes
            session/                                      somebody is writing now
            torn/                                         what was written and could not be committed
        removed/                                          what was removed, or no longer fits its recording

        evh5 sidecar list       shows all of it
        evh5 sidecar export     makes an ordinary HDF5 file of any of it, without a mount
        evh5 sidecar restore    brings back what was removed, or an earlier state
        evh5 sidecar verify     checks every byte

        """
}
