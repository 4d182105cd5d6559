// Which files were read from, and which are only open: some programs open thousands of names to see what is there.

import Foundation
import Synchronization

/// Remembers the preprocessings and windows that somebody read from, so that listings show them, and bounds how many
/// windows of one recording are open without having been read from.
///
/// GDAL takes the digits of a path for the number of a file of a family and opens `51ms`, `52ms`, ... beside `50ms`
/// until one fails to open. Here each exists.
final class UsedFiles: Sendable {
    struct Names: Sendable {
        var preprocessings: Set<String> = []
        var windows: [String: Set<String>] = [:]

        /// Scripts that try thousands of parameters shall not fill listings without end.
        func hasRoom(_ preprocessing: String) -> Bool {
            preprocessings.count < 1000 && windows[preprocessing, default: []].count < 1000
        }
    }

    private struct State {
        var names = Names()
        /// Of each recording, how often each file that was not read from yet is open.
        var unread: [String: [String: Int]] = [:]
    }

    /// Who reads HDF5 reads a file as soon as it is open, so nobody has more.
    static let mostUnread = 64

    private let state = Mutex(State())

    var names: Names { state.withLock { $0.names } }

    /// Notes that the file `key` of the recording at `path`, of `spec`, is open, before anything was read from it.
    ///
    /// - Returns: false where that is not counted, as the window was read from before: the kernel may have pages of it,
    ///   and not ask here for what is read now.
    /// - Throws: `FileSystemError` with EMFILE when too many files of the recording are.
    func opened(_ key: String, of path: String, _ spec: FileSpec) throws(FileSystemError) -> Bool {
        let (preprocessing, window) = spec.sidecarNames
        let isCounted = state.withLock { state -> Bool? in
            guard state.names.hasRoom(preprocessing),
                state.names.windows[preprocessing]?.contains(window) != true
            else { return false }
            guard state.unread[path]?[key] != nil || state.unread[path, default: [:]].count < UsedFiles.mostUnread
            else { return nil }
            state.unread[path, default: [:]][key, default: 0] += 1
            return true
        }
        guard let isCounted else {
            throw FileSystemError(
                EMFILE,
                "'\(key)': \(UsedFiles.mostUnread) other tensors of '\(path)' are open and nothing was read from them; close some, or read them",
                level: .info)
        }
        return isCounted
    }

    /// Notes that an open file that nothing was read from is closed.
    func closedUnread(_ key: String, of path: String) {
        state.withLock { state in
            guard let count = state.unread[path]?[key] else { return }
            state.unread[path]?[key] = count > 1 ? count - 1 : nil
            if state.unread[path]?.isEmpty == true { state.unread[path] = nil }
        }
    }

    /// Notes that the file `key` of the recording at `path`, of `spec`, was read from or written to.
    func used(_ key: String, of path: String, _ spec: FileSpec) {
        let (preprocessing, window) = spec.sidecarNames
        state.withLock { state in
            state.unread[path]?[key] = nil
            if state.unread[path]?.isEmpty == true { state.unread[path] = nil }
            guard state.names.hasRoom(preprocessing) else { return }
            state.names.preprocessings.insert(preprocessing)
            state.names.windows[preprocessing, default: []].insert(window)
        }
    }
}

/// Whether an open file was read from; given up with it.
final class OpenUse: Sendable {
    private let files: UsedFiles
    /// The file's path below the mount.
    let key: String
    private let path: String
    private let spec: FileSpec
    private let isUsed: Atomic<Bool>

    /// - Throws: as `UsedFiles.opened`.
    init(_ files: UsedFiles, _ key: String, of path: String, _ spec: FileSpec) throws(FileSystemError) {
        isUsed = Atomic(!(try files.opened(key, of: path, spec)))
        self.files = files
        self.key = key
        self.path = path
        self.spec = spec
    }

    /// To be said before each read: the first one counts.
    func note() {
        guard !isUsed.load(ordering: .relaxed), !isUsed.exchange(true, ordering: .relaxed) else { return }
        files.used(key, of: path, spec)
    }

    deinit { if !isUsed.load(ordering: .relaxed) { files.closedUnread(key, of: path) } }
}
