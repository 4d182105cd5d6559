// Going into the background: the program starts itself again, apart from the terminal, and waits for word of it.

import CFUSE
import Foundation
import Synchronization

/// A copy of this program in the background.
public enum Daemon {
    /// Has memory that is not used any more given back to the system, so that the process stays near its memory target.
    /// To be called by the process that will answer requests, before it has threads.
    public static func keepMemorySmall() { evh5_keep_memory_small() }

    /// Lets this process have as many files open as its user may: each open virtual file holds its recording and what
    /// was added.
    public static func allowManyFiles() {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else { return }
        limits.rlim_cur = limits.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    }

    /// Has signals that nobody means as an end (SIGUSR1, SIGUSR2, SIGALRM, real-time ones) do nothing, with `quit`
    /// SIGQUIT as well.
    public static func ignoreOtherSignals(quit: Bool) { evh5_fuse_ignore_other_signals(quit ? 1 : 0) }

    /// Has this process say on stderr that it crashes, and where, unless something does already.
    public static func reportCrashesToStandardError() { evh5_fuse_report_crashes(0, -1) }

    /// Has syslog told when this process crashes, and where.
    /// - Returns: what must become stderr, so that syslog gets as well what was said there; nil when there is no pipe.
    public static func reportCrashesToSystemLog() -> Int32? {
        // Nobody reads it but the handler of a crash.
        var ends: [Int32] = [-1, -1]
        guard evh5_pipe(&ends, 1) == 0 else { return nil }
        evh5_fuse_report_crashes(1, ends[0])
        return ends[1]
    }

    /// The variable that tells the copy which descriptor its parent listens to.
    public static let variable = "EVH5_READY_FD"

    /// How the copy's start ended.
    public struct StartResult: Sendable, Hashable {
        /// 0 when it is ready; else what this process should exit with.
        public let exitCode: Int32
        /// The one line of reason, when it is not.
        public let reason: String?
    }

    /// Starts this program with `arguments` (without the program's name) in a session of its own and waits until it
    /// says `ready` or `fail` through `ReadinessPipe`, or ends. Relative paths still mean what they mean here; the copy
    /// moves to / when it is ready. Its stderr is this one's until then. Of our descriptors it gets `passed`, under the
    /// same number.
    public static func startInBackground(
        arguments: [String], passing passed: Int32? = nil
    ) throws(MountError) -> StartResult {
        var ends: [Int32] = [-1, -1]
        guard evh5_pipe(&ends, 0) == 0 else { throw Subprocess.failure("make a pipe", errno) }
        defer { close(ends[0]) }
        let process = try spawn(arguments, passing: passed, closing: ends[1])
        let text = String(decoding: firstLine(ends[0]), as: UTF8.self)
        if text == "ready" { return StartResult(exitCode: 0, reason: nil) }
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        if words.count == 3, words[0] == "fail", let code = Int32(words[1]), code != 0 {
            return StartResult(exitCode: code, reason: String(words[2]))
        }
        let status = Subprocess.wait(process)
        let how = status > 128 ? "was killed by signal \(status - 128)" : "ended with exit code \(status)"
        return StartResult(
            exitCode: status == 0 ? 1 : status, reason: "the background process \(how) before the mount answered")
    }

    /// Starts the copy, which writes to `readiness`; closes that here.
    private static func spawn(
        _ arguments: [String], passing passed: Int32?, closing readiness: Int32
    ) throws(MountError) -> pid_t {
        defer { close(readiness) }
        let descriptor: Int32 = passed == 3 ? 4 : 3
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Whoever waits for the end of our output (`$(evh5 mount ...)`) must not wait for the daemon's.
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        // A descriptor put onto itself loses close-on-exec as well.
        posix_spawn_file_actions_adddup2(&actions, readiness, descriptor)
        if let passed { posix_spawn_file_actions_adddup2(&actions, passed, passed) }
        let last = max(descriptor, passed ?? 0)
        for other in 3...last where other != descriptor && other != passed {
            posix_spawn_file_actions_addclose(&actions, other)
        }
        evh5_spawn_close_from(&actions, last + 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        evh5_spawn_new_session(&attributes)

        let name = CommandLine.arguments.first ?? "evh5"
        var words: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) } + [nil]
        var environment = ProcessInfo.processInfo.environment
        environment[variable] = "\(descriptor)"
        // Swift's own backtraces take minutes for a program of this size, during which the mount hangs; who wants them
        // asks for them.
        if environment["SWIFT_BACKTRACE"] == nil { environment["SWIFT_BACKTRACE"] = "enable=no" }
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var process: pid_t = 0
        let program = executable
        let result = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
        guard result == 0 else { throw Subprocess.failure("start \(program) in the background", result) }
        return process
    }

    /// This program's file; /proc/self/exe itself when the file has been replaced.
    package static var executable: String {
        let link = "/proc/self/exe"
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link), access(path, X_OK) == 0
        else { return link }
        return path
    }

    /// The bytes before the first newline; all of them when the other end closes before one.
    private static func firstLine(_ descriptor: Int32) -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let n = read(descriptor, &byte, 1)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 || byte == UInt8(ascii: "\n") { return line }
            line.append(byte)
        }
    }
}

/// The copy's word to the process that started it: one thing is said, later ones are dropped.
public final class ReadinessPipe: Sendable {
    /// -1 once something was said.
    private let descriptor: Mutex<Int32>

    /// The pipe of a process started by `Daemon.startInBackground`; nil in any other, and the second time.
    public static func fromEnvironment() -> ReadinessPipe? {
        guard let text = getenv(Daemon.variable), let descriptor = Int32(String(cString: text)) else { return nil }
        unsetenv(Daemon.variable)
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
        signal(SIGPIPE, SIG_IGN)
        return ReadinessPipe(descriptor: descriptor)
    }

    private init(descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { close() }

    /// Lets the starting process return 0; from here on this one has no terminal, stands in /, and `standardError` is
    /// its stderr, /dev/null when there is none.
    /// False when nobody listens any more: the start was interrupted, and the mount should be ended.
    public func ready(standardError: Int32? = nil) -> Bool {
        if let standardError {
            dup2(standardError, 2)
        } else {
            let null = Foundation.open("/dev/null", O_RDWR)
            if null >= 0 {
                dup2(null, 2)
                if null != 2 { Foundation.close(null) }
            }
        }
        _ = chdir("/")
        return say("ready\n")
    }

    /// Lets the starting process exit with `code` (not 0) and gives it `message` as the reason.
    public func fail(code: Int32, message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
        _ = say("fail \(code == 0 ? 1 : code) \(line)\n")
    }

    private func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Foundation.close(descriptor) }
            descriptor = -1
        }
    }

    private func say(_ text: String) -> Bool {
        defer { close() }
        return descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return false }
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let n = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                if n < 0 && errno == EINTR { continue }
                guard n > 0 else { return false }
                rest = rest.dropFirst(n)
            }
            return true
        }
    }
}
