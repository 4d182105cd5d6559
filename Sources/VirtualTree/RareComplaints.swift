// Warnings about something that goes wrong for every file, without a line for every file.

import Logging
import Synchronization

/// Logs a warning at most once a minute; those between are dropped.
final class RareComplaints: Sendable {
    private let logger: Logger
    private let next = Mutex(ContinuousClock.now)

    init(_ logger: Logger) { self.logger = logger }

    func say(_ message: String) {
        let now = ContinuousClock.now
        let isDue = next.withLock { next in
            guard now >= next else { return false }
            next = now + .seconds(60)
            return true
        }
        if isDue { logger.warning("\(message)") }
    }
}
