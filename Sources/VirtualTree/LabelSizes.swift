// Label files as they are after cutting; their sizes are remembered, because `stat` needs them.

import Datasets
import Files
import Foundation
import Synchronization

/// Cuts label files and remembers how long the result was for the file as it is now.
final class LabelSizes: Sendable {
    /// Labels are read whole; a file beyond this is no label file.
    private static let largest: Int64 = 1 << 30
    private static let limit = 200_000

    private struct Known {
        let status: FileStatus
        let size: Int64
    }

    private let known = Mutex(RecentTable<String, Known>(limit: limit))

    func size(
        _ key: String, _ path: String, _ times: Range<Int64>, _ source: SourceTree
    ) throws(FileSystemError) -> (size: Int64, status: FileStatus) {
        let status = try source.status(path)
        if let known = known.withLock({ $0[key] }), known.status == status { return (known.size, status) }
        let (bytes, cutStatus) = try cut(path, times, source)
        known.withLock { $0[key] = Known(status: cutStatus, size: Int64(bytes.count)) }
        return (Int64(bytes.count), cutStatus)
    }

    func cut(
        _ path: String, _ times: Range<Int64>, _ source: SourceTree
    ) throws(FileSystemError) -> (bytes: [UInt8], status: FileStatus) {
        let file = try source.open(path)
        do {
            let status = try file.status()
            guard status.size <= LabelSizes.largest else {
                throw FileSystemError(EFBIG, "label file '\(path)' is too large to be cut")
            }
            return (try LabelFile(try file.bytes(in: 0..<status.size)).cut(to: times), status)
        } catch let error as LabelFileError {
            throw FileSystemError(EIO, "label file '\(path)' cannot be cut: \(error.description)", cause: error)
        } catch { throw FileLibrary.explain(error, path) }
    }
}
