// Sidecars whose recording was moved or renamed: found by what the recording was, wherever it is now.

import Files
import Foundation
import Synchronization

/// Looks through a store for the sidecar of a recording that is no longer where it was.
///
/// A sidecar follows a recording when the path it was made for no longer exists, the recording begins with the same bytes
/// (up to 64 KiB), has the same header, and is the same file (device and inode) or has the same size and time. The
/// inode alone would not do: systems give it to a new file soon.
final class MovedRecordings: Sendable {
    /// What a sidecar says of its recording.
    private struct Candidate: Sendable {
        let status: FileStatus
        let info: CommitInfo?
    }

    private struct State {
        /// By the sidecar's folder.
        var candidates: [String: Candidate] = [:]
        /// The same by what a recording can be known by: folders.
        var byFile: [[UInt64]: [String]] = [:]
        var readAt: Int64 = 0

        mutating func add(_ folder: String, _ candidate: Candidate) {
            candidates[folder] = candidate
            guard let info = candidate.info else { return }
            for name in MovedRecordings.names(info.recording) {
                if byFile[name]?.contains(folder) != true { byFile[name, default: []].append(folder) }
            }
        }
    }

    private let paths: StorePaths
    private let state = Mutex(State())

    init(_ paths: StorePaths) { self.paths = paths }

    /// The folder of a sidecar with this key that belongs to the recording; nil when there is none. Reads the store again
    /// when what is known is older than `age`, in seconds.
    func find(_ key: SidecarKey, _ recording: RecordingState, age: Double) -> String? {
        let found = state.withLock { state -> [(String, CommitInfo)] in
            refresh(&state, age)
            let folders = MovedRecordings.names(recording).flatMap { state.byFile[$0] ?? [] }
            return Set(folders).sorted().compactMap { folder in
                state.candidates[folder]?.info.map { (folder, $0) }
            }
        }
        let own = paths.sidecar(key)
        let here = found.first { folder, info in
            folder != own && info.key.preprocessing == key.preprocessing && info.key.window == key.window
                && info.key.part == key.part && isMoved(info, key, recording)
        }
        return here?.0
    }

    private func isMoved(_ info: CommitInfo, _ key: SidecarKey, _ recording: RecordingState) -> Bool {
        guard let fingerprint = info.fingerprint, info.recording.headerDigest == recording.headerDigest,
            info.key.recordingPath != key.recordingPath, isGone(info.key.recordingPath)
        else { return false }
        return RecordingFingerprint.read(key.recordingPath, bytes: fingerprint.bytes) == fingerprint
    }

    private func isGone(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)
    }

    /// What a recording can be found by.
    private static func names(_ recording: RecordingState) -> [[UInt64]] {
        [
            [0, recording.device, recording.inode],
            [1, UInt64(bitPattern: recording.size), UInt64(bitPattern: recording.modified)],
        ]
    }

    /// Takes note of a state that this process committed.
    func note(_ folder: String, _ info: CommitInfo) {
        guard let status = Host.status(SidecarPaths(folder: folder).current) else { return }
        state.withLock { $0.add(folder, Candidate(status: status, info: info)) }
    }

    private func refresh(_ state: inout State, _ age: Double) {
        let now = StoreTime.now()
        guard Double(now - state.readAt) / 1e9 >= age || now < state.readAt else { return }
        var fresh = State()
        fresh.readAt = now
        for recording in (try? Host.names(paths.recordings)) ?? [] {
            let recording = paths.recordings + "/" + recording
            for sidecar in (try? Host.names(recording)) ?? [] {
                let folder = recording + "/" + sidecar
                let current = SidecarPaths(folder: folder).current
                guard let status = Host.status(current) else { continue }
                if let known = state.candidates[folder], known.status == status {
                    fresh.add(folder, known)
                } else {
                    // One that cannot be read is nobody's candidate.
                    fresh.add(
                        folder, Candidate(status: status, info: (try? CommittedState.readHead(current))?.info))
                }
            }
        }
        state = fresh
    }
}
