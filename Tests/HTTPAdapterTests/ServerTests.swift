// Files and folders by HTTP, over a socket.

import Foundation
import HTTPAdapter
import Testing
import VirtualTree

@Suite struct ServerTests {
    @Test func aFileAndItsRanges() throws {
        let served = try Served()
        let target = "/histo/50ms/large.bin"
        let whole = try served.get(target)
        #expect(whole.status == 200 && whole.body == served.large)
        #expect(whole.headers["content-length"] == "\(served.large.count)")
        #expect(whole.headers["accept-ranges"] == "bytes")
        let etag = try #require(whole.headers["etag"])
        let range = try served.get(target, ["Range: bytes=3000000-7000000", "If-Range: \(etag)"])
        #expect(range.status == 206 && range.body == Array(served.large[3_000_000...7_000_000]))
        #expect(range.headers["content-range"] == "bytes 3000000-7000000/\(served.large.count)")
        #expect(try served.get(target, ["Range: bytes=-5"]).body == served.large.suffix(5))
        let other = try served.get(target, ["Range: bytes=0-1", "If-Range: \"other\""])
        #expect(other.status == 200 && other.body == served.large)
        let none = try served.get(target, ["Range: bytes=\(served.large.count)-"])
        #expect(none.status == 416 && none.headers["content-range"] == "bytes */\(served.large.count)")
        #expect(try served.get(target, ["If-None-Match: \(etag)"]).status == 304)
        #expect(try served.get(target, ["If-Modified-Since: \(whole.headers["last-modified"] ?? "")"]).status == 304)
        #expect(try served.get(target, ["If-Match: \"other\""]).status == 412)
    }

    @Test func manyRangesAreParts() throws {
        let served = try Served()
        let response = try served.get("/histo/50ms/large.bin", ["Range: bytes=0-9,2000000-4000000,-3"])
        #expect(response.status == 206)
        let type = try #require(response.headers["content-type"])
        let boundary = try #require(type.split(separator: "boundary=").last)
        let size = served.large.count
        var expected: [UInt8] = []
        for range in [0..<10, 2_000_000..<4_000_001, size - 3..<size] {
            let head =
                "\r\n--\(boundary)\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)\r\n\r\n"
            expected += Array(head.utf8) + served.large[range]
        }
        expected += Array("\r\n--\(boundary)--\r\n".utf8)
        #expect(response.body == expected)
        #expect(response.headers["content-length"] == "\(expected.count)")
    }

    @Test func headsHaveNoBody() throws {
        let served = try Served()
        let head = try served.get("/histo/50ms/large.bin", method: "HEAD", ["Range: bytes=0-1"])
        #expect(head.status == 200 && head.body.isEmpty)
        #expect(head.headers["content-length"] == "\(served.large.count)")
        #expect(try served.get("/histo/50ms/", method: "HEAD").body.isEmpty)
        #expect(try served.get("/nothing", method: "HEAD").body.isEmpty)
        let options = try served.get("/histo", method: "OPTIONS")
        #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(try served.get("/histo", method: "DELETE").status == 405)
        #expect(try served.get("/histo/50ms/empty.txt").headers["content-length"] == "0")
        #expect(try served.get("/histo/50ms/empty.txt", ["Range: bytes=0-"]).status == 416)
    }

    @Test func foldersAsPagesAndAsJSON() throws {
        let served = try Served()
        let page = try served.get("/histo/50ms/")
        #expect(page.status == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
        for link in ["\"../\"", "\"notes.txt\"", "\"sub/\""] { #expect(page.text.contains("<a href=\(link)>")) }
        let inner = try served.get("/histo/50ms/sub/")
        #expect(inner.text.contains("<li><a href=\"a%20%26%20b.txt\">a &amp; b.txt</a>, 1 bytes</li>"))
        for response in [
            try served.get("/histo/50ms/sub", ["Accept: application/json"]), try served.get("/histo/50ms/sub/?json"),
        ] {
            let object = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
            #expect(object?["path"] as? String == "histo/50ms/sub")
            let entries = object?["entries"] as? [[String: Any]]
            #expect(entries?.count == 1 && entries?[0]["name"] as? String == "a & b.txt")
            #expect(entries?[0]["kind"] as? String == "file" && entries?[0]["size"] as? Int == 1)
        }
        let root = try served.get("/")
        #expect(root.text.contains("<a href=\"histo/\">") && !root.text.contains("../"))
    }

    @Test func otherSpellingsAreSentOn() throws {
        let served = try Served()
        let link = try served.get("/histo/50000us/sub/a%20%26%20b.txt?x=1")
        #expect(link.status == 307)
        #expect(link.headers["location"] == "../../../histo/50ms/sub/a%20%26%20b.txt?x=1")
        #expect(try served.get("/histo/50ms").headers["location"] == "../histo/50ms/")
        #expect(try served.get("/histo/50ms/notes.txt/").status == 404)
        #expect(try served.get("/nothing/50ms/notes.txt").status == 404)
        #expect(
            try served.get("/histo/50ms/nothing.h5", ["Accept: application/json"]).text.contains(
                "\"code\":\"not_found\""))
    }

    @Test(arguments: [
        "/..%2f..%2fetc%2fpasswd", "/histo/50ms/../../../etc/passwd", "/histo/50ms/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/histo/50ms/notes.txt%00.h5", "/%ff", "http://localhost/histo",
    ])
    func noAddressLeadsOut(_ target: String) throws {
        #expect(try Served().get(target).status == 400)
    }

