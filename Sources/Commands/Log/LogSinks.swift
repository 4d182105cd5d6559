// Where log lines go: stderr in the foreground, a file in the log directory, or syslog, which journald keeps.

import Files
import Foundation
import Logging

/// Takes finished log lines; called from many threads.
protocol LogSink: Sendable {
    func write(_ line: LogLine)
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

    func log(event: LogEvent) { sink.write(LogLine(event, metadata: metadata)) }
}

/// Lines with a timestamp to a file descriptor; one write per line, so that lines of many threads do not mix.
struct DescriptorLogSink: LogSink {
    let descriptor: Int32
    let format: LogFormat

    func write(_ line: LogLine) { Output.write(line.whole(format) + "\n", to: descriptor) }
}

/// Lines to syslog(3), which adds time and process by itself.
struct SystemLogSink: LogSink {
    let format: LogFormat

    init(_ format: LogFormat) {
        self.format = format
        // openlog keeps the pointer, so the name's copy lives as long as the process.
        openlog(strdup("evh5"), LOG_PID, LOG_DAEMON)
    }

    func write(_ line: LogLine) {
        let priority =
            switch line.level {
            case .trace, .debug: LOG_DEBUG
            case .info: LOG_INFO
            case .notice: LOG_NOTICE
            case .warning: LOG_WARNING
            case .error: LOG_ERR
            case .critical: LOG_CRIT
            }
        line.bare(format).withCString { text in withVaList([text]) { vsyslog(priority, "%s", $0) } }
    }
}

/// The file that a mount logs to. Whoever moves it away, as logrotate does, has it made anew by `reopen`.
struct LogFile: Sendable {
    let path: String
    let descriptor: Int32

    /// Appends to `path`, which is made when missing.
    init(_ path: String) throws(CommandError) {
        self.path = path
        descriptor = LogFile.open(path)
        guard descriptor >= 0 else {
            throw CommandError(
                .outputUnwritable,
                "cannot write the log file '\(path)': \(String(cString: strerror(errno))); choose another --log-directory"
            )
        }
    }

    /// Has lines go to the file that has the path by now; with `standardError` that of this process, too.
    /// - Returns: why not, when they go on to the one from before.
    func reopen(standardError: Bool) -> String? {
        let new = LogFile.open(path)
        guard new >= 0 else { return "cannot open the log file anew: \(String(cString: strerror(errno)))" }
        // Threads that write meanwhile have the one or the other.
        dup2(new, descriptor)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        if standardError { dup2(new, STDERR_FILENO) }
        close(new)
        return nil
    }

    private static func open(_ path: String) -> Int32 {
        Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    }
}
