// What of a machine matters to evh5: system, processor, memory, limits, FUSE.

import FUSEAdapter
import Foundation
import Recordings

/// Rows of a report.
enum MachineReport {
    typealias Row = (name: String, value: String)

    static func program() -> [Row] {
        [
            ("version", EVH5.configuration.version), ("binary", Daemon.executable),
            (
                "kernels",
                "\(KernelVariant.current), of \(KernelVariant.available.map { "\($0)" }.joined(separator: ", "))"
            ),
        ]
    }

    static func system() -> [Row] {
        var name = utsname()
        uname(&name)
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        var rows: [Row] = [
            ("kernel", "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"),
            ("system", value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=") ?? "not told"),
            ("C library", cLibrary),
            ("processor", value(of: "model name", in: "/proc/cpuinfo", separator: ":") ?? "not told"),
            ("cores", "\(ProcessInfo.processInfo.activeProcessorCount)"),
            ("memory", value(of: "MemTotal", in: "/proc/meminfo", separator: ":") ?? "not told"),
            ("available", value(of: "MemAvailable", in: "/proc/meminfo", separator: ":") ?? "not told"),
            ("page size", "\(sysconf(Int32(_SC_PAGESIZE)))"), ("user", geteuid() == 0 ? "root" : "an ordinary user"),
        ]
        let signs: [String] = ["/.dockerenv", "/run/.containerenv", "/.singularity.d"].filter { access($0, F_OK) == 0 }
        if !signs.isEmpty { rows.append(("container", signs.joined(separator: ", "))) }
        var limits = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        rows.append(("open files", "at most \(limits.rlim_cur), could be \(limits.rlim_max)"))
        return rows
    }

    static func fuse() -> [Row] {
        var status = stat()
        var device = "missing"
        if stat("/dev/fuse", &status) == 0 {
            let usable = access("/dev/fuse", R_OK | W_OK) == 0
            device = "mode \(String(status.st_mode & 0o7777, radix: 8)), \(usable ? "usable" : "not permitted")"
        }
        let helper = Subprocess.version(of: "fusermount3")
        let others = value(of: "user_allow_other", in: "/etc/fuse.conf", separator: " ") != nil
        return [
            ("/dev/fuse", device), ("fusermount3", helper ?? "missing"),
            ("user_allow_other", others ? "in /etc/fuse.conf" : "not in /etc/fuse.conf"),
            ("syslog", MountLog.hasSystemLog ? "there" : "none"),
        ]
    }

    /// As `glibc 2.36`.
    private static var cLibrary: String {
        var text = [CChar](repeating: 0, count: 64)
        guard confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count) > 0 else { return "not told" }
        return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// What follows `key` in the first line of a file that begins with it; empty when nothing does.
    private static func value(of key: String, in path: String, separator: Character) -> String? {
        // Files of /proc say that they have no bytes.
        guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.readToEnd() else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, first.trimmingCharacters(in: .whitespaces) == key else { continue }
            guard parts.count > 1 else { return "" }
            return parts[1].trimmingCharacters(in: CharacterSet.whitespaces.union(["\""]))
        }
        return nil
    }
}
