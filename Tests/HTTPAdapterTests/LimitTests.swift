// Clients that mean harm or are broken, and the end. Times are short here; nothing fails because something takes
// longer.

import Foundation
import HTTPAdapter
import Testing
import VirtualTree

@Suite struct LimitTests {
    private func isAlive(_ served: Served) throws -> Bool {
        try served.get("/histo/50ms/notes.txt").text == "some notes"
    }

    @Test func whoSaysNothingIsLetGo() throws {
        let served = try Served { $0.firstRequestSeconds = 1 }
        let (silent, slow) = (try Client(served.port), try Client(served.port))
        slow.send("GET /histo/50ms/notes.txt HT")
        #expect(silent.some().isEmpty && slow.some().isEmpty)
        #expect(try isAlive(served))
    }

    @Test func whoSaysNothingMoreIsLetGo() throws {
        let served = try Served { $0.idleSeconds = 1 }
        let client = try Client(served.port)
        client.send(served.request("/histo/50ms/notes.txt", keep: true))
        // To the end, which comes though the connection was to be kept.
        #expect(try Response(client.rest()).text == "some notes")
        #expect(try isAlive(served))
    }

    @Test func aHeadHasALimit() throws {
        let served = try Served()
        for text in [
            "GET /" + String(repeating: "a", count: 1 << 20),
            "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 1 << 20),
            "GET / HTTP/1.1\r\n" + String(repeating: "X: a\r\n", count: 1 << 17),
            "GET / HTTP/1.1\r\n" + (0..<200).map { "X\($0): a\r\n" }.joined() + "\r\n",
        ] {
            let client = try Client(served.port)
            client.send(text)
            let answer = String(decoding: client.rest(), as: UTF8.self)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "))
        }
        #expect(try isAlive(served))
    }

    @Test func bodiesAreRefused() throws {
        let served = try Served()
        for header in ["Content-Length: 1000000000", "Transfer-Encoding: chunked"] {
            let client = try Client(served.port)
            client.send(served.request("/histo", method: "POST", [header]))
            #expect(try Response(client.rest()).status == 413)
        }
        #expect(try served.get("/histo/50ms/notes.txt", ["Content-Length: 0"]).status == 200)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\nHost: localhost\n\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ])
    func whatIsNoRequestGetsNoFile(_ text: String) throws {
        let served = try Served { $0.firstRequestSeconds = 1 }
        let client = try Client(served.port)
        client.send(text)
        let answer = String(decoding: client.rest(), as: UTF8.self)
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 40") || answer.hasPrefix("HTTP/1.0 40"), "\(answer)")
        #expect(try isAlive(served))
    }

    @Test func moreConnectionsThanThereMayBe() throws {
        let served = try Served { $0.maxConnections = 10 }
        let silent = try (0..<100).map { _ in try Client(served.port) }
        #expect(try isAlive(served))
        #expect(served.server.connectionCount <= 10)
        // The first ones had to go.
        #expect(silent[0].some().isEmpty)
    }

    @Test func aSlowClientMakesUsHoldLittle() throws {
        let served = try Served()
        let count = 40
        let slow = try (0..<count).map { _ in try Client(served.port) }
        let before = resident()
        for client in slow {
            client.send(served.request("/histo/50ms/large.bin"))
            #expect(client.some(1).count == 1)
        }
        // Others are answered; meanwhile as much is made as will be.
        for _ in 0..<20 { #expect(try isAlive(served)) }
        let held = resident() - before
        // Two parts and one that is being made, and what malloc keeps; the kernel's own buffers do not count.
        #expect(held < count * 5 << 20, "\(held >> 20) MiB for \(count) clients of 12 MiB each")
        for client in slow.prefix(3) {
            let body = try Response(Array("H".utf8) + client.rest()).body
            #expect(body == served.large)
        }
    }

    /// Bytes of this process.
    private func resident() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4096 } ?? 0
    }

    @Test func whoTakesNothingIsLetGo() throws {
        let served = try Served { $0.stalledSeconds = 1 }
        let client = try Client(served.port)
        client.send(served.request("/histo/50ms/large.bin"))
        #expect(client.some(1).count == 1)
        for _ in 0..<300 where served.server.connectionCount > 0 { usleep(100_000) }
        #expect(served.server.connectionCount == 0)
        #expect(try isAlive(served))
    }

    private struct Slow: Pages {
        let gate: DispatchSemaphore

        func asset(_ name: String) -> PageAnswer? { nil }

        func answer(_ name: String, _ query: [String: String]) throws(PageError) -> PageAnswer {
            gate.wait()
            return PageAnswer(mediaType: "text/plain", bytes: [])
        }
    }

    @Test func anAnswerThatTakesLongIsPutOff() throws {
        let gate = DispatchSemaphore(value: 0)
        let served = try Served(pages: Slow(gate: gate)) { $0.answerSeconds = 1 }
        let response = try served.get("/.evh5/api/x")
        #expect(response.status == 503 && response.headers["retry-after"] == "10")
        #expect(try isAlive(served))
        gate.signal()
        #expect(try isAlive(served))
    }

    @Test func theEndWaitsForNobody() throws {
        let gate = DispatchSemaphore(value: 0)
        let served = try Served(pages: Slow(gate: gate))
        let clients = try (0..<5).map { _ in try Client(served.port) }
        clients[0].send(served.request("/.evh5/api/x"))
        clients[1].send(served.request("/histo/50ms/large.bin"))
        #expect(clients[1].some(1).count == 1)
        #expect(try isAlive(served))
        served.server.stop()
        for client in clients { _ = client.rest() }
        #expect(throws: (any Error).self) { try Client(served.port) }
        served.server.stop()
        gate.signal()
    }
}
