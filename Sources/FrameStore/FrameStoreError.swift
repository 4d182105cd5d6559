// What the frame store itself can fail at; errors of a computation pass through it unchanged.

/// Why there is no memory for a frame: a code to branch on, a message that says what to do.
public struct FrameStoreError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// More bytes were asked for than an address can reach.
        case tooLarge
        /// The system has no memory left.
        case noMemory
        /// Nobody waits for the frames any more.
        case interrupted
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
