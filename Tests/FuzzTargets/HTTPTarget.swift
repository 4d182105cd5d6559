// What an HTTP client says: addresses, ranges, dates, who it says we are.

import Foundation
import HTTPAdapter
import NIOHTTP1

/// Input: a mode, then the text.
enum HTTPTarget {
    private static let size: Int64 = 1000

    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        let mode = input.byte() % 4
        let text = String(decoding: input.rest, as: UTF8.self)
        switch mode {
        case 0: return address(text)
        case 1: return ranges(text)
        case 2: return access(text)
        default:
            if let seconds = HTTPDate.seconds(text), let back = HTTPDate.text(seconds),
                HTTPDate.seconds(back) != seconds
            {
                return "'\(text)' is \(seconds), which is '\(back)'"
            }
            if let address = ListenAddress(text), ListenAddress(address.description) != address {
                return "'\(text)' is \(address), which is another address"
            }
            return nil
        }
    }

    /// Names lead down and nowhere else, and what they are written as means them.
    private static func address(_ text: String) -> String? {
        guard let target = try? RequestTarget(text) else { return nil }
        let names = target.path.split(separator: "/", omittingEmptySubsequences: false)
        for name in names where !target.path.isEmpty {
            if name.isEmpty || name == "." || name == ".." || name.utf8.contains(0) { return "'\(text)' has '\(name)'" }
        }
        let again = "/" + names.map { RequestTarget.encoded(String($0)) }.joined(separator: "/")
        if (try? RequestTarget(again))?.path != target.path { return "'\(text)' is '\(again)', which is another path" }
        // The way from here, as a browser follows it, ends there.
        let reference = target.reference(to: "a/b c", isFolder: false)
        let path = reference.split(separator: "?", maxSplits: 1)[0]
        var way = target.path.split(separator: "/").map(String.init)
        if !target.hasSlash { _ = way.popLast() }
        for step in path.split(separator: "/") {
            switch step {
            case ".": continue
            case "..": if way.popLast() == nil { return "'\(reference)' leads above the root" }
            default: way.append(String(step))
            }
        }
        return way == ["a", "b%20c"] ? nil : "'\(reference)' from '\(text)' leads to \(way)"
    }

    private static func ranges(_ text: String) -> String? {
        guard case .some(let ranges) = ByteRanges(text, size: size) else { return nil }
        let isRight = !ranges.isEmpty && ranges.allSatisfy { !$0.isEmpty && $0.clamped(to: 0..<size) == $0 }
        return isRight && ranges.reduce(0) { $0 + $1.count } <= size ? nil : "'\(text)' is \(ranges)"
    }

    /// Headers and an address without the token are not enough, whatever they say.
    private static func access(_ text: String) -> String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
        var options = ServerOptions()
        options.token = AccessToken.random()
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: lines[0], headers: HTTPHeaders(headers))
        _ = Conditions(etag: "\"1\"", modified: 1).verdict(head.headers)
        guard let target = try? RequestTarget(lines[0]) else { return nil }
        let verdict = AccessCheck(options, port: 80).verdict(head, target, local: nil)
        if case .allowed = verdict { return "'\(text)' may ask without a token" }
        return nil
    }
}
