// Lists beside recordings, as they are now; read once for each state of the file.

import Datasets
import Files
import Foundation
import Recordings
import Synchronization
import Tensors

/// A list and the state of the file that it was read from.
private struct ReadList: Sendable {
    let content: ListContent
    let status: FileStatus
}

/// The lists that a specification names for a recording; none for most.
struct FileLists: Sendable {
    /// Those that windows are at.
    let times: WindowTimes?
    /// Those that filters leave out.
    let hotPixels: HotPixels?
    /// Names them all; nil when there are none.
    let digest: UInt64?
    /// When the latest of their files changed, ns since 1970; nil when there are none.
    let modified: Int64?

    fileprivate init(_ lists: [ReadList]) {
        var (times, hotPixels) = (WindowTimes?.none, HotPixels?.none)
        for list in lists {
            switch list.content {
            case .times(let content): times = content
            case .hotPixels(let content): hotPixels = content
            }
        }
        self.times = times
        self.hotPixels = hotPixels
        digest = TensorMeasure.digest([times?.digest, hotPixels?.digest])
        modified = lists.map(\.status.modified).max()
    }

    /// `spec` with the list that its filters name.
    func applied(to spec: FileSpec) -> FileSpec { hotPixels.map { spec.with($0) } ?? spec }
}

/// Reads the lists that specifications name, and remembers them.
final class ListFiles: Sendable {
    private enum Known: Sendable {
        case list(ReadList)
        case unusable(FileStatus, ListFileError)

        var status: FileStatus {
            switch self {
            case .list(let list): list.status
            case .unusable(let status, _): status
            }
        }
    }

    private struct State {
        /// Lists of at most `short` elements, and those that are none.
        var short = RecentTable<String, Known>(limit: 4000)
        var long = RecentTable<String, Known>(limit: 8)
    }

    private static let short = 4096

    private let source: SourceTree
    private let state = Mutex(State())

    init(source: SourceTree) { self.source = source }

    /// The lists of `spec` for the recording at `path`.
    ///
    /// - Throws: ENOENT when one is missing, EIO when it is no list.
    func lists(_ spec: FileSpec, path: String) throws(FileSystemError) -> FileLists {
        var lists: [ReadList] = []
        for origin in spec.listOrigins { lists.append(try list(origin, path)) }
        return FileLists(lists)
    }

    /// The same if nothing has to be read for it; else nil.
    func peek(_ spec: FileSpec, path: String) -> FileLists? {
        var lists: [ReadList] = []
        for origin in spec.listOrigins {
            guard let (found, status) = try? find(origin, path), case .list(let list) = known(found, origin, status)
            else { return nil }
            lists.append(list)
        }
        return FileLists(lists)
    }

    private func list(_ origin: ListOrigin, _ path: String) throws(FileSystemError) -> ReadList {
        let (found, status) = try find(origin, path)
        if let known = known(found, origin, status) { return try list(known, path) }
        let file = try source.open(found)
        let known: Known
        do {
            // What was opened is what is read, whatever the name leads to by now.
            let opened = try file.status()
            do throws(ListFileError) {
                known = .list(ReadList(content: try origin.read(file, split(found).name), status: opened))
            } catch { known = .unusable(opened, error) }
        } catch { throw FileLibrary.explain(error, found) }
        remember(known, found, origin)
        return try list(known, path)
    }

    private func find(
        _ origin: ListOrigin, _ path: String
    ) throws(FileSystemError) -> (path: String, status: FileStatus) {
        let (folder, name) = split(path)
        for candidate in origin.names(of: name) {
            let found = join(folder, candidate)
            do throws(FileSystemError) { return (found, try source.status(found)) } catch {
                guard error.errno == ENOENT else { throw error }
            }
        }
        let missing = origin.missing(of: name)
        throw FileSystemError(ENOENT, "'\(path)': \(missing)", level: .warning, cause: missing)
    }

    private func list(_ known: Known, _ path: String) throws(FileSystemError) -> ReadList {
        switch known {
        case .list(let list): return list
        case .unusable(_, let error):
            throw FileSystemError(EIO, "'\(path)': \(error)", level: .warning, cause: error)
        }
    }

    /// One file is another list where it is read as labels, or as pixels.
    private func key(_ path: String, _ origin: ListOrigin) -> String {
        switch origin {
        case .times(.labels): path + "/"
        case .times(.rvt(let rule)): path + "/" + rule.text
        case .times: path
        case .hotPixels: path + "//"
        }
    }

    private func known(_ path: String, _ origin: ListOrigin, _ status: FileStatus) -> Known? {
        let key = key(path, origin)
        let known = state.withLock { $0.short[key] ?? $0.long[key] }
        return known?.status == status ? known : nil
    }

    private func remember(_ known: Known, _ path: String, _ origin: ListOrigin) {
        let key = key(path, origin)
        // A file that is written to just now may change again without another time stamp.
        guard FileTime.now() &- known.status.modified > ListFiles.settling else { return }
        state.withLock { state in
            if case .list(let list) = known, list.content.count > ListFiles.short {
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
    /// The lists beside each recording that its windows are at and that its filters work by.
    var listOrigins: [ListOrigin] {
        switch self {
        case .tensor(let spec): [spec.timesOrigin, spec.filters.listOrigin].compactMap(\.self)
        case .events(let spec): [spec.filters.listOrigin].compactMap(\.self)
        }
    }

    /// The same with the list of hot pixels that its filters name.
    fileprivate func with(_ list: HotPixels) -> FileSpec {
        switch self {
        case .tensor(let spec): .tensor(spec.with(list))
        case .events(let spec): .events(spec.with(list))
        }
    }
}

extension FolderView {
    /// Whether the recording `file` has the lists of `spec`.
    func hasLists(_ spec: FileSpec, _ file: String) -> Bool {
        spec.listOrigins.allSatisfy { $0.names(of: file).contains { files.contains($0) } }
    }
}
