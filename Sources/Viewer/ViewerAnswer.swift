// What the page's calls give, without a protocol to carry it.

/// An answer: bytes and what to say of them.
public struct ViewerAnswer: Sendable {
    public var mediaType: String
    public var bytes: [UInt8]
    /// Another one for other bytes, where the answer depends on a recording's state.
    public var version: String?
    /// Whether the same question will have this answer for ever.
    public var isImmutable = false
    /// Further names and values, all ASCII.
    public var headers: [(name: String, value: String)] = []
}

/// Why there is no answer: a code to branch on and a message that says what to do.
public struct ViewerError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The question is wrong: the message says how.
        case badQuery = "bad_query"
        /// There is nothing of that name.
        case notFound = "not_found"
        /// The recording is another by now: ask for it anew.
        case changed
        /// What is asked for is larger than is made in one go.
        case tooLarge = "too_large"
        /// Something else of this kind is being made.
        case busy
        /// This machine lacks what it takes.
        case missing
        case failed
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

    /// As HTTP has it (RFC 9110, 15).
    public var status: Int {
        switch code {
        case .badQuery: 400
        case .notFound: 404
        case .changed: 409
        case .tooLarge: 413
        case .busy: 503
        case .missing: 501
        case .failed: 500
        }
    }
}
