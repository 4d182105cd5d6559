// The address in a request's first line: names of the tree and a query. Nothing in it can lead out of the tree.

import Foundation

/// A path and a query, decoded.
package struct RequestTarget: Sendable, Hashable {
    /// Names with single slashes between them; "" is the root.
    package let path: String
    /// Whether there was a slash at its end, as folders have.
    package let hasSlash: Bool
    package let query: [String: String]
    /// As it was sent, without `?`.
    package let rawQuery: String

    package struct Malformed: Error, Hashable { package let message: String }

    private static let mostParameters = 64

    /// - Throws: `Malformed` for what no page and no program of good will asks for.
    package init(_ uri: String) throws(Malformed) {
        guard uri.utf8.first == UInt8(ascii: "/") else { throw Malformed(message: "the address must begin with /") }
        for byte in uri.utf8 where byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") {
            throw Malformed(message: "the address has characters that must be written as %XX")
        }
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var names = parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        hasSlash = names.last?.isEmpty ?? false
        if hasSlash { names.removeLast() }
        var decoded: [String] = []
        for name in names { decoded.append(try RequestTarget.name(name)) }
        path = decoded.joined(separator: "/")
        rawQuery = parts.count > 1 ? String(parts[1]) : ""
        query = try RequestTarget.parameters(rawQuery)
    }

    private static func name(_ text: Substring) throws(Malformed) -> String {
        let name = try decoded(text.utf8, plusIsSpace: false)
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")) else {
            throw Malformed(message: "the address has an empty name, '.', '..' or %2F in it")
        }
        return name
    }

    private static func parameters(_ text: String) throws(Malformed) -> [String: String] {
        var query: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try decoded(parts[0].utf8, plusIsSpace: true)
            let value = parts.count > 1 ? try decoded(parts[1].utf8, plusIsSpace: true) : ""
            guard query.updateValue(value, forKey: name) == nil, query.count <= mostParameters else {
                throw Malformed(message: "the address has a parameter twice, or more than \(mostParameters)")
            }
        }
        return query
    }

    private static func decoded(_ text: Substring.UTF8View, plusIsSpace: Bool) throws(Malformed) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
                else { throw Malformed(message: "the address has a % without two hexadecimal digits after it") }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw Malformed(message: "the address has a zero byte, or bytes that are not UTF-8")
        }
        return text
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    // MARK: The way back

    /// A name as a part of an address: all but unreserved characters (RFC 3986, 2.3) and `,=` as %XX.
    package static func encoded(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ","), UInt8(ascii: "="):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0" + digits : "%" + digits
            }
        }
        return text
    }

    /// Where `path` is from here, as a relative reference, so that it holds behind a proxy that puts a prefix before
    /// all addresses. The query, in which the token may be, goes along.
    package func reference(to path: String, isFolder: Bool) -> String {
        let here = self.path.isEmpty ? 0 : self.path.split(separator: "/").count
        let up = hasSlash ? here : max(0, here - 1)
        var way = up == 0 ? "./" : String(repeating: "../", count: up)
        way += path.split(separator: "/").map { RequestTarget.encoded(String($0)) }.joined(separator: "/")
        if isFolder, !path.isEmpty { way += "/" }
        return rawQuery.isEmpty ? way : way + "?" + rawQuery
    }
}
