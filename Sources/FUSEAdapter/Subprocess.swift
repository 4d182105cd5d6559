// Other programs, started without a shell.

import CFUSE
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

    /// Runs a program to its end; returns its exit code (128 + n after signal n) and what it said, in one line.
    static func run(_ arguments: [String]) throws(MountError) -> (status: Int32, complaint: String) {
        guard let program = arguments.first.flatMap(find) else {
            throw MountError(.fuseUnavailable, "\(arguments.first ?? "program") is missing; install the package fuse3")
        }
        let (status, text) = try run(program, arguments, attributes: nil)
        return (status, text.split(separator: "\n").joined(separator: "; "))
    }

    /// Runs this program anew, with `arguments` (without the program's name), no terminal and no signal blocked, to its end; returns its
    /// exit code (128 + n after signal n) and all that it said.
    package static func runSelf(_ arguments: [String]) throws(MountError) -> (status: Int32, output: String) {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        evh5_spawn_new_session(&attributes)
        return try run(Daemon.executable, ["evh5"] + arguments, attributes: &attributes)
    }

    private static func run(
        _ program: String, _ arguments: [String], attributes: UnsafePointer<posix_spawnattr_t>?
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
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, program, &actions, attributes, &words, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard result == 0 else { throw failure("start \(program)", result) }
        let text = String(decoding: readAll(ends[0]), as: UTF8.self)
        return (wait(process), text)
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
        MountError(.daemonFailed, "cannot \(what): \(String(cString: strerror(number)))")
    }
}