    @Test func nothingAmongTheRecordingsActsAsOurs() throws {
        let served = try Served()
        let page = try served.get("/histo/50ms/page.html")
        #expect(page.headers["content-type"] == "application/octet-stream")
        #expect(page.headers["content-security-policy"] == "sandbox; default-src 'none'")
        #expect(page.headers["x-content-type-options"] == "nosniff")
        let listing = try served.get("/histo/50ms/")
        #expect(listing.headers["content-security-policy"]?.hasPrefix("default-src 'none';") == true)
    }

    @Test func requestsOnOneConnection() throws {
        let served = try Served()
        let client = try Client(served.port)
        // All at once: answers come in the order of the requests.
        client.send(
            served.request("/histo/50ms/notes.txt", keep: true) + served.request("/nothing", keep: true)
                + served.request("/histo/50ms/sub/a%20%26%20b.txt", method: "HEAD", keep: true)
                + served.request("/histo/50ms/empty.txt"))
        let text = String(decoding: client.rest(), as: UTF8.self)
        let statuses = text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
        #expect(statuses == ["200", "404", "200", "200"])
    }

    @Test func theOldProtocol() throws {
        let served = try Served()
        let client = try Client(served.port)
        client.send("GET /histo/50ms/?token=\(served.token.text) HTTP/1.0\r\nHost: localhost\r\n\r\n")
        let response = try Response(client.rest())
        #expect(response.status == 200 && response.text.hasSuffix("</html>\n"))
        #expect(response.headers["transfer-encoding"] == nil && response.headers["connection"] == "close")
    }

    @Test func aTokenInTheAddressBecomesACookie() throws {
        let served = try Served()
        func ask(_ target: String, _ headers: String = "") throws -> Response {
            let client = try Client(served.port)
            client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)Connection: close\r\n\r\n")
            return try Response(client.rest())
        }
        #expect(try ask("/histo/50ms/notes.txt").status == 401)
        #expect(try ask("/histo/50ms/notes.txt?token=wrong").status == 401)
        #expect(try ask("/histo/50ms/notes.txt?token=wrong").headers["set-cookie"] == nil)
        let first = try ask("/histo/50ms/?token=\(served.token.text)")
        let cookie = try #require(first.headers["set-cookie"])
        #expect(cookie == "evh5-\(served.port)=\(served.token.text); Path=/; HttpOnly; SameSite=Strict")
        let later = try ask("/histo/50ms/notes.txt", "Cookie: \(cookie.prefix { $0 != ";" })\r\n")
        #expect(later.status == 200 && later.text == "some notes")
        #expect(served.server.url == "http://127.0.0.1:\(served.port)/?token=\(served.token.text)")
    }

    @Test func openToOthersOnlyWithAToken() throws {
        #expect(throws: HTTPServerError.self) {
            try Served {
                $0.token = nil
                $0.address = ListenAddress(host: "0.0.0.0", port: 0)
            }
        }
        let served = try Served { $0.token = nil }
        #expect(throws: HTTPServerError.self) {
            try Served { $0.address = ListenAddress(host: "127.0.0.1", port: served.port) }
        }
        #expect(throws: HTTPServerError.self) {
            try Served { $0.address = ListenAddress(host: "192.0.2.1", port: 0) }
        }
        let client = try Client(served.port)
        client.send("GET /histo/50ms/notes.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        #expect(try Response(client.rest()).status == 200)
    }

    private struct OnePage: Pages {
        func asset(_ name: String) -> PageAnswer? {
            switch name {
            case "": PageAnswer(mediaType: "text/html", bytes: Array("a page".utf8), version: "1")
            case "app.js": PageAnswer(mediaType: "text/javascript", bytes: Array("//".utf8), version: "2")
            default: nil
            }
        }

        func answer(_ name: String, _ query: [String: String]) throws(PageError) -> PageAnswer {
            guard name == "echo" else { throw PageError(status: 422, code: "unknown", message: "no '\(name)'") }
            let text = query.map { "\($0)=\($1)" }.sorted().joined(separator: ";")
            return PageAnswer(
                mediaType: "text/plain", bytes: Array(text.utf8), isImmutable: true, headers: [("X-Width", "1")])
        }
    }

    @Test func aPageAndItsQuestions() throws {
        let served = try Served(pages: OnePage())
        #expect(try served.get("/", ["Accept: text/html,*/*"]).text == "a page")
        // A program that takes anything gets the listing.
        #expect(try served.get("/", ["Accept: */*"]).text.contains("histo/"))
        let script = try served.get("/.evh5/page/app.js")
        #expect(
            script.text == "//" && script.headers["etag"] == "\"2\"" && script.headers["cache-control"] == "no-cache")
        #expect(try served.get("/.evh5/page/app.js", ["If-None-Match: \"2\""]).status == 304)
        #expect(try served.get("/.evh5/page/other.js").status == 404)
        let answer = try served.get("/.evh5/api/echo?a=1&b=x%20y&token=t")
        #expect(answer.text == "a=1;b=x y" && answer.headers["x-width"] == "1")
        #expect(answer.headers["cache-control"] == "private, max-age=31536000, immutable")
        let error = try served.get("/.evh5/api/none")
        #expect(error.status == 422 && error.text == "{\"error\":{\"code\":\"unknown\",\"message\":\"no 'none'\"}}")
        #expect(try served.get("/.evh5/status.json").text.contains("\"startedAt\""))
    }
}
