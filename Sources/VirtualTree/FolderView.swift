// The names that a folder of the source has under a tensor specification: recordings as .h5, companions, labels.

import Datasets
import Files
import Foundation
import Synchronization

/// A folder's recordings by the names they are shown under, and everything else in it.
struct FolderView: Sendable {
    let names: RecordingNames
    /// Everything but recordings.
    let others: [String: SourceTree.Item]

    init(_ items: [SourceTree.Item]) {
        var names = RecordingNames()
        var others: [String: SourceTree.Item] = [:]
        for item in items {
            if item.mayBeFile && RecordingName.isRecording(item.name) {
                names.add(item.name)
            } else if item.isDirectory || item.mayBeFile {
                others[item.name] = item
            }
        }
        self.names = names
        self.others = others
    }

    /// The file with the labels of the recording shown as `base`: `<base>_bbox.npy`, or that of its stem.
    func labels(of base: String) -> String? {
        RecordingName.labels(of: base).first { others[$0]?.mayBeFile == true }
    }
}

/// Folder views, kept as long as the folder has not changed.
final class FolderViews: Sendable {
    private struct Kept {
        let view: FolderView
        let status: FileStatus
        /// When the folder was listed, ns since 1970.
        let listed: Int64
    }

    /// A change within this time of a listing may not show in the folder's time stamp (its granularity), so such a view is not kept,
    private static let settling: Int64 = 2_000_000_000
    /// but for this long: a folder that somebody writes to all the time must not be listed for every name that is looked up.
    private static let patience: Int64 = 100_000_000
    /// The granularity on most filesystems; within it not even that.
    private static let tick: Int64 = 20_000_000
    private static let limit = 1000

    private let source: SourceTree
    private let onUnreadableNames: @Sendable (String, Int) -> Void
    private let kept = Mutex<[String: Kept]>([:])

    init(source: SourceTree, onUnreadableNames: @escaping @Sendable (String, Int) -> Void) {
        self.source = source
        self.onUnreadableNames = onUnreadableNames
    }

    func view(_ path: String) throws(FileSystemError) -> FolderView {
        let status = try source.status(path)
        guard status.kind == .directory else {
            throw FileSystemError(ENOTDIR, "'\(path)' is not a folder", level: .debug)
        }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let listed = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
        if let kept = kept.withLock({ $0[path] }), kept.status == status {
            let age = kept.listed &- status.modified
            if age > FolderViews.settling { return kept.view }
            if age > FolderViews.tick, (0..<FolderViews.patience).contains(listed &- kept.listed) { return kept.view }
        }
        let (items, unreadable) = try source.list(path)
        if unreadable > 0 { onUnreadableNames(path, unreadable) }
        let view = FolderView(items)
        kept.withLock {
            if $0.count >= FolderViews.limit { $0.removeAll() }
            $0[path] = Kept(view: view, status: status, listed: listed)
        }
        return view
    }
}
