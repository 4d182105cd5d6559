// A sidecar's folder while its lock is held: what can be done to it.

import Files
import Foundation

/// A sidecar's folder, locked. Only who holds this changes the folder.
final class LockedFolder: Sendable {
    let lock: FolderLock
    let calls: any StorageCalls
    let say: @Sendable (SidecarMessage) -> Void

    var folder: String { lock.folder }
    var paths: SidecarPaths { SidecarPaths(folder: lock.folder) }

    init(_ lock: FolderLock, _ calls: any StorageCalls, _ say: @escaping @Sendable (SidecarMessage) -> Void) {
        self.lock = lock
        self.calls = calls
        self.say = say
    }

    /// Makes a sidecar's folder where it is missing, and takes its lock.
    static func make(
        _ paths: StorePaths, _ key: SidecarKey, for purpose: FolderLock.Purpose, _ calls: any StorageCalls,
        _ say: @escaping @Sendable (SidecarMessage) -> Void
    ) throws(SidecarError) -> LockedFolder {
        let folder = paths.sidecar(key)
        // Who finds the folder without use removes it, perhaps at this moment.
        for attempt in 1... {
            do throws(SidecarError) {
                if try !calls.isThere(folder) { try makeFolders(paths, key, calls) }
                return LockedFolder(try FolderLock.take(folder, for: purpose, what: "\(key)", calls), calls, say)
            } catch {
                guard error.errno == ENOENT, attempt < 10 else { throw error }
            }
        }
        throw SidecarError(.notFound, "'\(folder)' cannot be made")
    }

    private static func makeFolders(
        _ paths: StorePaths, _ key: SidecarKey, _ calls: any StorageCalls
    ) throws(SidecarError) {
        try makeStore(paths, calls)
        try calls.makeFolderIfMissing(paths.recordings)
        try calls.makeFolderIfMissing(paths.recording(key))
        try calls.makeFolderIfMissing(paths.sidecar(key))
    }

    private static func makeStore(_ paths: StorePaths, _ calls: any StorageCalls) throws(SidecarError) {
        if try !calls.isThere(paths.store) {
            var missing = [paths.store]
            while let parent = missing.last.map({ ($0 as NSString).deletingLastPathComponent }), parent.count > 1,
                try !calls.isThere(parent)
            {
                missing.append(parent)
            }
            for folder in missing.reversed() { try calls.makeFolderIfMissing(folder) }
            // Folders above the store, which later commits do not look after.
            for folder in missing.dropFirst() { try syncParent(of: folder, calls) }
        }
        if calls.isMissing(paths.readme) {
            try? calls.writeFile(paths.readme, Array(StoreText.readme.utf8), sync: false)
        }
    }

    private static func syncParent(of path: String, _ calls: any StorageCalls) throws(SidecarError) {
        let parent = (path as NSString).deletingLastPathComponent
        do throws(SidecarError) { try calls.syncFolder(parent.isEmpty ? "/" : parent) } catch {
            // A folder that we may not read cannot be opened to be synced.
            if error.errno != EACCES && error.errno != EPERM { throw error }
        }
    }

    /// Makes the folder itself durable, that is the folders it lies in.
    func syncParents() throws(SidecarError) {
        var path = folder
        // The sidecar, its recording, `recordings`, the store.
        for _ in 0..<4 {
            try LockedFolder.syncParent(of: path, calls)
            path = (path as NSString).deletingLastPathComponent
        }
    }

    /// The committed state.
    ///
    /// - Throws: `.damaged` when there is none though there was one, or it is not as it was written; `.unknownVersion`.
    func committed() throws(SidecarError) -> CommittedState? {
        if let state = try CommittedState.read(paths.current, calls) { return state }
        guard try !paths.wasCommitted(calls) else { throw SidecarFormat.damaged(paths.current, "it is missing") }
        return nil
    }

    /// Removes the folder if it holds nothing: no state, no bytes of anybody.
    func removeIfUnused() {
        guard calls.isMissing(paths.current), calls.isMissing(paths.session) else { return }
        for folder in [paths.torn, paths.commits, paths.data] { calls.removeFolderIfEmpty(folder) }
        guard (try? calls.names(folder)) == ["lock"] else { return }
        try? calls.removeIfThere(paths.lock)
        calls.removeFolderIfEmpty(folder)
        calls.removeFolderIfEmpty((folder as NSString).deletingLastPathComponent)
    }
}
