// Sidecars whose recording was moved or renamed: found by what the recording was when somebody last looked.

import Files
import Foundation

extension SidecarStore {
    /// The folder of a sidecar for this key that belongs to the recording, which was elsewhere before; nil when there
    /// is none.
    ///
    /// A sidecar follows a recording when the path it was made for no longer exists, the recording begins with the same
    /// bytes (up to 64 KiB), has the same header, and is the same file (device and inode) or has the same size and
    /// time. The inode alone would not do: systems give it to a new file soon.
    ///
    /// - Parameter age: how old, in seconds, what is known of the store may be.
    func moved(_ key: SidecarKey, _ recording: RecordingState, age: Double) throws(SidecarError) -> String? {
        let own = paths.sidecar(key)
        return try index.candidates(recording, age: age).first { known in
            known.folder != own && known.key.preprocessing == key.preprocessing && known.key.window == key.window
                && known.key.part == key.part && isMoved(known, key, recording)
        }?.folder
    }

    private func isMoved(_ known: KnownSidecar, _ key: SidecarKey, _ recording: RecordingState) -> Bool {
        guard let fingerprint = known.fingerprint, known.recording.headerDigest == recording.headerDigest,
            known.key.recordingPath != key.recordingPath, isGone(known.key.recordingPath)
        else { return false }
        return RecordingFingerprint.read(key.recordingPath, bytes: fingerprint.bytes) == fingerprint
    }

    private func isGone(_ path: String) -> Bool {
        do throws(FileError) {
            _ = try FileStatus(path: path)
            return false
        } catch { return error.errno == ENOENT || error.errno == ENOTDIR }
    }
}
