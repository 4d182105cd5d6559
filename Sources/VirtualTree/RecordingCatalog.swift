// Which files of the source are recordings, and what is known of them: from the summaries, else from the files.

import Datasets
import Files
import Foundation
import Recordings
import Synchronization

/// Opens recordings and knows, per file as it is now, whether it is one and what a scan found.
final class RecordingCatalog: Sendable {
    private struct Failure {
        let status: FileStatus
        let error: RecordingError
    }

    private struct Fresh {
        let status: FileStatus
        let geometry: Geometry
    }

    let source: SourceTree
    private let rules: RecordingRules
    private let indexes: IndexStore
    /// Files that are not shown. Those that fall out are looked at again.
    private let failures = Mutex(RecentTable<String, Failure>(limit: 100_000))
    /// Headers of recordings that were written to just now, which summaries do not keep.
    private let fresh = Mutex(RecentTable<String, Fresh>(limit: 10_000))

    init(source: SourceTree, rules: RecordingRules, indexes: IndexStore) {
        self.source = source
        self.rules = rules
        self.indexes = indexes
    }

    /// How many recordings are known.
    var count: Int { indexes.summaries.count + fresh.withLock { $0.count } }

    /// The geometry of the recording at `path`; fails when there is no usable recording.
    func geometry(_ path: String) throws(FileSystemError) -> Geometry {
        let status = try source.status(path)
        guard status.kind == .regular else { throw FileSystemError(ENOENT, "'\(path)' is not a file", level: .debug) }
        do throws(RecordingError) { return try geometry(path, status) } catch {
            throw RecordingCatalog.notShown(path, error)
        }
    }

    private func geometry(_ path: String, _ status: FileStatus) throws(RecordingError) -> Geometry {
        if let known = find(path, status) { return known.geometry }
        if let known = fresh.withLock({ $0[path] }), known.status == status { return known.geometry }
        if let known = failures.withLock({ $0[path] }), known.status == status { throw known.error }
        do throws(RecordingError) { return try probe(path) } catch {
            // That a file could not be read may pass (too many open files, a disk that was away), unlike what it holds.
            if error.code != .unreadable {
                failures.withLock { $0[path] = Failure(status: status, error: error) }
            }
            throw error
        }
    }

    /// Reads the header; a short recording is scanned in the same breath, as it is read anyway.
    private func probe(_ path: String) throws(RecordingError) -> Geometry {
        let recording = try recording(path)
        if recording.isSmall, (try? indexes.index(of: recording)) != nil { return recording.geometry }
        if !indexes.summaries.note(RecordingSummary(recording), of: recording) {
            fresh.withLock { $0[path] = Fresh(status: recording.status, geometry: recording.geometry) }
        }
        return recording.geometry
    }

    /// What is known of the recording at `path` in the state `status`.
    func find(_ path: String, _ status: FileStatus) -> RecordingSummary? {
        let (folder, name) = split(path)
        return indexes.summaries.find(name, in: source.absolute(folder), status, settings: settings(path))
    }

    /// What a scan found in the recording at `path` as it is now; nil when that is not known.
    func knownSummary(_ path: String) -> (status: FileStatus, summary: RecordingSummary)? {
        guard let status = try? source.status(path), let summary = find(path, status), summary.isScanned else {
            return nil
        }
        return (status, summary)
    }

    /// What a scan finds in the recording at `path`.
    func summary(_ path: String) throws(FileSystemError) -> (status: FileStatus, summary: RecordingSummary) {
        let status = try source.status(path)
        if let summary = find(path, status), summary.isScanned { return (status, summary) }
        let recording = try open(path)
        do throws(RecordingError) {
            return (recording.status, RecordingSummary(recording, try indexes.index(of: recording)))
        } catch { throw FileLibrary.explain(error, path) }
    }

    /// Opens the recording at `path`.
    func open(_ path: String) throws(FileSystemError) -> Recording {
        do throws(RecordingError) { return try recording(path) } catch { throw RecordingCatalog.notShown(path, error) }
    }

