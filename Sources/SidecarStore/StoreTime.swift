// Times as the store writes them: for names of folders, and for people.

import Foundation

enum StoreTime {
    /// Nanoseconds since 1970.
    static func now() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    /// `2025-11-25T10.58.03Z`: sorts by time, and every filesystem takes it.
    static func name(_ nanoseconds: Int64) -> String { text(nanoseconds, ".") }

    /// `2025-11-25T10:58:03Z`.
    static func text(_ nanoseconds: Int64) -> String { text(nanoseconds, ":") }

    private static func text(_ nanoseconds: Int64, _ separator: String) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(1900 + parts.tm_year)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + [two(parts.tm_hour), two(parts.tm_min), two(parts.tm_sec)].joined(separator: separator) + "Z"
    }
}
