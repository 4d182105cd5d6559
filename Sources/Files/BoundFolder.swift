// Opening what is in a folder, whatever happens to names meanwhile: no link is followed on the way, so nothing outside
// can be reached by swapping a file for a link after it was checked.

import CLinux
import Foundation

/// A folder below which files are opened without following links. Thread-safe.
public final class BoundFolder: Sendable {
    /// How it is made sure.
    public enum Means: Sendable, CaseIterable {
        /// openat2(2): the kernel does it in one call.
        case kernel
        /// openat(2), one folder after the other: kernels before 5.6, and where openat2 is not allowed.
        case steps
    }

    public let path: String
    public let means: Means
    private let descriptor: Int32

    /// - Parameter means: nil takes the kernel's where it has them.
    public init(_ path: String, means: Means? = nil) throws(FileError) {
        descriptor = try FileCalls.open(path, BoundFolder.onlyPath | O_DIRECTORY)
        self.path = path
        self.means = means ?? (BoundFolder.kernelCan(descriptor) ? .kernel : .steps)
    }

    deinit { close(descriptor) }

    /// O_PATH, which Swift does not see: a descriptor that names a file and cannot read it.
    private static let onlyPath = evh5_only_path()

    private static func kernelCan(_ folder: Int32) -> Bool {
        let probe = evh5_open_beneath(folder, ".", BoundFolder.onlyPath | O_DIRECTORY)
        guard probe >= 0 else { return false }
        close(probe)
        return true
    }

    /// Opens what is at `inner`, below the folder; "" is the folder itself.
    ///
    /// - Throws: ELOOP when a link is on the way. At its end, too, unless `flags` has O_PATH and O_NOFOLLOW: then it is
    ///   the link that
    ///   is opened.
    public func open(_ inner: String, _ flags: Int32) throws(FileError) -> Int32 {
        let full = inner.isEmpty ? path : path == "/" ? "/" + inner : path + "/" + inner
        let parts = inner.split(separator: "/")
        guard !parts.contains("..") else {
            throw FileError(errno: EXDEV, message: "'\(full)' may lead out of '\(path)'")
        }
        let result =
            switch means {
            case .kernel:
                // EAGAIN: something was renamed meanwhile, and the kernel will not say what it saw.
                repeating { evh5_open_beneath(descriptor, inner.isEmpty ? "." : inner, flags) }
            case .steps: steps(parts, flags)
            }
        guard result >= 0 else { throw FileError.current("open", full) }
        return result
    }

    private func repeating(_ call: () -> Int32) -> Int32 {
        var attempts = 100
        while true {
            let result = FileCalls.repeating(call)
            attempts -= 1
            if result >= 0 || errno != EAGAIN || attempts == 0 { return result }
        }
    }

    private func steps(_ parts: [Substring], _ flags: Int32) -> Int32 {
        guard let last = parts.last else {
            return FileCalls.repeating { evh5_open_in(descriptor, ".", flags | O_NOFOLLOW) }
        }
        var folder = descriptor
        defer { if folder != descriptor { close(folder) } }
        for part in parts.dropLast() {
            let next = FileCalls.repeating {
                evh5_open_in(folder, String(part), BoundFolder.onlyPath | O_DIRECTORY | O_NOFOLLOW)
            }
            guard next >= 0 else {
                // For a link, too, it says only that this is no folder.
                let number = errno
                var status = stat()
                let isLink =
                    fstatat(folder, String(part), &status, AT_SYMLINK_NOFOLLOW) == 0
                    && status.st_mode & S_IFMT == S_IFLNK
                errno = isLink ? ELOOP : number
                return -1
            }
            let previous = folder
            folder = next
            if previous != descriptor { close(previous) }
        }
        let result = FileCalls.repeating { evh5_open_in(folder, String(last), flags | O_NOFOLLOW) }
        let number = errno
        defer { errno = number }
        return result
    }

    /// The status of what is at `inner`; of the link itself where that is one.
    public func status(_ inner: String) throws(FileError) -> FileStatus {
        let descriptor = try open(inner, BoundFolder.onlyPath | O_NOFOLLOW)
        defer { close(descriptor) }
        return try FileCalls.status(of: descriptor, inner)
    }

    /// The regular file at `inner` for reading; never blocks on a FIFO or device.
    public func file(_ inner: String) throws(FileError) -> File {
        File(descriptor: try open(inner, O_RDONLY | O_NONBLOCK), path: path + "/" + inner)
    }

    /// The folder at `inner`, to be listed.
    public func folder(_ inner: String) throws(FileError) -> FolderReader {
        try FolderReader(descriptor: open(inner, O_RDONLY | O_DIRECTORY), path: path + "/" + inner)
    }
}
