// The log of a mount.

import FUSEAdapter
import Files
import Foundation
import Logging

/// A mount's logger, and what it has said lately.
struct MountLog {
    let logger: Logger
    let recent: RecentWarnings
    private let file: LogFile?
    private let goesToSystem: Bool

    private init(_ sink: any LogSink, _ destination: String, _ level: Logger.Level, file: LogFile? = nil) {
        let recent = RecentWarnings(sink, destination: destination)
        self.recent = recent
        self.file = file
        goesToSystem = sink is SystemLogSink
        logger = Logger(label: "evh5", factory: { _ in LineLogHandler(sink: recent, level: level) })
    }

    /// Lines to stderr.
    static func standardError(_ level: Logger.Level, _ format: LogFormat) -> MountLog {
        MountLog(DescriptorLogSink(descriptor: STDERR_FILENO, format: format), "stderr", level)
    }

    /// Lines to syslog.
    static func system(_ level: Logger.Level, _ format: LogFormat) -> MountLog {
        MountLog(SystemLogSink(format), "syslog", level)
    }

    /// Lines to the file `evh5-<pid>.log` in `directory`, which is made when missing.
    static func file(
        in directory: String, _ level: Logger.Level, _ format: LogFormat
    ) throws(CommandError) -> MountLog {
        try makeDirectory(directory)
        let file = try LogFile(directory + "/evh5-\(getpid()).log")
        return MountLog(DescriptorLogSink(descriptor: file.descriptor, format: format), file.path, level, file: file)
    }

    /// Makes the log directory; called before a mount goes to the background, so that the reason is seen.
    static func makeDirectory(_ directory: String) throws(CommandError) {
        do throws(FileError) { try makeDirectories(directory) } catch {
            throw CommandError(
                .outputUnwritable, "\(error.message); choose another --log-directory", cause: error)
        }
    }

    /// Whether somebody takes what is sent to syslog: there is nobody in most containers.
    static var hasSystemLog: Bool { access("/dev/log", W_OK) == 0 }

    /// The folder of log files where there is no syslog: `$XDG_STATE_HOME/evh5-log`, else `~/.local/state/evh5-log`.
    static func folderWithoutSystemLog(_ environment: [String: String]) -> String {
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/evh5-log" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/evh5-log"
    }

    /// SIGHUP came: a log file is opened anew, and that is said in it.
    func reopen(inBackground: Bool) {
        guard let file else { return logger.notice("SIGHUP: this log has no file that could be opened anew") }
        if let problem = file.reopen(standardError: inBackground) {
            logger.warning("SIGHUP: \(problem)")
        } else {
            logger.notice("SIGHUP: the log file was opened anew")
        }
    }

    /// Has crashes of this process told in the log.
    /// - Returns: what is to be stderr once the process is in the background, as Swift's runtime and C libraries say
    ///   there why they end a process.
    func takeLastWords() -> Int32? {
        if let file {
            Daemon.reportCrashesToStandardError()
            return file.descriptor
        }
        return goesToSystem ? Daemon.reportCrashesToSystemLog() : nil
    }
}

/// Loggers of commands that are no mounts.
enum CommandLog {
    /// Lines to stderr.
    static func standardError(level: Logger.Level) -> Logger { MountLog.standardError(level, .text).logger }
}
