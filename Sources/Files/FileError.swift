// What went wrong with a file or folder of the host, as the system said it.

import Foundation

/// An error of the host's filesystem: the call, the path and the system's `errno`.
public struct FileError: Error, Sendable, CustomStringConvertible {
    /// The system's error number.
    public let errno: Int32
    /// What went wrong, with the path.
    public let message: String

    public init(errno: Int32, message: String) {
        self.errno = errno
        self.message = message
    }

    /// The error the calling thread's `errno` holds, for `operation` on `path`.
    public static func current(_ operation: String, _ path: String) -> FileError {
        let number = Foundation.errno
        return FileError(
            errno: number,
            message: "cannot \(operation) '\(path)': \(String(cString: strerror(number)))\(advice(number))")
    }

    /// What to do about a limit that was met; empty for every other error.
    public static func advice(_ number: Int32) -> String {
        switch number {
        case EMFILE:
            var limits = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
            return "; this process may have \(limits.rlim_cur) open files: close some, or start it with a higher limit"
                + " (`ulimit -n`, LimitNOFILE= of systemd)"
        case ENFILE: return "; the system may have no more open files: raise the sysctl fs.file-max"
        default: return ""
        }
    }

    public var description: String { message }
}
