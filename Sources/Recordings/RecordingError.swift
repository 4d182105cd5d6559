// What can be wrong with a recording.

/// Why a recording cannot be read: a code to branch on, a message that says what to do, and the cause below it.
public struct RecordingError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The file is no recording of a known format.
        case notARecording
        /// Neither header nor settings give a geometry.
        case geometryMissing
        /// The geometry is more than the encoding can say.
        case geometryUnusable
        /// Neither header nor events nor settings say how the events are encoded.
        case encodingMissing
        /// The header contradicts itself.
        case headerContradiction
        /// The recording is not what it was when it was opened.
        case changed
        /// The host could not read the file.
        case unreadable
        /// A recording cannot be written as asked.
        case unwritable
        /// Nobody waits for the result any more.
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
