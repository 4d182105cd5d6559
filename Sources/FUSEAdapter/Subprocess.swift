// Other programs, started without a shell.

import CFUSE
import Files
import Foundation

/// Runs programs and waits for them.
package enum Subprocess {
    /// The path of a program in PATH, or where fuse3 installs it.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/bin", "/bin", "/usr/local/bin"])
            .map { $0 + "/" + name }
            .first { access($0, X_OK) == 0 }
    }

    /// What a program of PATH says of its version; nil when it is missing.
    package static func version(of name: String) -> String? {
        guard find(name) != nil, let said = try? run([name, "--version"]) else { return nil }
        return said.complaint.isEmpty ? "there" : said.complaint
    }

    /// Runs a program to its end; returns its exit code (128 + n after signal n) and what it said, in one line.
    static func run(_ arguments: [String]) throws(MountError) -> (status: Int32, complaint: String) {
        guard let program = arguments.first.flatMap(find) else {
            throw MountError(.fuseUnavailable, "\(arguments.first ?? "program") is missing; install the package fuse3")
        }
        let (status, text) = try run(program, arguments, attributes: nil)
        return (status, text.split(separator: "\n").joined(separator: "; "))
    }

    /// Runs this program anew, with `arguments` (without the program's name), no terminal and no signal blocked, to its
    /// end or until that much time has passed; returns its exit code (128 + n after signal n) and all that it said.
    package static func runSelf(
        _ arguments: [String], killedAfter patience: Duration
    ) throws(MountError) -> (status: Int32, output: String) {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        evh5_spawn_new_session(&attributes)
        // A crash is an answer; its stack is nobody's concern and takes seconds to print.
        let environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        return try run(
            Daemon.executable, ["evh5"] + arguments, attributes: &attributes, environment: environment, patience)
    }

    private static func run(
        _ program: String, _ arguments: [String], attributes: UnsafePointer<posix_spawnattr_t>?,
        environment: [String: String] = ProcessInfo.processInfo.environment, _ patience: Duration? = nil
    ) throws(MountError) -> (status: Int32, output: String) {
        var ends: [Int32] = [-1, -1]
        guard evh5_pipe(&ends, 0) == 0 else { throw failure("make a pipe", errno) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        // Nothing of ours stays open there: a lock that it held would outlive us.
        evh5_spawn_close_from(&actions, 3)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, program, &actions, attributes, &words, &variables)
        close(ends[1])
        defer { close(ends[0]) }
        guard result == 0 else { throw failure("start \(program)", result) }
        var text: [UInt8] = []
        if let patience, !closes(ends[0], &text, within: patience) { kill(process, SIGKILL) }
        text += readAll(ends[0])
        return (wait(process), String(decoding: text, as: UTF8.self))
    }

    /// Whether the other end is closed within that time; `text` gets what comes until then.
    private static func closes(_ descriptor: Int32, _ text: inout [UInt8], within patience: Duration) -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + patience
        var part = [UInt8](repeating: 0, count: 4096)
        while clock.now < end {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = (end - clock.now).components.seconds + 1
            guard poll(&waiting, 1, Int32(clamping: left * 1000)) > 0 else { continue }
            let n = read(descriptor, &part, part.count)
            if n == 0 { return true }
            if n > 0 { text.append(contentsOf: part.prefix(n)) }
        }
        return false
    }

    /// Everything that comes until the other end is closed.
    static func readAll(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while true {
            let n = read(descriptor, &part, part.count)
            if n > 0 { all.append(contentsOf: part.prefix(n)) } else if n == 0 || errno != EINTR { return all }
        }
    }

    /// Waits for a child; its exit code, or 128 + n when signal n ended it.
    static func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return 1 }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    static func failure(_ what: String, _ number: Int32) -> MountError {
        let cause = FileError(errno: number, message: String(cString: strerror(number)) + FileError.advice(number))
        return MountError(.daemonFailed, "cannot \(what): \(cause.message)", cause: cause)
    }
}
