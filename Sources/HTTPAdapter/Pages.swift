// What a server shows besides the tree: a page and what the page asks for. Who makes them knows nothing of HTTP.

/// The web page and its questions. All calls may come from many threads at once and may block.
public protocol Pages: Sendable {
    /// A file of the page; "" is the page itself. nil when there is none of that name.
    func asset(_ name: String) -> PageAnswer?
    /// The answer to a question.
    func answer(_ name: String, _ query: [String: String]) throws(PageError) -> PageAnswer
}

/// Bytes for the page.
public struct PageAnswer: Sendable {
    public var mediaType: String
    public var bytes: [UInt8]
    /// For an ETag: printable ASCII without quotes; nil for none.
    public var version: String?
    /// Whether the same address means the same bytes for ever.
    public var isImmutable: Bool
    public var headers: [(String, String)]

    public init(
        mediaType: String, bytes: [UInt8], version: String? = nil, isImmutable: Bool = false,
        headers: [(String, String)] = []
    ) {
        self.mediaType = mediaType
        self.bytes = bytes
        self.version = version
        self.isImmutable = isImmutable
        self.headers = headers
    }
}

/// Why a question has no answer.
public struct PageError: Error, Sendable {
    /// 400...599.
    public let status: Int
    /// For programs.
    public let code: String
    /// What was wrong and what to do.
    public let message: String

    public init(status: Int, code: String, message: String) {
        (self.status, self.code, self.message) = (status, code, message)
    }
}
