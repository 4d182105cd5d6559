// Which files of the source are recordings; what is known of them without a scan.

import Files
import Foundation
import Recordings
import Synchronization

/// Opens recordings and remembers, per file as it is now, whether it is one.
final class RecordingCatalog: Sendable {
    private struct Known {
        let status: FileStatus
        /// The geometry, or why the file is not shown.
        let result: Result<Geometry, RecordingError>
    }

    /// A source with more files than this is probed again now and then; an entry takes some 200 bytes.
    private static let limit = 500_000

    private let source: SourceTree
    private let rules: RecordingRules
    private let known = Mutex<[String: Known]>([:])

    init(source: SourceTree, rules: RecordingRules) {
        self.source = source
        self.rules = rules
    }

    /// How many recordings have been seen.
    var count: Int { known.withLock { $0.count } }

    /// The geometry of the recording at `path`; fails when there is no usable recording.
    func geometry(_ path: String) throws(FileSystemError) -> Geometry {
        let status = try source.status(path)
        guard status.kind == .regular else { throw FileSystemError(ENOENT, "'\(path)' is not a file", level: .debug) }
        let seen = known.withLock { $0[path] }
        let result: Result<Geometry, RecordingError>
        if let seen, seen.status == status {
            result = seen.result
        } else {
            do throws(RecordingError) { result = .success(try recording(path).geometry) } catch {
                result = .failure(error)
            }
            // That a file could not be read may pass (too many open files, a disk that was away), unlike what it holds.
            if case .failure(let error) = result, error.code == .unreadable {
                throw RecordingCatalog.notShown(path, error)
            }
            known.withLock {
                if $0.count >= RecordingCatalog.limit { $0.removeAll() }
                $0[path] = Known(status: status, result: result)
            }
        }
        switch result {
        case .success(let geometry): return geometry
        case .failure(let error): throw RecordingCatalog.notShown(path, error)
        }
    }

    /// Opens the recording at `path`.
    func open(_ path: String) throws(FileSystemError) -> Recording {
        try source.checkInside(path)
        do throws(RecordingError) { return try recording(path) } catch { throw RecordingCatalog.notShown(path, error) }
    }

    private func recording(_ path: String) throws(RecordingError) -> Recording {
        try Recording(path: source.absolute(path), hints: rules.hints(for: path))
    }

    private static func notShown(_ path: String, _ error: RecordingError) -> FileSystemError {
        let unreadable = error.code == .unreadable
        let number = unreadable ? (error.cause as? FileError)?.errno ?? EIO : ENOENT
        return FileSystemError(number, "'\(path)' is not shown: \(error.message)", level: .warning, cause: error)
    }
}
