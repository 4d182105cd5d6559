// What can go wrong while a tensor file is laid out, or with what users added to one.

/// Why there is no such tensor file, or it cannot be used: a code to branch on, a message that says what to do, and the
/// cause below it.
public struct TensorFileError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The description cannot be a tensor file: a dimension below 1, an attribute HDF5 cannot hold.
        case invalidDescription
        /// The file would be larger than 2^63 - 1 bytes.
        case tooLarge
        /// libhdf5 refused a call; the cause is its `HDF5ErrorStack`.
        case libraryFailed
        /// The system refused memory for the skeleton file.
        case systemFailed
        /// What users wrote is no valid HDF5 file.
        case invalidFile
        /// `/data` or `/last_timestamps` is not what or where it was.
        case tensorChanged
        /// There is nothing of that name, or it is something else.
        case notFound
        /// A `RandomAccessFile` failed; the cause is what it threw.
        case fileUnreadable
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

/// What libhdf5 said of a failed call, from the call itself down to where it failed.
public struct HDF5ErrorStack: Error, Sendable, CustomStringConvertible {
    public let lines: [String]

    public init(lines: [String]) {
        self.lines = lines
    }

    public var description: String { lines.isEmpty ? "libhdf5 gave no reason" : lines.joined(separator: ": ") }
}
