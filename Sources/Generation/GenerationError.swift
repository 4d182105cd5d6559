// What can go wrong while files are made.

import Files
import Foundation

/// Why a file was not made: a code to branch on, a message that says what to do, and the cause below it.
public struct GenerationError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// What was asked for does not go together, whatever the recordings hold.
        case invalidRequest
        /// The recording, its label file or the name of its file cannot be used; others may be.
        case recordingUnusable
        /// The output folder cannot be written, as when the disk is full: there is no point in going on.
        case outputUnwritable
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Why a file could not be begun: a name that the file system does not take, or something in its way, says nothing
    /// of others.
    init(beginning error: FileError) {
        let ofThisFile = [ENAMETOOLONG, EILSEQ, EINVAL, EISDIR, ENOTDIR, EEXIST, ELOOP].contains(error.errno)
        self.init(ofThisFile ? .recordingUnusable : .outputUnwritable, error.message, cause: error)
    }

    init(unwritable error: FileError) {
        self.init(.outputUnwritable, error.message, cause: error)
    }

    public var description: String { message }
}
