// Summaries of recordings, folder by folder: in memory, and in one file for each folder of recordings.

import CXXHash
import Files
import Foundation
import Synchronization

/// Keeps summaries in a folder and in memory. Safe to use from many threads, and the folder by many processes.
///
/// What is not known, or known of another state of the file, is simply not there: whoever asks scans and tells. Files
/// that are damaged, of another version or of another folder are replaced. Nothing here fails a call.
public final class RecordingSummaries: Sendable {
    /// What the files' names end with.
    public static let suffix = ".evh5summary"
    /// Folders that are kept in memory.
    private static let folderLimit = 20_000

    private let directory: String?
    private let onProblem: @Sendable (String) -> Void
    private let folders = Mutex(RecentTable<String, SummaryFolder>(limit: folderLimit))
    /// Writes files, one at a time, so that nobody who looks at a folder waits for the disk.
    private let queue = DispatchQueue(label: "evh5.summaries", qos: .utility)

    /// - Parameters:
    ///   - directory: where files are kept, made when needed; nil keeps summaries in memory only.
    ///   - onProblem: told why a file could not be used, on any thread.
    public init(directory: String?, onProblem: @escaping @Sendable (String) -> Void = { _ in }) {
        self.directory = directory
        self.onProblem = onProblem
    }

    deinit { flush() }

    /// The summary of the file `name` in `folder` as `status` says it is and `settings` open it; nil when it is not
    /// known.
    ///
    /// - Parameter folder: an absolute path, or any that means the same file as long as this object lives.
    public func find(
        _ name: String, in folder: String, _ status: FileStatus, settings: UInt64
    ) -> RecordingSummary? {
        guard let found = self.folder(folder).find(name), found.isOf(status, settings: settings) else { return nil }
        return found
    }

    /// Remembers what is known of `recording`; false when it was written to just now. Then it may be written to again
    /// in the same tick of the clock, and its time would not tell.
    @discardableResult
    public func note(_ summary: RecordingSummary, of recording: Recording) -> Bool {
        let now = FileTime.now()
        guard !(0..<Self.tick).contains(now &- summary.modified) else { return false }
        let (folder, name) = Self.split(recording.path)
        let kept = self.folder(folder)
        if kept.note(name, summary) { writeLater(kept) }
        return true
    }

    /// The index of `recording`, where its summary is the whole index.
    package func index(of recording: Recording) -> TimeIndex? {
        let (folder, name) = Self.split(recording.path)
        return self.folder(folder).find(name)?.index(of: recording)
    }

    /// Lets go of the summaries of files that are not in `folder` any more, once they are many. `count` files are there
    /// now.
    public func prune(_ folder: String, count: Int, _ isThere: @escaping @Sendable (String) -> Bool) {
        let kept = self.folder(folder)
        if kept.prune(count, isThere) { writeLater(kept) }
    }

    /// Summaries in memory.
    public var count: Int { folders.withLock { $0.values }.reduce(0) { $0 + $1.count } }

    /// Writes what is not yet written.
    public func flush() {
        let all = folders.withLock { $0.values }
        queue.sync { for folder in all { folder.write() } }
    }

    /// Within this time after a change another may have the same time, ns: the granularity on most filesystems, and
    /// some more.
    private static let tick: Int64 = 50_000_000

    private func folder(_ path: String) -> SummaryFolder {
        folders.withLock { folders in
            if let known = folders[path] { return known }
            let folder = SummaryFolder(path, directory, onProblem)
            folders[path] = folder
            return folder
        }
    }

    private func writeLater(_ folder: SummaryFolder) {
        queue.asyncAfter(deadline: .now() + folder.pause) { folder.write() }
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.utf8.index(after: slash)...]))
    }
}

/// The summaries of one folder.
private final class SummaryFolder: Sendable {
    private struct State {
        var isLoaded = false
        /// What the file said, or was last written.
        var table: SummaryTable?
        /// What came since.
        var added: [String: RecordingSummary] = [:]
        /// What came before the writing that is under way began.
        var writing: [String: RecordingSummary] = [:]
        var isWriting = false
        /// Whether somebody will write.
        var isScheduled = false
        var keeping: (@Sendable (String) -> Bool)?
        /// The file as it was last read or written, and when that was looked at, ns.
        var status: FileStatus?
        var lookedAt: Int64 = 0
        /// Seconds to wait before writing again.
        var pause = 1.0
    }

    /// Where the file may have been replaced by another process, it is looked at again after this time, ns.
    private static let patience: Int64 = 1_000_000_000

    private let path: String
    /// What the file says whose it is: one name, however the folder is spelled.
    private let name: String
    private let directory: String?
    private let onProblem: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(_ path: String, _ directory: String?, _ onProblem: @escaping @Sendable (String) -> Void) {
        self.path = path
        let real = realpath(path, nil)
        defer { free(real) }
        name = real.map { String(cString: $0) } ?? path
        self.directory = directory
        self.onProblem = onProblem
    }

    var count: Int {
        state.withLock { ($0.table?.count ?? 0) + $0.added.count + $0.writing.count }
    }

    var pause: Double { state.withLock { $0.pause } }

