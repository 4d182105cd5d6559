// What can go wrong while a picture is drawn.

/// Why there is no picture: a code to branch on and a message that says what to do.
public struct PreviewError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The picture would be larger than pictures can be.
        case tooLarge
        /// These colours do not go with a tensor of so many channels.
        case notApplicable
        /// The drawing library refused; the message says what it said.
        case libraryFailed
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
