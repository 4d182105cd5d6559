// What can go wrong with a sidecar: one error for the whole layer, with the errno that the caller of a system call
// gets.

import Files
import Foundation
import TensorFile

/// Why a sidecar cannot be read, written or committed: a code to branch on, an errno, a message that says what to do.
public struct SidecarError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// Somebody else writes to it (EBUSY).
        case busy
        /// The store must not be written to (EROFS).
        case readOnly
        /// What was written is no valid file, or an earlier write failed: it is not committed (EIO).
        case invalidResult
        /// The tensor was written to or moved (EPERM).
        case tensorChanged
        /// A system call on the store's files failed (its errno).
        case io
        /// A file of the store is missing or not as it was written (EIO).
        case damaged
        /// A file of the store was written by a newer evh5 (EIO).
        case unknownVersion
        /// The state is older than what the store keeps: look it up again (ESTALE).
        case outdated
        /// There is no such sidecar, state or place (ENOENT).
        case notFound
        /// Something else is where this should be (EEXIST).
        case exists
    }

    public let code: Code
    /// What the caller of a system call gets.
    public let errno: Int32
    public let message: String
    public let cause: (any Error)?
    /// A sync failed: the system may have dropped bytes and will not say so again, so trying again proves nothing.
    private(set) var bytesMayBeLost = false

    public init(_ code: Code, errno: Int32? = nil, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.errno =
            errno
            ?? {
                switch code {
                case .busy: EBUSY
                case .readOnly: EROFS
                case .tensorChanged: EPERM
                case .outdated: ESTALE
                case .notFound: ENOENT
                case .exists: EEXIST
                case .io: (cause as? FileError)?.errno ?? EIO
                case .invalidResult, .damaged, .unknownVersion: EIO
                }
            }()
    }

    /// A failed system call.
    init(_ error: FileError) { self.init(.io, errno: error.errno, error.message, cause: error) }

    /// What libhdf5 says of a file that users wrote.
    init(_ error: TensorFileError) {
        switch error.code {
        case .tensorChanged: self.init(.tensorChanged, error.message, cause: error)
        case .fileUnreadable:
            let cause = error.cause as? SidecarError
            self.init(.io, errno: cause?.errno ?? EIO, error.message, cause: error)
        case .notFound: self.init(.notFound, error.message, cause: error)
        case .systemFailed: self.init(.io, error.message, cause: error)
        case .invalidFile, .invalidDescription, .tooLarge, .libraryFailed:
            self.init(.invalidResult, error.message, cause: error)
        }
    }

    /// Whether the system said that there is no such file or folder.
    var saysMissing: Bool { code == .io && (errno == ENOENT || errno == ENOTDIR) }

    /// Whether the system does not let this process look there, as long as nobody changes that: files are shown without
    /// additions then. A disk that fails is no such case.
    public var isOutOfReach: Bool {
        code == .io && [EACCES, EPERM, ENOTDIR, ELOOP, ENAMETOOLONG].contains(errno)
    }

    /// Whether the system does not let this process change anything there.
    var isUnwritable: Bool { isOutOfReach || code == .io && (errno == EROFS || errno == ENOENT) }

    /// A failed sync.
    static func sync(_ error: FileError) -> SidecarError {
        var result = SidecarError(error)
        result.bytesMayBeLost = true
        return result
    }

    public var description: String { message }
}
