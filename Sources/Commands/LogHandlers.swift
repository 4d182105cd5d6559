// Where log lines go: stderr in the foreground, a file in the log directory, or syslog, which journald keeps.

import Files
import Foundation
import Logging
import Synchronization

/// Takes finished log lines; called from many threads.
protocol LogSink: Sendable {
    func write(_ line: String, level: Logger.Level)
}

/// A swift-log handler that makes one line of an event and gives it to a sink.
struct LineLogHandler: LogHandler {
    let sink: any LogSink
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(sink: any LogSink, level: Logger.Level) {
        self.sink = sink
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var text = event.message.description
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        if let error = event.error { text += ": \(error)" }
        sink.write(escaped(text), level: event.level)
    }
}

/// Lines with a timestamp to a file descriptor; one write per line, so that lines of many threads do not mix.
struct DescriptorLogSink: LogSink {
    let descriptor: Int32

    func write(_ line: String, level: Logger.Level) {
        Output.write("\(timestamp()) \(level.rawValue) \(line)\n", to: descriptor)
    }

    /// UTC with milliseconds, as in RFC 3339.
    private func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = "\(value)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(parts.tm_year + 1900, 4) + "-" + padded(parts.tm_mon + 1, 2) + "-" + padded(parts.tm_mday, 2)
            + "T"
            + padded(parts.tm_hour, 2) + ":" + padded(parts.tm_min, 2) + ":" + padded(parts.tm_sec, 2) + "."
            + padded(now.tv_nsec / 1_000_000, 3) + "Z"
    }
}

/// Lines to syslog(3), which adds time and process by itself.
struct SystemLogSink: LogSink {
    init() {
        // openlog keeps the pointer, so the name's copy lives as long as the process.
        openlog(strdup("evh5"), LOG_PID, LOG_DAEMON)
    }

    func write(_ line: String, level: Logger.Level) {
        let priority =
            switch level {
            case .trace, .debug: LOG_DEBUG
            case .info: LOG_INFO
            case .notice: LOG_NOTICE
            case .warning: LOG_WARNING
            case .error: LOG_ERR
            case .critical: LOG_CRIT
            }
        line.withCString { text in withVaList([text]) { vsyslog(priority, "%s", $0) } }
    }
}

/// A mount's logger, and what it has said lately.
struct MountLog {
    let logger: Logger
    let recent: RecentWarnings

    fileprivate init(_ sink: any LogSink, _ destination: String, _ level: Logger.Level) {
        let recent = RecentWarnings(sink, destination: destination)
        self.recent = recent
        logger = Logger(label: "evh5", factory: { _ in LineLogHandler(sink: recent, level: level) })
    }
}

/// Makes loggers.
enum LogDestination {
    /// Lines to stderr.
    static func standardError(level: Logger.Level) -> Logger { standardErrorLog(level: level).logger }

    /// Lines to stderr, of a mount.
    static func standardErrorLog(level: Logger.Level) -> MountLog {
        MountLog(DescriptorLogSink(descriptor: STDERR_FILENO), "stderr", level)
    }

    /// Lines to syslog.
    static func system(level: Logger.Level) -> MountLog { MountLog(SystemLogSink(), "syslog", level) }

    /// Whether somebody takes what is sent to syslog: there is nobody in most containers.
    static var hasSystemLog: Bool { access("/dev/log", W_OK) == 0 }

    /// The folder of log files where there is no syslog: `$XDG_STATE_HOME/evh5-log`, else `~/.local/state/evh5-log`.
    static func folderWithoutSystemLog(_ environment: [String: String]) -> String {
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/evh5-log" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/evh5-log"
    }

    /// Lines to the file `evh5-<pid>.log` in `directory`, which is made when missing.
    static func file(in directory: String, level: Logger.Level) throws(CommandError) -> MountLog {
        let path = directory + "/evh5-\(getpid()).log"
        try makeDirectory(directory)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandError(
                .outputUnwritable,
                "cannot write the log file '\(path)': \(String(cString: strerror(errno))); choose another --log-directory"
            )
        }
        return MountLog(DescriptorLogSink(descriptor: descriptor), path, level)
    }

    /// Makes the log directory; called before a mount goes to the background, so that the reason is seen.
    static func makeDirectory(_ directory: String) throws(CommandError) {
        do throws(FileError) { try makeDirectories(directory) } catch {
            throw CommandError(
                .outputUnwritable, "\(error.message); choose another --log-directory", cause: error)
        }
    }
}