    func find(_ name: String) -> RecordingSummary? {
        state.withLock { state in
            func look() -> RecordingSummary? { state.added[name] ?? state.writing[name] ?? state.table?.find(name) }
            if state.isLoaded, let found = look() { return found }
            guard load(&state) else { return nil }
            return look()
        }
    }

    /// True when somebody has to write it down.
    func note(_ name: String, _ summary: RecordingSummary) -> Bool {
        state.withLock { state in
            _ = state.isLoaded || load(&state)
            state.added[name] = summary
            // In memory only, a table takes less than a dictionary.
            if directory == nil, state.added.count >= max(1024, (state.table?.count ?? 0) / 4) { pack(&state) }
            return schedule(&state)
        }
    }

    func prune(_ count: Int, _ isThere: @escaping @Sendable (String) -> Bool) -> Bool {
        state.withLock { state in
            guard let table = state.table, table.count > count + count / 8 + 64 else { return false }
            state.keeping = isThere
            guard directory == nil else { return schedule(&state) }
            pack(&state)
            return false
        }
    }

    private func schedule(_ state: inout State) -> Bool {
        guard directory != nil, !state.isScheduled else { return false }
        state.isScheduled = true
        return true
    }

    private func pack(_ state: inout State) {
        let added = SummaryTable(state.added, folder: name)
        state.table = state.table.map { SummaryTable.merged($0, added, keeping: state.keeping) } ?? added
        state.added = [:]
        state.keeping = nil
    }

    // MARK: The file

    /// The file of this folder: named by where the folder is and which it is.
    private var file: String? {
        guard let directory, let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        guard let status = try? FileStatus(path: path) else { return nil }
        var name = "\(status.inode) \(String(cString: real))"
        let hash = name.withUTF8 { XXH3_64bits($0.baseAddress, $0.count) }
        let digits = String(hash, radix: 16)
        return directory + "/" + String(repeating: "0", count: 16 - digits.count) + digits
            + RecordingSummaries.suffix
    }

    /// Reads the file unless that was done for the file as it is; false when nothing came of it.
    private func load(_ state: inout State) -> Bool {
        let now = FileTime.now()
        guard !state.isLoaded || !(0..<Self.patience).contains(now &- state.lookedAt) else { return false }
        state.isLoaded = true
        state.lookedAt = now
        guard let file, let status = try? FileStatus(path: file), status != state.status,
            let table = read(file)
        else { return false }
        state.status = status
        state.table = state.table.map { SummaryTable.merged($0, table) } ?? table
        return true
    }

    private func read(_ file: String) -> SummaryTable? {
        do throws(FileError) {
            let opened = try File(path: file)
            let size = try opened.status().size
            guard size < 1 << 32 else { return nil }
            if let table = SummaryTable(try opened.bytes(in: 0..<size), folder: name) { return table }
            onProblem("'\(file)' is damaged, from another version or of another folder; it will be replaced")
        } catch {
            if error.errno != ENOENT { onProblem(error.message) }
        }
        return nil
    }

    /// Writes what is new, together with what others wrote meanwhile.
    func write() {
        guard let directory else { return }
        let work = state.withLock {
            state -> (table: SummaryTable?, keeping: (@Sendable (String) -> Bool)?, status: FileStatus?)? in
            // Who writes now takes what is there; what comes after that is for the next.
            guard !state.isWriting, !state.added.isEmpty || state.keeping != nil else { return nil }
            state.isWriting = true
            state.isScheduled = false
            state.writing = state.added
            state.added = [:]
            defer { state.keeping = nil }
            return (state.table, state.keeping, state.status)
        }
        guard let work else {
            state.withLock { if !$0.isWriting { $0.isScheduled = false } }
            return
        }
        let began = ContinuousClock.now
        let added = SummaryTable(state.withLock { $0.writing }, folder: name)
        var table = work.table
        var problem: String?
        var written: FileStatus?
        do throws(FileError) {
            guard let file else { throw FileError(errno: ENOENT, message: "'\(path)' is gone") }
            try makeDirectories(directory)
            // Else what another process writes between our reading and writing would be lost, and scanned again.
            let turn = FolderTurn(directory)
            defer { withExtendedLifetime(turn) {} }
            if let status = try? FileStatus(path: file), status != work.status, let theirs = read(file) {
                table = table.map { SummaryTable.merged($0, theirs) } ?? theirs
            }
            table = table.map { SummaryTable.merged($0, added, keeping: work.keeping) } ?? added
            if let table { try AtomicFile.write(table.bytes, to: file) }
            written = try? FileStatus(path: file)
        } catch {
            if table === work.table { table = table.map { SummaryTable.merged($0, added) } ?? added }
            if error.errno != ENOENT {
                problem = "what is known of the recordings in '\(path)' could not be stored: \(error.message)"
            }
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        state.withLock { state in
            state.table = table
            state.status = written ?? state.status
            state.writing = [:]
            state.isWriting = false
            // No more than a twentieth of the time goes into writing, and little onto a disk that refuses.
            state.pause = problem == nil ? max(1, 20 * seconds) : 30
        }
        if let problem { onProblem(problem) }
    }
}
