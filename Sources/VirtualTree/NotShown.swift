// Files with names of recordings that are not shown: said once for each folder, and in `evh5 status`.

import Files
import Logging
import Synchronization

/// What the folders that were listed do not show.
final class NotShown: Sendable {
    typealias Reason = MountStatus.NotShownReason

    /// Reasons that are told of a folder.
    static let shownReasons = 3

    private struct Folder {
        let count: Int
        let reasons: [Reason]
    }

    private struct State {
        /// Folders that do not show everything.
        var folders: [String: Folder] = [:]
        /// What was said of a folder's own `.h5` files.
        var said = RecentTable<String, Int>(limit: 10_000)
    }

    /// Folders beyond these are said in the log only.
    private static let folderLimit = 10_000

    private let logger: Logger
    private let state = Mutex(State())

    init(_ logger: Logger) { self.logger = logger }

    /// Takes note of what a listing of `folder` found.
    func note(_ folder: String, _ listed: ListedRecordings) {
        let count = listed.notShown
        let isNew = state.withLock { state in
            let before = state.folders[folder]?.count ?? 0
            if count == 0 {
                state.folders[folder] = nil
            } else if before > 0 || state.folders.count < Self.folderLimit {
                state.folders[folder] = Folder(count: count, reasons: listed.reasons)
            }
            return count != before
        }
        guard isNew, count > 0 else { return }
        let reasons = listed.reasons.map { "'\($0.path)': \($0.reason)" }.joined(separator: "; ")
        let rest = count > listed.reasons.count ? "; and \(count - listed.reasons.count) more" : ""
        logger.warning(
            "\(count) of \(listed.geometries.count) files in folder '\(folder)' with names of recordings are not shown: \(reasons)\(rest); `evh5 info` on the folder lists all"
        )
    }

    /// Says once that files of `folder` have the names of tensors, and what they are shown as.
    func noteRenamed(_ folder: String, _ names: [(own: String, shown: String)]) {
        guard let first = names.first, state.withLock({ $0.said[folder] }) != names.count else { return }
        state.withLock { $0.said[folder] = names.count }
        let others = names.count > 1 ? " (and \(names.count - 1) others in the same way)" : ""
        logger.notice(
            "folder '\(folder)' has a file '\(first.own)' of its own beside the recording of that name: it is shown as '\(first.shown)'\(others)"
        )
    }

    /// How many files are not shown, and why the first of them are not.
    var summary: (count: Int, reasons: [Reason]) {
        state.withLock { state in
            let count = state.folders.values.reduce(0) { $0 + $1.count }
            let reasons = state.folders.sorted { $0.key < $1.key }.prefix(10).flatMap(\.value.reasons)
            return (count, Array(reasons.prefix(10)))
        }
    }
}
