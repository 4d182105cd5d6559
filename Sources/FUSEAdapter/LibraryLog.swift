// Where libfuse's own log lines go: to the logger of the latest mount, and into the reason of a mount that failed.

import CFUSE
import Logging
import Synchronization

/// The log of libfuse, which has one for the whole process.
enum LibraryLog {
    private struct State {
        var logger: Logger?
        /// The last line since `begin`, at error level or louder.
        var complaint: String?
    }

    private static let state = Mutex(State())

    /// Sends libfuse's lines to `logger` and forgets earlier complaints.
    static func begin(_ logger: Logger) {
        state.withLock { $0 = State(logger: logger) }
        evh5_fuse_set_log { level, line in
            guard let line else { return }
            LibraryLog.take(Int(level), String(cString: line))
        }
    }

    /// What libfuse complained about last.
    static var complaint: String? { state.withLock { $0.complaint } }

    private static func take(_ severity: Int, _ line: String) {
        let level: Logger.Level =
            switch severity {
            case ...Int(FUSE_LOG_ERR.rawValue): .error
            case Int(FUSE_LOG_WARNING.rawValue): .warning
            case Int(FUSE_LOG_NOTICE.rawValue): .notice
            case Int(FUSE_LOG_INFO.rawValue): .info
            default: .debug
            }
        let logger = state.withLock { state in
            if level == .error { state.complaint = line }
            return state.logger
        }
        logger?.log(level: level, "libfuse: \(line)")
    }
}
