// One line of the log, as text for people or as JSON for programs.

import Foundation
import Logging

/// How lines are written.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-29T12:00:00.000Z warning open: ... errno=5`.
    case text
    /// An object for each line: time, level, message and metadata.
    case json
}

/// What happened.
struct LogLine: Sendable {
    let time: timespec
    let level: Logger.Level
    let message: String
    /// Sorted by key.
    let metadata: [(key: String, value: String)]
    let error: String?

    init(_ event: LogEvent, metadata: Logger.Metadata) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        time = now
        level = event.level
        message = event.message.description
        self.metadata = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            .map { ($0.key, "\($0.value)") }
        error = event.error.map { "\($0)" }
    }

    /// Without time and level; no raw control characters.
    var text: String {
        var text = message
        for (key, value) in metadata { text += " \(key)=\(value)" }
        if let error { text += ": \(error)" }
        return escaped(text)
    }

    /// With time and level, in that format; without a newline.
    func whole(_ format: LogFormat) -> String {
        switch format {
        case .text: "\(timestamp) \(level.rawValue) \(text)"
        case .json: json
        }
    }

    /// For a log that knows time and level by itself.
    func bare(_ format: LogFormat) -> String { format == .text ? text : json }

    private struct JSON: Encodable {
        let time: String
        let level: String
        let message: String
        let metadata: [String: String]?
        let error: String?
    }

    private var json: String {
        let object = JSON(
            time: timestamp, level: level.rawValue, message: escaped(message),
            metadata: metadata.isEmpty ? nil : Dictionary(metadata.map { ($0.key, escaped($0.value)) }) { $1 },
            error: error.map(escaped))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings only: it cannot fail.
        return (try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// UTC with milliseconds, as in RFC 3339.
    private var timestamp: String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = "\(value)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(parts.tm_year + 1900, 4) + "-" + padded(parts.tm_mon + 1, 2) + "-" + padded(parts.tm_mday, 2)
            + "T" + padded(parts.tm_hour, 2) + ":" + padded(parts.tm_min, 2) + ":" + padded(parts.tm_sec, 2) + "."
            + padded(time.tv_nsec / 1_000_000, 3) + "Z"
    }
}
