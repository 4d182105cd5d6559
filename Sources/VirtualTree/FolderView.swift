// The names that a folder of the source has under a tensor specification: recordings as .h5, companions, labels.

import Files
import Foundation
import Synchronization

/// A folder's recordings by the names they are shown under, and everything else in it.
struct FolderView: Sendable {
    /// The files that would share a shown name, by that name.
    let stems: [String: [String]]
    /// Everything but recordings.
    let others: [String: SourceTree.Item]

    init(_ items: [SourceTree.Item]) {
        var stems: [String: [String]] = [:]
        var others: [String: SourceTree.Item] = [:]
        for item in items {
            if item.mayBeFile && RecordingCatalog.isRecordingName(item.name) {
                stems[RecordingCatalog.stem(item.name), default: []].append(item.name)
            } else if item.isDirectory || item.mayBeFile {
                others[item.name] = item
            }
        }
        self.stems = stems
        self.others = others
    }

    /// The recordings as (shown name without `.h5`, file name); `isShown` tells which files are recordings.
    func recordings(_ isShown: (String) -> Bool) -> [(base: String, file: String)] {
        stems.keys.sorted().flatMap { stem in
            stems[stem, default: []].filter(isShown).map { (keepsExtension($0, isShown) ? $0 : stem, $0) }
        }
    }

    /// The file of the recording that is shown as `base`.h5.
    func recording(_ base: String, _ isShown: (String) -> Bool) -> String? {
        let candidates = RecordingCatalog.isRecordingName(base) ? [base] : []
        return (candidates + stems[base, default: []].filter(isShown)).first { file in
            let stem = RecordingCatalog.stem(file)
            guard stems[stem]?.contains(file) == true, isShown(file) else { return false }
            return base == (keepsExtension(file, isShown) ? file : stem)
        }
    }

    /// Whether the recording `file` would else share its shown name: with another of its stem (`a.raw` and `a.dat`), or with one
    /// that keeps its extension and is called like this one without (`a.raw.raw` beside those two).
    private func keepsExtension(_ file: String, _ isShown: (String) -> Bool) -> Bool {
        let stem = RecordingCatalog.stem(file)
        if stems[stem, default: []].count(where: isShown) > 1 { return true }
        guard RecordingCatalog.isRecordingName(stem), stems[RecordingCatalog.stem(stem)]?.contains(stem) == true,
            isShown(stem)
        else { return false }
        return keepsExtension(stem, isShown)
    }

    /// The file with the labels of the recording shown as `base`: `<base>_bbox.npy`, or that of its stem.
    func labels(of base: String) -> String? {
        let names = RecordingCatalog.isRecordingName(base) ? [base, RecordingCatalog.stem(base)] : [base]
        return names.map { $0 + FolderView.labelSuffix }.first { others[$0]?.mayBeFile == true }
    }

    static let labelSuffix = "_bbox.npy"

    /// `traffic_3` as ("traffic", 3): a part's shown name.
    static func part(_ name: String) -> (base: String, part: Int)? {
        guard let underscore = name.lastIndex(of: "_") else { return nil }
        let digits = name[name.index(after: underscore)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let part = Int(digits),
            String(part) == digits
        else { return nil }
        return (String(name[..<underscore]), part)
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