    private func recording(_ path: String) throws(RecordingError) -> Recording {
        // What was checked is what is read, although names may change at any time.
        let opened: File?
        do throws(FileSystemError) { opened = source.mayLeave ? nil : try source.open(path) } catch {
            throw RecordingError(
                .unreadable, error.message, cause: FileError(errno: error.errno, message: error.message))
        }
        return try Recording(path: source.absolute(path), opened: opened, hints: rules.hints(for: path))
    }

    /// What the settings give the recording at `path`, as a number.
    private func settings(_ path: String) -> UInt64 {
        rules.isEmpty ? 0 : Recording.settings(rules.hints(for: path))
    }

    private static func notShown(_ path: String, _ error: RecordingError) -> FileSystemError {
        let unreadable = error.code == .unreadable
        let number = unreadable ? (error.cause as? FileError)?.errno ?? EIO : ENOENT
        return FileSystemError(number, "'\(path)' is not shown: \(error.message)", level: .warning, cause: error)
    }
}

// MARK: Whole folders

/// Which files of a folder are recordings, found when it is listed.
struct ListedRecordings: Sendable {
    /// For each file its geometry, the width in the upper half; 0 for one that is not shown.
    fileprivate(set) var geometries: [UInt32]
    /// Why files are not shown: the first few.
    fileprivate(set) var reasons: [NotShown.Reason] = []

    func isShown(_ i: Int) -> Bool { geometries[i] != 0 }

    var notShown: Int { geometries.count { $0 == 0 } }

    static func geometry(_ packed: UInt32) -> Geometry {
        Geometry(width: Int(packed >> 16), height: Int(packed & 0xFFFF))
    }
}

extension RecordingCatalog {
    /// Looks at all files of a folder, with all processors where there are many.
    func list(_ names: RecordingNames, in folder: String) -> ListedRecordings {
        let absolute = source.absolute(folder)
        var geometries = [UInt32](repeating: 0, count: names.count)
        let reasons = Mutex<[(index: Int, reason: NotShown.Reason)]>([])
        geometries.withUnsafeMutableBufferPointer { found in
            let places = Places(base: found.baseAddress)
            let blocks = (names.count + Self.block - 1) / Self.block
            let lookAt: @Sendable (Int) -> Void = { [self] block in
                for i in block * Self.block..<min(names.count, (block + 1) * Self.block) {
                    let name = names[i]
                    do {
                        let geometry = try self.look(name, in: folder, absolute)
                        places.base?[i] = UInt32(geometry.width) << 16 | UInt32(geometry.height)
                    } catch {
                        let reason = NotShown.Reason(path: join(folder, name), reason: "\(error)")
                        reasons.withLock { if $0.count < 1000 { $0.append((i, reason)) } }
                    }
                }
            }
            if blocks > 1 {
                DispatchQueue.concurrentPerform(iterations: blocks, execute: lookAt)
            } else if blocks == 1 {
                lookAt(0)
            }
        }
        let first = reasons.withLock { $0.sorted { $0.index < $1.index }.prefix(NotShown.shownReasons).map(\.reason) }
        if geometries.count > Self.block {
            indexes.summaries.prune(absolute, count: names.count) { names.index(of: $0) != nil }
        }
        return ListedRecordings(geometries: geometries, reasons: first)
    }

    /// Files that one thread looks at before it asks for more.
    private static let block = 64

    /// Each thread writes places of its own.
    private struct Places: @unchecked Sendable {
        let base: UnsafeMutablePointer<UInt32>?
    }

    private func look(_ name: String, in folder: String, _ absolute: String) throws -> Geometry {
        let path = join(folder, name)
        let status = try source.status(path)
        guard status.kind == .regular else { throw FileSystemError(ENOENT, "it is not a file", level: .debug) }
        if let known = indexes.summaries.find(name, in: absolute, status, settings: settings(path)) {
            return known.geometry
        }
        return try geometry(path, status)
    }
}
