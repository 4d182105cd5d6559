// What can be chosen about a server.

/// Where to listen: a numeric address and a port.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without brackets: "127.0.0.1", "::1".
    public let host: String
    /// 0 takes a free one.
    public let port: Int

    public init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// Of `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or only a port, which is then on 127.0.0.1; nil for what is
    /// none of these.
    public init?(_ text: String) {
        var host = "127.0.0.1"
        var port = text[...]
        if let colon = text.lastIndex(of: ":") {
            host = String(text[..<colon])
            port = text[text.index(after: colon)...]
        }
        if host == "localhost" { host = "127.0.0.1" }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let address = IPAddress(host), port.allSatisfy({ ("0"..."9").contains($0) }),
            let number = UInt16(port)
        else { return nil }
        (self.host, self.port) = (address.text, Int(number))
    }

    /// Whether only this machine can connect.
    public var isLoopback: Bool { IPAddress(host)?.isLoopback ?? false }

    /// As in a URL: "127.0.0.1:8080", "[::1]:8080".
    public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}

/// A server's settings.
public struct ServerOptions: Sendable {
    public var address = ListenAddress(host: "127.0.0.1", port: 0)
    /// What every request must show; nil asks nobody.
    public var token: AccessToken?
    /// Names besides loopback's and the address itself that requests may call this server by.
    public var hostNames: [String] = []

    /// Connections at the same time. When there are more, the one that has said nothing for the longest time ends.
    public var maxConnections = 256
    /// Bytes of a request's line and headers.
    public var headLimit = 32 << 10
    /// Seconds that a new connection may take for its first request.
    public var firstRequestSeconds: Int64 = 15
    /// Seconds between the end of an answer and the whole next request.
    public var idleSeconds: Int64 = 60
    /// Seconds until an answer must have begun; the first look at a long recording takes some.
    public var answerSeconds: Int64 = 120
    /// Seconds that a client may take for the next MiB.
    public var stalledSeconds: Int64 = 120
    /// Requests answered at the same time; others wait.
    public var maxThreads = 32

    public init() {}
}
