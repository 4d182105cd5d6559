// A folder's listing, as JSON or as a page of links; made as it is sent, as a folder may have a million names.

import Foundation
import NIOCore
import Synchronization
import VirtualTree

/// Writes one listing.
struct FolderAnswer: Sendable {
    let folder: VirtualFolder
    let asJSON: Bool

    private static let enough = 64 << 10

    var mediaType: String { asJSON ? "application/json" : "text/html; charset=utf-8" }

    var body: Body {
        // The next entry; -1 before the head, count for the tail, more at the end.
        let state = Mutex((next: -1, isFirst: true))
        return Body(length: nil) {
            try state.withLock { state in
                var text = ""
                while state.next <= folder.count, text.utf8.count < FolderAnswer.enough {
                    switch state.next {
                    case -1: text += head
                    case folder.count: text += tail
                    default:
                        guard let entry = folder.entry(state.next) else { break }
                        text += try asJSON ? json(entry, isFirst: state.isFirst) : html(entry)
                        state.isFirst = false
                    }
                    state.next += 1
                }
                return text.isEmpty ? nil : ByteBuffer(string: text)
            }
        }
    }

    // MARK: JSON

    private struct Item: Encodable {
        let name: String
        let kind: String
        /// Bytes.
        let size: Int64?
        /// Seconds since 1970.
        let modified: Double?
    }

    private func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private func json(_ entry: VirtualEntry, isFirst: Bool) throws -> String {
        let item = Item(
            name: entry.name, kind: entry.kind.rawValue, size: entry.size,
            modified: entry.modified.map { Double($0) / 1e9 })
        return try (isFirst ? "" : ",\n") + text(item)
    }

    // MARK: A page

    private var head: String {
        if asJSON {
            let path = (try? text(folder.path)) ?? "\"\""
            return "{\"path\":\(path),\"entries\":[\n"
        }
        let title = "/" + FolderAnswer.escaped(folder.path)
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>\(title)</title></head>
            <body>
            <h1>\(title)</h1>
            <ul>
            \(folder.path.isEmpty ? "" : "<li><a href=\"../\">../</a></li>\n")
            """
    }

    private var tail: String { asJSON ? "\n]}\n" : "</ul>\n</body>\n</html>\n" }

    /// A link relative to the folder, as simple as clients that look for links in pages want it.
    private func html(_ entry: VirtualEntry) -> String {
        let slash = entry.kind == .folder ? "/" : ""
        let size = entry.size.map { ", \($0) bytes" } ?? ""
        return
            "<li><a href=\"\(RequestTarget.encoded(entry.name))\(slash)\">\(FolderAnswer.escaped(entry.name))\(slash)</a>\(size)</li>\n"
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
