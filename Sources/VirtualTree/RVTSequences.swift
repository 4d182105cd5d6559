// What RVT's preprocessing makes of label files as they are now; read once for each state of the file.

import Datasets
import Files
import Foundation
import Logging
import Synchronization
import Tensors

/// Reads label files by RVT's rules, and remembers what `stat` and listings need of them.
final class RVTSequences: Sendable {
    /// What is known of a label file.
    struct Facts: Sendable {
        let status: FileStatus
        /// Bytes of each file.
        let sizes: [RVTLabels.File: Int64]
    }

    private enum Known: Sendable {
        case facts(Facts)
        case hidden(FileStatus, FileSystemError)

        var status: FileStatus {
            switch self {
            case .facts(let facts): facts.status
            case .hidden(let status, _): status
            }
        }
    }

    private struct Key: Hashable {
        let path: String
        let rule: RVTRule
    }

    /// Labels are read whole; a file beyond this is no label file.
    private static let largest: Int64 = 1 << 30
    /// ns. A file that is written to just now may change again without another time stamp.
    private static let settling: Int64 = 2_000_000_000

    private let source: SourceTree
    private let logger: Logger
    private let known = Mutex(RecentTable<Key, Known>(limit: 100_000))
    /// What was said of each folder.
    private let said = Mutex(RecentTable<String, String>(limit: 1000))

    init(source: SourceTree, logger: Logger) { (self.source, self.logger) = (source, logger) }

    /// - Throws: ENOENT when the sequence is not there: RVT's filters leave no label, or its script would fail.
    func facts(_ sequence: RVTSequence) throws(FileSystemError) -> Facts {
        let key = Key(path: sequence.labelsPath, rule: sequence.rule)
        let status = try source.status(key.path)
        let now = known.withLock { $0[key] }
        switch now {
        case .facts(let facts) where facts.status == status: return facts
        case .hidden(let known, let error) where known == status: throw error
        default: return try read(key).facts
        }
    }

    func bytes(
        _ sequence: RVTSequence, _ file: RVTLabels.File
    ) throws(FileSystemError) -> (bytes: [UInt8], status: FileStatus) {
        let (labels, facts) = try read(Key(path: sequence.labelsPath, rule: sequence.rule))
        return (labels.bytes(file), facts.status)
    }

    private func read(_ key: Key) throws(FileSystemError) -> (labels: RVTLabels, facts: Facts) {
        let file = try source.open(key.path)
        let status: FileStatus
        let bytes: [UInt8]
        do throws(FileError) {
            status = try file.status()
            guard status.kind == .regular, status.size <= Self.largest else {
                throw FileError(errno: EFBIG, message: "'\(key.path)' is too large for a file of labels")
            }
            bytes = try file.bytes(in: 0..<status.size)
        } catch { throw FileLibrary.explain(error, key.path) }
        do {
            let labels = try RVTLabels(LabelFile(bytes), key.rule)
            var sizes: [RVTLabels.File: Int64] = [:]
            for file in RVTLabels.File.allCases { sizes[file] = Int64(labels.bytes(file).count) }
            let facts = Facts(status: status, sizes: sizes)
            remember(.facts(facts), key)
            return (labels, facts)
        } catch {
            let none = FileSystemError(ENOENT, "'\(key.path)': \(error)", level: .info, cause: error)
            remember(.hidden(status, none), key)
            throw none
        }
    }

    private func remember(_ now: Known, _ key: Key) {
        guard FileTime.now() &- now.status.modified > Self.settling else { return }
        known.withLock { $0[key] = now }
    }

    /// Says which sequences of a folder are not shown, once for each change.
    func noteNotShown(_ folder: String, _ reasons: [String], of count: Int) {
        let text = reasons.prefix(NotShown.shownReasons).joined(separator: "; ")
        guard said.withLock({ $0[folder] ?? "" }) != text else { return }
        said.withLock { $0[folder] = text }
        guard !reasons.isEmpty else { return }
        let rest = reasons.count > NotShown.shownReasons ? "; and \(reasons.count - NotShown.shownReasons) more" : ""
        logger.notice("\(reasons.count) of \(count) sequences in folder '\(folder)' are not shown: \(text)\(rest)")
    }
}
