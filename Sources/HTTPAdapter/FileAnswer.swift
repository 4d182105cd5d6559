// A file over HTTP: conditions, ranges, headers (RFC 9110).

import Foundation
import NIOCore
import NIOHTTP1
import VirtualTree

/// Answers requests for one file.
struct FileAnswer: Sendable {
    let document: VirtualDocument
    private let client: Client
    private let conditions: Conditions
    private let mediaType: String

    init(_ document: VirtualDocument, for client: Client) {
        self.document = document
        self.client = client
        let (seconds, rest) = document.modified.quotientAndRemainder(dividingBy: 1_000_000_000)
        conditions = Conditions(etag: "\"\(document.version)\"", modified: rest < 0 ? seconds - 1 : seconds)
        mediaType = FileAnswer.mediaType(document.path)
    }

    /// - Parameter now: seconds since 1970.
    func answer(_ head: HTTPRequestHead, now: Int64 = Int64(time(nil))) -> Answer {
        var headers = [
            ("ETag", conditions.etag), ("Accept-Ranges", "bytes"), ("Cache-Control", "private, no-cache"),
            // What lies among the recordings may be a page with scripts, which shall not act as ours.
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ]
        if let modified = HTTPDate.text(conditions.modified) { headers.append(("Last-Modified", modified)) }
        switch conditions.verdict(head.headers) {
        case .notModified: return Answer(.notModified, headers)
        case .failed: return Answer(.preconditionFailed, headers)
        case .proceed: break
        }
        let size = document.size
        // Two headers are one list; only GET knows ranges.
        let range = head.method == .GET ? head.headers["Range"].joined(separator: ",") : ""
        let isAllowed = !range.isEmpty && conditions.allowsRanges(head.headers, now: now)
        switch ByteRanges(isAllowed ? range : nil, size: size) {
        case .whole:
            return Answer(.ok, headers + [("Content-Type", mediaType)], Body(document, 0..<size, client))
        case .unsatisfiable:
            return Answer(.rangeNotSatisfiable, headers + [("Content-Range", "bytes */\(size)")])
        case .some(let ranges):
            guard ranges.count > 1 else {
                headers += [("Content-Type", mediaType), ("Content-Range", contentRange(ranges[0]))]
                return Answer(.partialContent, headers, Body(document, ranges[0], client))
            }
            let boundary = AccessToken.random().text
            headers.append(("Content-Type", "multipart/byteranges; boundary=\(boundary)"))
            return Answer(.partialContent, headers, parts(ranges, boundary))
        }
    }

    private func contentRange(_ range: Range<Int64>) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(document.size)"
    }

    private func parts(_ ranges: [Range<Int64>], _ boundary: String) -> Body {
        let bodies = ranges.flatMap { range in
            let head =
                "\r\n--\(boundary)\r\nContent-Type: \(mediaType)\r\nContent-Range: \(contentRange(range))\r\n\r\n"
            return [Body(Array(head.utf8)), Body(document, range, client)]
        }
        return Body(bodies + [Body(Array("\r\n--\(boundary)--\r\n".utf8))])
    }

    private static func mediaType(_ path: String) -> String {
        switch path.split(separator: ".").last?.lowercased() {
        case "h5", "hdf5": "application/x-hdf5"
        case "json": "application/json"
        case "txt", "csv", "md", "yaml", "yml", "log": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
