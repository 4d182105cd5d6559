// Why a mount did not come about or did not end.

/// Why mounting or unmounting failed: a code to branch on, a message that says what to do, and the cause below it.
public struct MountError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The mount point does not exist, is no directory or is not empty.
        case mountPointUnusable
        /// An evh5 mount is already there.
        case alreadyMounted
        /// No /dev/fuse, no permission for it, or no fusermount3.
        case fuseUnavailable
        /// libfuse or the kernel refused the mount or its options.
        case mountRefused
        /// There is no evh5 mount at that path.
        case notMounted
        /// The mount is there, but its daemon is stopped or hangs.
        case notAnswering
        /// The mount is in use.
        case busy
        /// Somebody else's mount.
        case notPermitted
        /// The connection to the kernel broke.
        case sessionFailed
        /// The background process could not be started or died.
        case daemonFailed
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
