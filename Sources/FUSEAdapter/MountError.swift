// Why a mount did not come about or did not end.

/// Why mounting or unmounting failed: a code to branch on, a message that says what to do, and the cause below it.
public struct MountError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case mountPointUnusable
        case fuseUnavailable
        case notMounted
        case busy
        case sessionFailed
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
