// What Linux tells of the thread that a request came from, while it waits for the reply.

import Foundation
import VirtualTree

package enum CallingThread {
    /// How the thread closes a file: by itself, or because a signal killed its process. A process of another pid
    /// namespace is 0 here, and hidepid may hide those that have a number.
    ///
    /// /proc/<tid>/stat, field 9, has the kernel's flags of the thread: PF_SIGNALED (include/linux/sched.h) is set
    /// before a killed process closes its files. See proc_pid_stat(5).
    package static func closing(_ thread: pid_t) -> Closing {
        guard let text = read("stat", of: thread), let flags = flags(text) else { return .unseen }
        return flags & signaled != 0 ? .killed : .regular
    }

    /// The process that the thread is of; 0 when that cannot be seen.
    package static func process(of thread: pid_t) -> pid_t {
        guard let text = read("status", of: thread),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Tgid:") }),
            let number = line.split(whereSeparator: \.isWhitespace).last
        else { return 0 }
        return pid_t(number) ?? 0
    }

    /// The process that the thread is of and its program's name, cut by the kernel after 15 bytes.
    package static func reader(of thread: pid_t) -> Reader {
        let process = process(of: thread)
        let name = process == 0 ? nil : read("comm", of: process)
        return Reader(process: process, name: name.map { String($0.prefix { !$0.isNewline }) } ?? "")
    }

    private static let signaled: UInt64 = 0x400

    /// A file of a thread; nil when it cannot be seen.
    private static func read(_ name: String, of thread: pid_t) -> String? {
        guard thread > 0, showsOurs else { return nil }
        return try? String(contentsOfFile: "/proc/\(thread)/\(name)", encoding: .utf8)
    }

    /// Whether /proc is of this process's pid namespace: that of another (`unshare --pid` without `--mount-proc`) has
    /// other processes under the same numbers.
    private static let showsOurs =
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self")) == "\(getpid())"

    /// The flags in the text of a stat file. The program's name, in parentheses, may hold anything, parentheses as
    /// well.
    package static func flags(_ text: String) -> UInt64? {
        guard let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        return fields.count > 6 ? UInt64(fields[6]) : nil
    }
}
