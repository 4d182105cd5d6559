// What Linux tells of the thread that a request came from, while it waits for the reply.

import Foundation

package enum CallingThread {
    /// Whether the thread closes its files because a signal killed its process. False when that cannot be seen: a
    /// process of another pid namespace is 0 here.
    ///
    /// /proc/<tid>/stat, field 9, has the kernel's flags of the thread: PF_SIGNALED (include/linux/sched.h) is set
    /// before a killed process closes its files. See proc_pid_stat(5).
    package static func isKilled(_ thread: pid_t) -> Bool {
        guard thread > 0, let text = try? String(contentsOfFile: "/proc/\(thread)/stat", encoding: .utf8) else {
            return false
        }
        return flags(text).map { $0 & signaled != 0 } ?? false
    }

    /// The process that the thread is of; 0 when that cannot be seen.
    package static func process(of thread: pid_t) -> pid_t {
        guard thread > 0, let text = try? String(contentsOfFile: "/proc/\(thread)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Tgid:") }),
            let number = line.split(whereSeparator: \.isWhitespace).last
        else { return 0 }
        return pid_t(number) ?? 0
    }

    private static let signaled: UInt64 = 0x400

    /// The flags in the text of a stat file. The program's name, in parentheses, may hold anything, parentheses as
    /// well.
    package static func flags(_ text: String) -> UInt64? {
        guard let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        return fields.count > 6 ? UInt64(fields[6]) : nil
    }
}
