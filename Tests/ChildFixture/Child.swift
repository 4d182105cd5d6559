// Other programs as tests run them. Not by Foundation's Process: its waitUntilExit hangs now and then on Linux when
// many children of many threads end (the exit is told through a run loop), and with it all tests.

import CFUSE
import Foundation

/// How a program ended, and what it said.
public struct Finished: Sendable {
    /// The exit code, or 128 + n after signal n; 127 when there is no such program.
    public let status: Int32
    public let output: String
    public let errors: String

    /// The signal that ended it.
    public var signal: Int32? { status > 128 ? status - 128 : nil }

    public init(status: Int32, output: String, errors: String) {
        self.status = status
        self.output = output
        self.errors = errors
    }
}

/// A program that runs.
public final class Child: Sendable {
    /// Where one of its streams goes.
    public enum Stream: Sendable {
        case nowhere
        /// Into a pipe that `finish` and `readOutput` read.
        case kept
        case file(String)
        /// Errors only: where the output goes.
        case output
    }

    public let process: pid_t
    private let output: Int32
    private let errors: Int32

    /// Starts `words`, the first of which is a path or a name from PATH. All signals have their defaults there, and of
    /// this process's files it gets none.
    public init(
        _ words: [String], directory: String = "/", environment: [String: String]? = nil, output: Stream = .kept,
        errors: Stream = .kept
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        let pipes = [try Child.open(output, as: 1, &actions), try Child.open(errors, as: 2, &actions)]
        defer { for pipe in pipes where pipe.theirs >= 0 { close(pipe.theirs) } }
        evh5_spawn_close_from(&actions, 3)
        let all = ["env", "--default-signal", "-C", directory] + words
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
        var process: pid_t = 0
        var cWords = all.map { strdup($0) } + [nil]
        var cVariables = variables.map { strdup($0) } + [nil]
        defer { for word in cWords + cVariables { free(word) } }
        let problem = posix_spawn(&process, "/usr/bin/env", &actions, nil, &cWords, &cVariables)
        (self.output, self.errors) = (pipes[0].ours, pipes[1].ours)
        self.process = process
        guard problem == 0 else { throw POSIXError(POSIXErrorCode(rawValue: problem) ?? .EIO) }
    }

    deinit { for descriptor in [output, errors] where descriptor >= 0 { close(descriptor) } }

    /// Runs `words` to the end.
    @discardableResult
    public static func run(
        _ words: [String], directory: String = "/", environment: [String: String]? = nil, output: Stream = .kept,
        errors: Stream = .kept
    ) throws -> Finished {
        try Child(words, directory: directory, environment: environment, output: output, errors: errors).finish()
    }

    public func kill(_ signal: Int32) { Glibc.kill(process, signal) }

    /// The next bytes of its output, which must be kept; none at the end.
    public func readOutput() -> Data {
        var part = [UInt8](repeating: 0, count: 65536)
        var n = read(output, &part, part.count)
        while n < 0 && errno == EINTR { n = read(output, &part, part.count) }
        return Data(part.prefix(max(0, n)))
    }

    /// Reads what comes until both streams are closed, and waits for the end. To be called once.
    public func finish() -> Finished {
        var texts = [Data(), Data()]
        var open = [output, errors].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var part = [UInt8](repeating: 0, count: 65536)
        // poll leaves out what is negative.
        while open.contains(where: { $0.fd >= 0 }) {
            guard poll(&open, 2, -1) > 0 else { continue }
            for k in 0..<2 where open[k].fd >= 0 && open[k].revents != 0 {
                let n = read(open[k].fd, &part, part.count)
                if n > 0 { texts[k] += part.prefix(n) } else if n == 0 || errno != EINTR { open[k].fd = -1 }
            }
        }
        let status = wait()
        return Finished(
            status: status, output: String(decoding: texts[0], as: UTF8.self),
            errors: String(decoding: texts[1], as: UTF8.self))
    }

    /// Waits for the end; the exit code, or 128 + n after signal n. To be called once, `finish` does.
    @discardableResult
    public func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { if errno != EINTR { return -1 } }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }

    /// Has `stream` become the child's `descriptor`; returns the ends of its pipe, -1 where there is none.
    private static func open(
        _ stream: Stream, as descriptor: Int32, _ actions: inout posix_spawn_file_actions_t
    ) throws -> (ours: Int32, theirs: Int32) {
        switch stream {
        case .nowhere: posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        case .output: posix_spawn_file_actions_adddup2(&actions, 1, descriptor)
        case .kept:
            var ends: [Int32] = [-1, -1]
            guard evh5_pipe(&ends, 0) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            posix_spawn_file_actions_adddup2(&actions, ends[1], descriptor)
            return (ends[0], ends[1])
        }
        return (-1, -1)
    }
}
