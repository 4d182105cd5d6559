// What the store of additions remembers of a recording: a state in which a virtual file's computed bytes are the same.

import Recordings
import SidecarStore
import Tensors

extension Recording {
    /// What a sidecar remembers of its recording.
    ///
    /// - Parameter version: see `FileSpec.ownVersion`.
    package func sidecarState(_ version: String?) -> RecordingState {
        RecordingState(
            device: identity.device, inode: identity.inode, size: identity.size, modified: identity.modified,
            headerDigest: sidecarDigest(identity.headerDigest, version) ^ readingDigest)
    }
}

extension FileLibrary.Facts {
    /// The same, of a recording that need not be open.
    var sidecarState: RecordingState {
        RecordingState(
            device: status.device, inode: recording.inode, size: recording.size, modified: recording.modified,
            headerDigest: sidecarDigest(recording.headerDigest, measure.spec.ownVersion(measure.listDigest))
                ^ recording.readingDigest)
    }
}

/// What was added to a tensor of a preprocessing of the user's own, or of a list, is carried over when code or list
/// become another, as if the recording had changed.
private func sidecarDigest(_ header: UInt32, _ version: String?) -> UInt64 {
    // FNV-1a; 0 for evh5's own preprocessings, whose changes are evh5's.
    let version = version?.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return UInt64(header) ^ (version ?? 0)
}
