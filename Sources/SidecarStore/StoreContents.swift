// For which recordings a store has anything: so that a listing of a million recordings does not ask for each.

import Files
import Synchronization

/// The names in a store's folder of recordings, read again when that folder has changed.
///
/// What other processes begin is seen after `patience`; what is opened is looked up in full.
final class StoreContents: Sendable {
    private struct State {
        /// nil when the folder cannot be read: then everything may be there.
        var names: Set<String>? = []
        var status: FileStatus?
        /// ns since 1970: when the names were read, and when their folder was last looked at.
        var readAt: Int64 = 0
        var lookedAt: Int64 = 0
        /// What this process has begun to add to.
        var own: Set<String> = []
    }

    private static let patience: Int64 = 50_000_000
    /// A change within this time of a reading may not show in the folder's time stamp.
    private static let settling: Int64 = 2_000_000_000

    private let folder: String
    private let state = Mutex(State())

    init(_ paths: StorePaths) { folder = paths.recordings }

    /// Whether there may be sidecars of any recording.
    var mayHaveAny: Bool {
        state.withLock { state in
            look(&state)
            return state.names?.isEmpty != true || !state.own.isEmpty
        }
    }

    /// Whether there may be sidecars of the recording that `key` names.
    func mayHave(_ key: SidecarKey) -> Bool {
        let name = StorePaths.recordingName(key)
        return state.withLock { state in
            look(&state)
            return state.names?.contains(name) != false || state.own.contains(name)
        }
    }

    /// Takes note that this process adds to the file that `key` names.
    func note(_ key: SidecarKey) { state.withLock { _ = $0.own.insert(StorePaths.recordingName(key)) } }

    private func look(_ state: inout State) {
        let now = FileTime.now()
        guard !(0..<Self.patience).contains(now &- state.lookedAt) else { return }
        state.lookedAt = now
        do throws(SidecarError) {
            guard let status = try Host.statusIfThere(folder) else {
                state = State(lookedAt: now, own: state.own)
                return
            }
            guard status != state.status || state.readAt &- status.modified < Self.settling else { return }
            state.names = Set(try Host.names(folder))
            state.status = status
            state.readAt = now
        } catch {
            state.names = nil
            state.status = nil
        }
    }
}
