// The evh5 mounts of this machine: which there are, ending one, and whether a directory may become one.

import CFUSE
import Foundation

/// A mount as /proc/self/mountinfo shows it.
public struct Mount: Sendable, Hashable {
    public let source: String
    /// Absolute path.
    public let mountPoint: String
    /// As in /proc/self/mountinfo, `ro,nosuid,...`.
    public let options: String
    /// The number of its connection: the minor one of its device.
    public let connection: Int
}

public enum Mounts {
    /// The evh5 mounts this process can see, oldest first.
    public static func list() -> [Mount] {
        // Files of /proc come in parts of a page, which Foundation takes for the end of a file that says its size is 0.
        let descriptor = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return parse(String(decoding: Subprocess.readAll(descriptor), as: UTF8.self))
    }

    /// The evh5 mounts in the text of a mountinfo file; the format is proc(5)'s.
    package static func parse(_ text: String) -> [Mount] {
        text.split(separator: "\n").compactMap { line in
            // id parent major:minor root mountpoint options [tag...] - type source superoptions
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), dash + 2 < fields.count,
                fields[dash + 1] == MountOptions.fileSystemType
            else { return nil }
            return Mount(
                source: unescaped(fields[dash + 2]), mountPoint: unescaped(fields[4]), options: String(fields[5]),
                connection: fields[2].split(separator: ":").last.flatMap { Int($0) } ?? -1)
        }
    }

    /// `\040` and the like, as the kernel writes blanks and backslashes, become the bytes they stand for.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let first = rest.popFirst() {
            if first == UInt8(ascii: "\\"), rest.count >= 3,
                let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(first)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Ends the mount at `path`. With `lazy`, also one that is in use: it disappears at once and ends with its last
    /// user.
    public static func unmount(_ path: String, lazy: Bool = false) throws(MountError) {
        guard let mountPoint = mountPoint(at: path) else { throw notMounted(path) }
        if geteuid() == 0 {
            guard umount2(mountPoint, Int32((lazy ? Int(MNT_DETACH) : 0) | Int(UMOUNT_NOFOLLOW))) != 0 else { return }
            switch errno {
            case EBUSY: throw busy(mountPoint)
            case EINVAL: throw MountError(.notMounted, "'\(mountPoint)' has been unmounted meanwhile")
            default:
                throw MountError(.notPermitted, "cannot unmount '\(mountPoint)': \(String(cString: strerror(errno)))")
            }
        }
        let arguments = ["fusermount3", "-u"] + (lazy ? ["-z"] : []) + ["--", mountPoint]
        let (status, complaint) = try Subprocess.run(arguments)
        guard status != 0 else { return }
        if complaint.contains("busy") { throw busy(mountPoint) }
        if let owner = owner(of: mountPoint), owner != geteuid() {
            let name = getpwuid(owner).map { String(cString: $0.pointee.pw_name) } ?? "user \(owner)"
            throw MountError(
                .notPermitted, "'\(mountPoint)' was mounted by \(name): only that user and root can unmount it")
        }
        throw MountError(.notPermitted, "cannot unmount '\(mountPoint)': \(complaint)")
    }

    /// Who mounted it.
    private static func owner(of mountPoint: String) -> UInt32? {
        guard let bytes = FileManager.default.contents(atPath: "/proc/self/mountinfo") else { return nil }
        return owners(String(decoding: bytes, as: UTF8.self))[mountPoint]
    }

    /// The users in the text of a mountinfo file who mounted evh5, by mount point; of two on one place the later.
    package static func owners(_ text: String) -> [String: UInt32] {
        var owners: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            guard let mount = parse(String(line)).first, let options = line.split(separator: " ").last else { continue }
            for option in options.split(separator: ",") where option.hasPrefix("user_id=") {
                owners[mount.mountPoint] = UInt32(option.dropFirst("user_id=".count))
            }
        }
        return owners
    }

    private static func busy(_ mountPoint: String) -> MountError {
        MountError(.busy, "'\(mountPoint)' is in use; close what uses it (`fuser -vm \(mountPoint)`) or unmount lazily")
    }

    /// If an evh5 daemon died without unmounting `path`, so that every access fails, removes what is left.
    /// Returns true when there was something to remove.
    @discardableResult
    public static func recoverDeadMount(_ path: String) throws(MountError) -> Bool {
        var removed = false
        while let mountPoint = mountPoint(at: path), isDead(mountPoint) {
            try unmount(mountPoint, lazy: true)
            removed = true
        }
        return removed
    }

    /// How long a mount may take for an answer that needs no work.
    static let patience = Duration.seconds(4)

    static func isDead(_ mountPoint: String) -> Bool {
        // stat may be answered from the kernel's cache; this never is.
        let answer = Question.ask(EVH5_ASK_STATVFS, mountPoint, within: patience)
        // A daemon that is dying takes the request along (ECONNABORTED).
        return answer.errno == ENOTCONN || answer.errno == ECONNABORTED
    }

    static func notMounted(_ path: String) -> MountError {
        MountError(.notMounted, "nothing of evh5 is mounted at '\(path)'; `mount -t fuse.evh5` lists mounts")
    }

    /// The listed mount point that `path` names, however it is spelled. A mount that hangs is not asked for anything.
    static func mountPoint(at path: String) -> String? {
        let known = Set(list().map(\.mountPoint))
        for spelled in [absolute, resolvedParent, resolved] as [(String) -> String?] {
            if let spelled = spelled(path), known.contains(spelled) { return spelled }
        }
        return nil
    }

    /// The mount that `path` lies in, or is the mount point of, and the path within it; the innermost of several.
    public static func mount(of path: String) -> (mount: Mount, inside: String)? {
        let mounts = list()
        for spelled in [absolute, resolvedParent] as [(String) -> String?] {
            guard let spelled = spelled(path) else { continue }
            let found = mounts.filter { spelled == $0.mountPoint || spelled.hasPrefix($0.mountPoint + "/") }
            if let mount = found.max(by: { $0.mountPoint.utf8.count <= $1.mountPoint.utf8.count }) {
                return (mount, String(spelled.dropFirst(mount.mountPoint.count).drop { $0 == "/" }))
            }
        }
        return nil
    }

    /// The mounts whose source `path` lies in.
    public static func mounts(showing path: String) -> [Mount] {
        guard let real = resolved(path) else { return [] }
        return list().filter { mount in
            guard let source = resolved(mount.source) else { return false }
            return real == source || real.hasPrefix(source == "/" ? source : source + "/")
        }
    }

    /// `path` from the root, without `.`, `..` or doubled slashes; symbolic links stay.
    public static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// All symbolic links resolved but the last name, which a dead mount does not let anybody look at.
    private static func resolvedParent(_ path: String) -> String? {
        let path = absolute(path)
        guard let slash = path.lastIndex(of: "/"), let parent = resolved(String(path[...slash])) else { return nil }
        return (parent == "/" ? "" : parent) + path[slash...]
    }

    // MARK: Before a mount

    /// Throws when this process cannot use FUSE.
    public static func checkDevice() throws(MountError) {
        guard access("/dev/fuse", F_OK) == 0 else {
            throw MountError(
                .fuseUnavailable, "/dev/fuse is missing; load the module (`modprobe fuse`) or let the container have it"
            )
        }
        guard access("/dev/fuse", R_OK | W_OK) == 0 else {
            throw MountError(.fuseUnavailable, "no permission for /dev/fuse; its mode should be 0666")
        }
        guard geteuid() == 0 || Subprocess.find("fusermount3") != nil else {
            throw MountError(.fuseUnavailable, "fusermount3 is missing; install the package fuse3")
        }
    }

    /// Throws when this process may not let other users into its mounts.
    static func checkAllowOther() throws(MountError) {
        guard geteuid() != 0 else { return }
        let text = (try? String(contentsOfFile: "/etc/fuse.conf", encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        guard lines.contains("user_allow_other") else {
            throw MountError(
                .mountRefused, "allow_other needs the line `user_allow_other` in /etc/fuse.conf, or root; leave it out")
        }
    }

    /// Throws when `descriptor` is no open /dev/fuse; programs that are started do not get it.
    static func checkPassed(_ descriptor: Int32) throws(MountError) {
        guard evh5_fuse_is_device(descriptor) != 0 else {
            throw MountError(
                .mountPointUnusable,
                "'/dev/fd/\(descriptor)' is no open /dev/fuse: whoever starts evh5 so must open it, mount it and pass it on"
            )
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Throws when nothing should be mounted at `path`.
    public static func checkMountPoint(_ path: String, allowNonEmpty: Bool) throws(MountError) {
        if let mounted = mountPoint(at: path) {
            let answer = Question.ask(EVH5_ASK_STATVFS, mounted, within: patience)
            if answer.errno == ETIMEDOUT, let mount = list().last(where: { $0.mountPoint == mounted }) {
                throw notAnswering(mount)
            }
            // One that died is told below.
            if answer.errno == 0 {
                throw MountError(.alreadyMounted, "evh5 is mounted at '\(path)' already; `evh5 unmount` it first")
            }
        }
        var status = stat()
        var figures = statvfs()
        guard stat(path, &status) == 0, statvfs(path, &figures) == 0 else {
            let why = errno
            let advice =
                switch why {
                case ENOENT: "; create it with `mkdir -p`"
                case ENOTCONN: "; a filesystem that died is mounted there, remove it with `umount -l`"
                default: ""
                }
            throw MountError(
                .mountPointUnusable, "cannot use mount point '\(path)': \(String(cString: strerror(why)))\(advice)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw MountError(.mountPointUnusable, "mount point '\(path)' is no directory; name an empty one")
        }
        guard !allowNonEmpty else { return }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw MountError(.mountPointUnusable, "cannot list mount point '\(path)'; it must be yours")
        }
        guard names.isEmpty else {
            throw MountError(
                .mountPointUnusable,
                "mount point '\(path)' is not empty; name an empty directory, or hide its files with `-o nonempty`")
        }
    }
}
