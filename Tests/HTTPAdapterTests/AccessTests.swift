// Who may ask.

import HTTPAdapter
import NIOHTTP1
import Testing

@Suite struct AccessTests {
    private let token = AccessToken.random()

    private func check(_ change: (inout ServerOptions) -> Void = { _ in }) -> AccessCheck {
        var options = ServerOptions()
        options.token = token
        options.hostNames = ["Login7.example.org"]
        change(&options)
        return AccessCheck(options, port: 8080)
    }

    /// The status that a request is refused with; 0 when it is allowed.
    private func status(
        _ headers: [(String, String)], method: HTTPMethod = .GET, uri: String = "/histo", local: String = "10.1.2.3",
        _ check: AccessCheck
    ) throws -> UInt {
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: HTTPHeaders(headers))
        switch check.verdict(head, try RequestTarget(uri), local: IPAddress(local)) {
        case .allowed: return 0
        case .refused(let refusal): return refusal.status.code
        }
    }

    private var bearer: (String, String) { ("Authorization", "Bearer \(token.text)") }

    @Test(arguments: [
        "localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:9999", "127.5.5.5", "[::1]:8080", "[::1]",
        "10.1.2.3:8080",
        "login7.example.org", "login7.EXAMPLE.org:80",
    ])
    func ourNames(_ host: String) throws { #expect(try status([("Host", host), bearer], check()) == 0) }

    @Test(arguments: [
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.4", "127.0.0.1:x", "[::1", "[::2]",
        "evil@localhost", "localhost:80:80", "127.1", "2130706433", "localhost.", "login7",
    ])
    func otherNames(_ host: String) throws {
        #expect([400, 403].contains(try status([("Host", host), bearer], check())))
    }

    @Test func oneHostAndNoMore() throws {
        #expect(try status([bearer], check()) == 400)
        #expect(try status([("Host", "localhost"), ("Host", "localhost"), bearer], check()) == 400)
        #expect(try status([("Host", ""), bearer], check()) == 400)
    }

    @Test func aTokenInThreePlaces() throws {
        let host = ("Host", "localhost")
        #expect(try status([host], check()) == 401)
        #expect(try status([host, bearer], check()) == 0)
        #expect(try status([host, ("authorization", "bearer \(token.text)")], check()) == 0)
        #expect(try status([host], uri: "/histo?token=\(token.text)", check()) == 0)
        #expect(try status([host, ("Cookie", "a=b; evh5-8080=\(token.text)")], check()) == 0)
        // Cookies of another server on this host.
        #expect(try status([host, ("Cookie", "evh5-8081=\(token.text)")], check()) == 401)
        for wrong in ["", "x", String(token.text.dropLast()), token.text + "0", token.text.uppercased() + "A"] {
            #expect(try status([host, ("Authorization", "Bearer \(wrong)")], check()) == 401)
            #expect(try status([host], uri: "/histo?token=\(wrong)", check()) == 401)
            #expect(try status([host, ("Cookie", "evh5-8080=\(wrong)")], check()) == 401)
        }
        #expect(try status([host, ("Authorization", "Basic \(token.text)")], check()) == 401)
        #expect(try status([host], check { $0.token = nil }) == 0)
        // Rebinding and other origins are refused without a token, too.
        #expect(try status([("Host", "evil.example")], check { $0.token = nil }) == 403)
    }

    @Test func pagesOfOtherOrigins() throws {
        let headers = [("Host", "localhost:8080"), bearer]
        for origin in ["http://localhost:8080", "https://localhost:8080"] {
            #expect(try status(headers + [("Origin", origin)], check()) == 0)
        }
        for origin in ["http://localhost:8888", "http://evil.example", "null", "", "http://127.0.0.1:8080"] {
            #expect(try status(headers + [("Origin", origin)], check()) == 403)
        }
        for site in ["same-origin", "none"] {
            #expect(try status(headers + [("Sec-Fetch-Site", site)], check()) == 0)
        }
        // A page of Jupyter on this host is of the same site: its cookies come along.
        for site in ["same-site", "cross-site", "x"] {
            let fetch = headers + [("Sec-Fetch-Site", site)]
            #expect(try status(fetch, check()) == 403)
            let link = fetch + [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
            #expect(try status(link, check()) == 0)
            #expect(try status(link, method: .HEAD, check()) == 403)
            let frame = fetch + [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]
            #expect(try status(frame, check()) == 403)
        }
    }

    @Test(arguments: [HTTPMethod.POST, .PUT, .DELETE, .PATCH, .TRACE, .CONNECT, .RAW(value: "PROPFIND")])
    func onlyReading(_ method: HTTPMethod) throws {
        #expect(try status([("Host", "localhost"), bearer], method: method, check()) == 405)
    }

    @Test func tokens() {
        #expect(AccessToken.random().text != AccessToken.random().text)
        #expect(AccessToken.random().text.count == 48)
        #expect(AccessToken(AccessToken.random().text) != nil)
        for wrong in ["", "short", "with space and more", "with;semicolon-and-more", "ümlaut-and-much-more"] {
            #expect(AccessToken(wrong) == nil)
        }
        // What is printed by mistake tells nothing.
        #expect(!"\(token)".contains(token.text))
    }

    @Test func addresses() {
        func text(_ address: String) -> String? { ListenAddress(address)?.description }
        #expect(text("127.0.0.1:8080") == "127.0.0.1:8080")
        #expect(text("8080") == "127.0.0.1:8080")
        #expect(text("localhost:0") == "127.0.0.1:0")
        #expect(text("[::1]:80") == "[::1]:80")
        #expect(text("[0:0::1]:80") == "[::1]:80")
        #expect(text("0.0.0.0:80") == "0.0.0.0:80")
        for wrong in [
            "", ":", "a:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1]",
            "[127.0.0.1]:80", "1.2.3.4:+80",
        ] {
            #expect(text(wrong) == nil, "\(wrong)")
        }
        for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            #expect(ListenAddress(loopback)?.isLoopback == true)
        }
        for other in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1", "128.0.0.1:1"] {
            #expect(ListenAddress(other)?.isLoopback == false)
        }
    }
}
