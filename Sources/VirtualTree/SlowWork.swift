// What took long in a mount: the answer to why something is slow.

import Foundation
import Logging
import Synchronization

/// Notes operations that took long, and keeps the slowest.
final class SlowWork: Sendable {
    /// How many are kept.
    private static let limit = 5
    /// Seconds from which on an operation is noted.
    private static let slow = 0.25

    private let logger: Logger
    private let slowest = Mutex<[MountStatus.Slow]>([])

    init(_ logger: Logger) { self.logger = logger }

    /// Runs `body`, which is `operation` on `path` below the mount point.
    func timing<R, Failure: Error>(
        _ operation: StaticString, _ path: @autoclosure () -> String, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        let start = DispatchTime.now().uptimeNanoseconds
        defer {
            let seconds = Double(DispatchTime.now().uptimeNanoseconds &- start) / 1e9
            if seconds >= Self.slow { note(operation, path(), seconds) }
        }
        return try body()
    }

    private func note(_ operation: StaticString, _ path: String, _ seconds: Double) {
        let operation = "\(operation)"
        logger.debug("\(operation) of '\(path)' took \(Int(seconds * 1000)) ms")
        let new = MountStatus.Slow(
            operation: operation, path: path, seconds: seconds, time: Date().timeIntervalSince1970)
        slowest.withLock { slowest in
            // One line for each file and operation: the slowest.
            if let same = slowest.firstIndex(where: { $0.path == path && $0.operation == operation }) {
                if slowest[same].seconds < seconds { slowest[same] = new }
            } else {
                slowest.append(new)
            }
            slowest.sort { $0.seconds > $1.seconds }
            if slowest.count > Self.limit { slowest.removeLast() }
        }
    }

    var list: [MountStatus.Slow] { slowest.withLock { $0 } }
}
