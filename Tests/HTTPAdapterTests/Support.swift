// A source of plain files with a server over it, and a client that says any bytes.

import Foundation
import HTTPAdapter
import Logging
import Testing
import VirtualTree

/// A source folder with a server; both go with it.
final class Served {
    let path: String
    let catalog: VirtualCatalog
    let server: HTTPServer
    let token = AccessToken.random()
    /// Of `histo/50ms/large.bin`.
    let large: [UInt8]

    init(pages: (any Pages)? = nil, _ change: (inout ServerOptions) -> Void = { _ in }) throws {
        path = NSTemporaryDirectory() + "evh5-http-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path + "/sub", withIntermediateDirectories: true)
        var generator = SystemRandomNumberGenerator()
        large = (0..<12 << 17).flatMap { _ in withUnsafeBytes(of: generator.next() as UInt64) { Array($0) } }
        let files: [(String, [UInt8])] = [
            ("notes.txt", Array("some notes".utf8)), ("sub/a & b.txt", Array("x".utf8)), ("empty.txt", []),
            ("page.html", Array("<script>alert(1)</script>".utf8)), ("large.bin", large),
        ]
        for (name, bytes) in files { try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }
        var options = VirtualCatalog.Options()
        options.companionSizeLimit = 1 << 30
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        catalog = try VirtualCatalog(source: path, options: options, logger: logger)
        var server = ServerOptions()
        server.token = token
        change(&server)
        self.server = try HTTPServer(catalog, pages: pages, options: server, logger: logger)
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: path)
    }

    var port: Int { server.address.port }

    /// The bytes of a request that may be asked.
    func request(_ target: String, method: String = "GET", _ headers: [String] = [], keep: Bool = false) -> String {
        let all =
            ["\(method) \(target) HTTP/1.1", "Host: localhost:\(port)", "Authorization: Bearer \(token.text)"] + headers
            + (keep ? [] : ["Connection: close"])
        return all.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    func get(_ target: String, method: String = "GET", _ headers: [String] = []) throws -> Response {
        let client = try Client(port)
        client.send(request(target, method: method, headers))
        return try Response(client.rest())
    }
}

/// A connection.
final class Client {
    struct Refused: Error { let reason: String }

    private let descriptor: Int32

    init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Refused(reason: String(cString: strerror(errno))) }
        // So that a test ends when nothing comes.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// What nobody reads any more is lost.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// The next bytes; empty at the end.
    func some(_ most: Int = 1 << 16) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &bytes, most, 0)
        return count > 0 ? Array(bytes[..<count]) : []
    }

    /// All until the server closes.
    func rest() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = some()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }
}

/// What came back.
struct Response {
    let status: Int
    let headers: [String: String]
    let body: [UInt8]

    init(_ bytes: [UInt8]) throws {
        let end = try #require(
            bytes.indices.dropLast(3).first { Array(bytes[$0..<$0 + 4]) == [13, 10, 13, 10] },
            "no head in \(bytes.count) bytes")
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n").map(String.init)
        status = try #require(Int(lines[0].split(separator: " ")[1]))
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        self.headers = headers
        let rest = Array(bytes[(end + 4)...])
        body = headers["transfer-encoding"] == "chunked" ? Response.joined(rest) : rest
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    private static func joined(_ bytes: [UInt8]) -> [UInt8] {
        var (rest, body): ([UInt8], [UInt8]) = (bytes, [])
        while let end = rest.firstIndex(of: 13),
            let count = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16)
        {
            if count == 0 { return body }
            body += rest[(end + 2)..<(end + 2 + count)]
            rest = Array(rest[(end + 4 + count)...])
        }
        return body
    }
}
