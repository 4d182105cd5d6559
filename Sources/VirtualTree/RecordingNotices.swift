// What is odd about recordings, said in the log once for each state of each of them.

import Logging
import Recordings
import Synchronization

/// Logs where words overrule a header, and recordings whose words make no sense.
final class RecordingNotices: Sendable {
    /// Beyond this many recordings with something to say, it may be said again.
    private static let limit = 10_000

    private let logger: Logger
    private let said = Mutex<Set<RecordingIdentity>>([])

    init(_ logger: Logger) { self.logger = logger }

    /// To be called whenever the index of a recording is made or read.
    func look(at recording: Recording, _ index: TimeIndex) {
        let warning = index.warning
        guard warning != nil || !recording.notes.isEmpty else { return }
        let isNew = said.withLock { said in
            if said.count >= RecordingNotices.limit { said.removeAll() }
            return said.insert(recording.identity).inserted
        }
        guard isNew else { return }
        for note in recording.notes { logger.warning("'\(recording.path)': \(note)") }
        if let warning { logger.warning("'\(recording.path)' is suspicious: \(warning)") }
    }
}
