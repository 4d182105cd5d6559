// The error of a filesystem operation: the errno the caller sees and the log line that explains it.

import Logging

/// Why an operation failed. Whoever answers the caller logs `message` at `level`, once.
public struct FileSystemError: Error, Sendable, CustomStringConvertible {
    /// What the caller of the system call gets.
    public let errno: Int32
    /// What went wrong and what to do about it.
    public let message: String
    /// How loud the log line is: a name that never existed is not an error.
    public let level: Logger.Level
    public let cause: (any Error)?

    public init(_ errno: Int32, _ message: String, level: Logger.Level = .error, cause: (any Error)? = nil) {
        self.errno = errno
        self.message = message
        self.level = level
        self.cause = cause
    }

    public var description: String { message }
}
