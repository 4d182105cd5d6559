// The names that a folder of the source has under a tensor specification: recordings as .h5, companions, labels.

import Datasets
import Files
import Foundation
import Synchronization

/// A folder's recordings by the names they are shown under, and everything else in it.
final class FolderView: Sendable {
    let names: RecordingNames
    /// Everything but recordings.
    let folders: PackedNames
    let files: PackedNames
    /// How many names the folder has.
    let count: Int

    init(_ items: [SourceTree.Item]) {
        count = items.count
        names = RecordingNames(
            items.lazy.filter { $0.mayBeFile && RecordingName.isRecording($0.name) }.map(\.name))
        files = PackedNames(items.lazy.filter { $0.mayBeFile && !RecordingName.isRecording($0.name) }.map(\.name))
        folders = PackedNames(items.lazy.filter { $0.isDirectory && !$0.mayBeFile }.map(\.name))
    }

    /// Whether there is something of that name that is no recording.
    func hasOther(_ name: String) -> Bool { files.contains(name) || folders.contains(name) }

    /// The file with the labels of the recording shown as `base`: `<base>_bbox.npy`, or that of its stem.
    func labels(of base: String) -> String? { RecordingName.labels(of: base).first { files.contains($0) } }
}

/// Folder views, kept as long as the folder has not changed.
final class FolderViews: Sendable {
    private struct Kept {
        let view: FolderView
        let status: FileStatus
        /// When the folder was listed, ns since 1970, and how long that took.
        let listed: Int64
        let cost: Int64
    }

    /// A change within this time of a listing may not show in the folder's time stamp. Such a view is not kept.
    private static let settling: Int64 = 2_000_000_000
    /// It is kept for this long after all. Else a folder that somebody writes to all the time would be listed for every
    /// name that is looked up.
    private static let patience: Int64 = 100_000_000
    /// The granularity of time stamps on most filesystems. After a change within it the view is not kept at all.
    private static let tick: Int64 = 20_000_000
    /// A large folder that changes all the time is listed no more than half of the time: one of so many names that took
    /// so long. A small one takes long only when the machine is busy.
    private static let large: (count: Int, cost: Int64) = (1000, 20_000_000)
    private static let limit = 2000

    private let source: SourceTree
    private let onUnreadableNames: @Sendable (String, Int) -> Void
    private let kept = Mutex(RecentTable<String, Kept>(limit: limit))

    init(source: SourceTree, onUnreadableNames: @escaping @Sendable (String, Int) -> Void) {
        self.source = source
        self.onUnreadableNames = onUnreadableNames
    }

    /// - Parameter name: what is looked for; nil when all names are wanted.
    func view(_ path: String, for name: String? = nil) throws(FileSystemError) -> FolderView {
        let status = try source.status(path)
        guard status.kind == .directory else {
            throw FileSystemError(ENOTDIR, "'\(path)' is not a folder", level: .debug)
        }
        let now = FileTime.now()
        if let kept = kept.withLock({ $0[path] }) {
            let elapsed = now &- kept.listed
            if kept.status == status {
                let age = kept.listed &- status.modified
                if age > FolderViews.settling { return kept.view }
                let patience = max(FolderViews.patience, 5 * kept.cost)
                if age > FolderViews.tick, (0..<patience).contains(elapsed) { return kept.view }
            }
            // What a large folder had a moment ago, it has still, or who asks is told that it is gone.
            if kept.view.count >= FolderViews.large.count, kept.cost > FolderViews.large.cost, let name,
                (0..<10 * kept.cost).contains(elapsed)
            {
                if elapsed < 2 * kept.cost || kept.view.mayHave(name) { return kept.view }
            }
        }
        let (items, unreadable) = try source.list(path)
        if unreadable > 0 { onUnreadableNames(path, unreadable) }
        let view = FolderView(items)
        let cost = FileTime.now() &- now
        kept.withLock { $0[path] = Kept(view: view, status: status, listed: now, cost: max(0, cost)) }
        return view
    }
}

extension FolderView {
    /// Whether a name of the mount may be one of this folder.
    fileprivate func mayHave(_ name: String) -> Bool {
        if hasOther(name) { return true }
        guard let suffix = [".h5", ".hdf5"].first(where: name.hasSuffix) else { return false }
        let base = String(name.dropLast(suffix.count))
        func has(_ base: String) -> Bool { !names.indices(ofStem: base).isEmpty || names.index(of: base) != nil }
        return has(base) || RecordingName.part(base).map { has($0.base) } ?? false
    }
}
