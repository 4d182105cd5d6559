// Scans of the recordings that will be asked for next: `ls -l` asks for one after the other, and scans could run side
// by side.

import Datasets
import Files
import Foundation
import Recordings
import Synchronization

/// When recordings of a folder are scanned one after the other, in the order of its listing, scans those that come next
/// meanwhile.
final class ScanAhead: Sendable {
    private struct State {
        var folder = ""
        /// The last that was asked for, and how many in a row before it.
        var last = -1
        var streak = 0
        /// The next that nobody scans.
        var next = 0
        /// Up to where to scan.
        var end = 0
        var helpers = 0
    }

    /// How far ahead.
    private static let distance = 16
    /// Longer ones are scanned by several threads already, and may not be wanted at all.
    private static let largest: Int64 = 16 << 20

    private let catalog: RecordingCatalog
    private let source: SourceTree
    private let state = Mutex(State())
    private static let helpers = min(3, ProcessInfo.processInfo.activeProcessorCount - 1)

    init(_ catalog: RecordingCatalog, _ source: SourceTree) {
        self.catalog = catalog
        self.source = source
    }

    /// To be told before the recording `file` of `folder`, which `view` shows, is scanned because somebody asks for it.
    func willScan(_ file: String, in folder: String, _ view: FolderView) {
        guard Self.helpers > 0, view.names.count > 2, let i = view.names.index(of: file) else { return }
        let starts = state.withLock { state -> Bool in
            // Some in between may have been known.
            let follows = state.folder == folder && i > state.last && i <= state.last + Self.distance
            state.streak = follows ? state.streak + 1 : 0
            if state.folder != folder || !follows { state.next = i + 1 }
            (state.folder, state.last) = (folder, i)
            guard state.streak > 1 else { return false }
            state.next = max(state.next, i + 1)
            state.end = min(view.names.count, i + 1 + Self.distance)
            guard state.helpers < Self.helpers, state.next < state.end else { return false }
            state.helpers += 1
            return true
        }
        guard starts else { return }
        DispatchQueue.global(qos: .userInitiated).async { [self] in work(folder, view) }
    }

    private func work(_ folder: String, _ view: FolderView) {
        while true {
            let next = state.withLock { state -> Int? in
                guard state.folder == folder, state.next < min(state.end, view.names.count) else {
                    state.helpers -= 1
                    return nil
                }
                defer { state.next += 1 }
                return state.next
            }
            guard let next else { return }
            let path = join(folder, view.names[next])
            guard let status = try? source.status(path), status.size <= Self.largest else { continue }
            // Whoever asks for it gets the error.
            _ = try? catalog.summary(path)
        }
    }
}
