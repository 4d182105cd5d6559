// The process behind a mount, found without asking the mount: for when it does not answer.

import Foundation

/// The daemon of a mount, as /proc shows it.
package struct DaemonProcess: Sendable, Hashable {
    package let process: pid_t
    /// T: stopped; t: stopped by a debugger; D: waiting for a disk; see proc_pid_stat(5).
    package let state: Character

    private init(process: pid_t, state: Character) {
        self.process = process
        self.state = state
    }

    /// Nil when there is no such process.
    package init?(process: pid_t) {
        guard let state = DaemonProcess.state(of: process) else { return nil }
        self.init(process: process, state: state)
    }

    package var isStopped: Bool { state == "T" || state == "t" }

    /// The daemon of `mount`; nil when it cannot be told, as with another user's.
    package static func find(_ mount: Mount) -> DaemonProcess? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let programs = names.compactMap { pid_t($0) }.filter(isProgram)
        // The kernel gives the number of a mount that is gone to another one, while a daemon that was stopped keeps it:
        // so the number alone says nothing, unless the daemon got the mount without being told its name.
        let connected = programs.filter { connections(of: $0).contains(mount.connection) }
        let process =
            connected.first { words(of: $0).contains { isPath($0, of: mount) || isSpelling($0, of: mount) } }
            ?? only(connected.filter { words(of: $0).contains { $0.hasPrefix("/dev/fd/") } })
            ?? programs.first { words(of: $0).contains { isPath($0, of: mount) } }
            ?? only(programs.filter { isServing($0) && words(of: $0).contains { isSpelling($0, of: mount) } })
        return process.flatMap { DaemonProcess(process: $0) }
    }

    /// Whether it is there and has not ended; one that nobody has waited for yet (state Z) has.
    package static func runs(_ process: pid_t) -> Bool { state(of: process).map { !["Z", "X"].contains($0) } ?? false }

    static func state(of process: pid_t) -> Character? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            // pid (name) state ...; the name may hold anything.
            let parenthesis = text.lastIndex(of: ")")
        else { return nil }
        return text[parenthesis...].dropFirst(2).first
    }

    /// Whether it is evh5 and mounts something.
    private static func isProgram(_ process: pid_t) -> Bool {
        let words = words(of: process)
        guard let program = words.first.map({ ($0 as NSString).lastPathComponent }), process != getpid() else {
            return false
        }
        return program.contains("evh5") && (program.hasPrefix("mount.") || words.dropFirst().first == "mount")
    }

    private static func words(of process: pid_t) -> [String] {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The numbers of the FUSE connections that it holds, where the kernel tells them.
    private static func connections(of process: pid_t) -> [Int] {
        descriptors(of: process).compactMap { name in
            let text = try? String(contentsOfFile: "/proc/\(process)/fdinfo/\(name)", encoding: .utf8)
            let line = text?.split(separator: "\n").first { $0.hasPrefix("fuse_connection:") }
            return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
        }
    }

    private static func isServing(_ process: pid_t) -> Bool { !descriptors(of: process).isEmpty }

    /// Those of /dev/fuse.
    private static func descriptors(of process: pid_t) -> [String] {
        let folder = "/proc/\(process)/fd"
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0)) == "/dev/fuse"
        }
    }

    /// Whether an absolute path is the mount point, through links too. The mount itself is not looked at: it may hang.
    private static func isPath(_ word: String, of mount: Mount) -> Bool {
        guard word.hasPrefix("/") else { return false }
        if word == mount.mountPoint { return true }
        let path = word as NSString
        guard path.lastPathComponent == (mount.mountPoint as NSString).lastPathComponent,
            let folder = realpath(path.deletingLastPathComponent, nil)
        else { return false }
        defer { free(folder) }
        return (String(cString: folder) as NSString).appendingPathComponent(path.lastPathComponent) == mount.mountPoint
    }

    /// A relative path meant something else where the daemon was started; its last name is the mount point's. An
    /// absolute one that is another is another mount.
    private static func isSpelling(_ word: String, of mount: Mount) -> Bool {
        !word.hasPrefix("/")
            && (word as NSString).lastPathComponent == (mount.mountPoint as NSString).lastPathComponent
    }

    private static func only(_ processes: [pid_t]) -> pid_t? { processes.count == 1 ? processes[0] : nil }
}

extension Mounts {
    /// What is wrong with a mount that does not answer, and what to do.
    package static func notAnswering(_ mount: Mount) -> MountError {
        let place = "the daemon of '\(mount.mountPoint)'"
        let lazily = "`evh5 unmount --lazy \(mount.mountPoint)`"
        guard let daemon = DaemonProcess.find(mount) else {
            return MountError(
                .notAnswering, "\(place) does not answer within \(patience / .seconds(1)) s; \(lazily) takes it away")
        }
        if daemon.isStopped {
            return MountError(
                .notAnswering,
                "\(place), process \(daemon.process), is stopped; `kill -CONT \(daemon.process)` lets it go on, \(lazily) takes the mount away"
            )
        }
        return MountError(
            .notAnswering,
            "\(place), process \(daemon.process), does not answer within \(patience / .seconds(1)) s; wait, or \(lazily) and `kill \(daemon.process)`"
        )
    }
}
