// A sidecar as readers find it: the current state, looked up by one stat when nothing changed.

import Files
import Foundation
import Synchronization

/// The folder of a sidecar that may be there. Knows its current state; others may change it at any time.
final class SidecarFolder: Sendable {
    private struct Known {
        let status: FileStatus
        let snapshot: SidecarSnapshot
    }

    let path: String
    let dataFiles: DataFiles
    private let calls: any StorageCalls
    private let known = Mutex<Known?>(nil)

    init(path: String, _ calls: any StorageCalls) {
        self.path = path
        self.calls = calls
        dataFiles = DataFiles(folder: path, calls)
    }

    /// The committed state; nil when there is none.
    ///
    /// - Throws: `.damaged`, `.unknownVersion`, `.io`.
    func current() throws(SidecarError) -> SidecarSnapshot? {
        let paths = SidecarPaths(folder: path)
        let file = paths.current
        var wasMissed = false
        // A commit may come between the look and the reading.
        for _ in 0..<10 {
            guard let status = try calls.statusIfThere(file) else {
                known.withLock { $0 = nil }
                guard try paths.wasCommitted(calls) else { return nil }
                // The folder may just have come here; a second look tells.
                guard wasMissed else {
                    wasMissed = true
                    continue
                }
                throw SidecarFormat.damaged(file, "it is missing")
            }
            if let known = known.withLock({ $0 }), known.status == status { return known.snapshot }
            guard let state = try CommittedState.read(file, calls) else { continue }
            guard try calls.statusIfThere(file) == status else { continue }
            return remember(SidecarSnapshot(state, dataFiles), status)
        }
        throw SidecarError(.busy, "'\(file)' changes all the time: try again")
    }

    /// The snapshot of a state that was just committed here.
    func committed(_ state: CommittedState) -> SidecarSnapshot {
        let snapshot = SidecarSnapshot(state, dataFiles)
        guard let status = try? calls.status(SidecarPaths(folder: path).current) else { return snapshot }
        return remember(snapshot, status)
    }

    /// One object per state, so that its open files are shared.
    private func remember(_ snapshot: SidecarSnapshot, _ status: FileStatus) -> SidecarSnapshot {
        known.withLock { known in
            if let now = known, now.snapshot.state.head.identity == snapshot.state.head.identity {
                known = Known(status: status, snapshot: now.snapshot)
                return now.snapshot
            }
            known = Known(status: status, snapshot: snapshot)
            return snapshot
        }
    }
}
