// Lists of times beside recordings, as they are now; read once for each state of the file.

import Datasets
import Files
import Foundation
import Recordings
import Synchronization
import Tensors

/// A list of times and the state of the file that it was read from.
struct TimesList: Sendable {
    let times: WindowTimes
    let status: FileStatus
}

/// Reads the lists that specifications name, and remembers them.
final class TimesLists: Sendable {
    private enum Known: Sendable {
        case list(TimesList)
        case unusable(FileStatus, TimesFileError)

        var status: FileStatus {
            switch self {
            case .list(let list): list.status
            case .unusable(let status, _): status
            }
        }
    }

    private struct State {
        /// Lists of at most `short` times, and those that are none.
        var short = RecentTable<String, Known>(limit: 4000)
        var long = RecentTable<String, Known>(limit: 8)
    }

    private static let short = 4096

    private let source: SourceTree
    private let state = Mutex(State())

    init(source: SourceTree) { self.source = source }

    /// The list of `spec` for the recording at `path`; nil for a specification that needs none.
    ///
    /// - Throws: ENOENT when it is missing, EIO when it is no list of times.
    func list(_ spec: FileSpec, path: String) throws(FileSystemError) -> TimesList? {
        guard let (origin, found, status) = try find(spec, path) else { return nil }
        if let known = known(found, origin, status) { return try list(known, path) }
        let file = try source.open(found)
        let known: Known
        do {
            // What was opened is what is read, whatever the name leads to by now.
            let opened = try file.status()
            do throws(TimesFileError) {
                let times = try TimesFile.times(origin, file, split(found).name)
                known = .list(TimesList(times: times, status: opened))
            } catch { known = .unusable(opened, error) }
        } catch { throw FileLibrary.explain(error, found) }
        remember(known, found, origin)
        return try list(known, path)
    }

    /// What is known of a list without reading it.
    enum Lookup {
        case notNeeded
        case list(TimesList)
        case unknown

        var list: TimesList? {
            if case .list(let list) = self { return list }
            return nil
        }
    }

    func peek(_ spec: FileSpec, path: String) -> Lookup {
        guard spec.timesOrigin != nil else { return .notNeeded }
        guard let found = (try? find(spec, path)) ?? nil,
            let known = known(found.path, found.origin, found.status), case .list(let list) = known
        else { return .unknown }
        return .list(list)
    }

    private func find(
        _ spec: FileSpec, _ path: String
    ) throws(FileSystemError) -> (origin: TimesOrigin, path: String, status: FileStatus)? {
        guard let origin = spec.timesOrigin else { return nil }
        let (folder, name) = split(path)
        for candidate in TimesFile.names(origin, of: name) {
            let found = join(folder, candidate)
            do throws(FileSystemError) { return (origin, found, try source.status(found)) } catch {
                guard error.errno == ENOENT else { throw error }
            }
        }
        let missing = TimesFile.missing(origin, of: name)
        throw FileSystemError(ENOENT, "'\(path)': \(missing)", level: .warning, cause: missing)
    }

    private func list(_ known: Known, _ path: String) throws(FileSystemError) -> TimesList {
        switch known {
        case .list(let list): return list
        case .unusable(_, let error):
            throw FileSystemError(EIO, "'\(path)': \(error)", level: .warning, cause: error)
        }
    }

    /// One file is another list where it is read as labels.
    private func key(_ path: String, _ origin: TimesOrigin) -> String {
        switch origin {
        case .labels: path + "/"
        case .rvt(let rule): path + "/" + rule.text
        default: path
        }
    }

    private func known(_ path: String, _ origin: TimesOrigin, _ status: FileStatus) -> Known? {
        let key = key(path, origin)
        let known = state.withLock { $0.short[key] ?? $0.long[key] }
        return known?.status == status ? known : nil
    }

    private func remember(_ known: Known, _ path: String, _ origin: TimesOrigin) {
        let key = key(path, origin)
        // A file that is written to just now may change again without another time stamp.
        guard FileTime.now() &- known.status.modified > TimesLists.settling else { return }
        state.withLock { state in
            if case .list(let list) = known, list.times.starts.count > TimesLists.short {
                state.short[key] = nil
                state.long[key] = known
            } else {
                state.long[key] = nil
                state.short[key] = known
            }
        }
    }

    /// ns.
    private static let settling: Int64 = 2_000_000_000
}

extension FileSpec {
    /// The list beside each recording that its windows are at; nil when there is none.
    var timesOrigin: TimesOrigin? {
        guard case .tensor(let spec) = self, let origin = spec.times, origin.isFile else { return nil }
        return origin
    }
}

extension FolderView {
    /// Whether the recording `file` has the list of `spec`, or the specification needs none.
    func hasTimes(_ spec: FileSpec, _ file: String) -> Bool {
        guard let origin = spec.timesOrigin else { return true }
        return TimesFile.names(origin, of: file).contains { files.contains($0) }
    }
}
