// Conditional requests (RFC 9110, 13).

import NIOHTTP1

/// What a request's conditions say about a content.
package struct Conditions: Sendable {
    package enum Verdict: Sendable, Hashable { case proceed, notModified, failed }

    /// With quotes.
    package let etag: String
    /// Seconds since 1970.
    package let modified: Int64

    package init(etag: String, modified: Int64) { (self.etag, self.modified) = (etag, modified) }

    /// In the order of RFC 9110, 13.2.2.
    package func verdict(_ headers: HTTPHeaders) -> Verdict {
        if let match = list(headers, "If-Match") {
            guard match == "*" || tags(match).contains(etag) else { return .failed }
        } else if let date = date(headers, "If-Unmodified-Since"), modified > date {
            return .failed
        }
        if let none = list(headers, "If-None-Match") {
            // Weak comparison: W/"x" is "x".
            let known = tags(none).map { $0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0 }
            if none == "*" || known.contains(etag) { return .notModified }
        } else if let date = date(headers, "If-Modified-Since"), modified <= date {
            return .notModified
        }
        return .proceed
    }

    /// Whether a Range header counts: when If-Range, if there is one, means this very content.
    ///
    /// - Parameter now: seconds since 1970. A date tells contents apart only when nothing can change within its second.
    package func allowsRanges(_ headers: HTTPHeaders, now: Int64) -> Bool {
        guard let range = headers.first(name: "If-Range") else { return true }
        if range.hasPrefix("\"") { return range == etag }
        return HTTPDate.seconds(range) == modified && modified < now - 2
    }

    private func list(_ headers: HTTPHeaders, _ name: String) -> String? {
        let values = headers[name]
        return values.isEmpty ? nil : values.joined(separator: ",").trimmed
    }

    private func tags(_ list: String) -> [String] { list.split(separator: ",").map { String($0).trimmed } }

    private func date(_ headers: HTTPHeaders, _ name: String) -> Int64? {
        headers.first(name: name).flatMap(HTTPDate.seconds)
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmed: String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
