// What can be wrong with the description of a tensor, or with a preprocessing of the user's own.

/// Why there is no such tensor or frame: a code to branch on, a message that says what to do, and the cause below it.
public struct TensorError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case unknownPreprocessing
        case unknownParameter
        case invalidParameter
        case invalidWindow
        /// The specification cannot be applied to this recording.
        case notApplicable
        /// A preprocessing of the user's own raised an error, hung, died or wrote where it must not.
        case preprocessingFailed
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
