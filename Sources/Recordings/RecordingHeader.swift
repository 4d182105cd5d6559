// The text header of RAW and DAT files: what is recorded, how it is encoded, where the events start.

import Files

/// The header of a recording: lines that start with `% `, until `% end` or the first line that does not.
public struct RecordingHeader: Sendable {
    /// Keys and values in file order, repeated ones included.
    public let fields: [(key: String, value: String)]
    public let format: RecordingFormat
    /// From `format`, `geometry`, `Width`/`Height` or the sensor's `system_ID`; nil when none of them says.
    public let geometry: Geometry?
    public let systemID: Int?
    /// Where the first word of the events is, bytes from the start of the file.
    public let payloadOffset: Int64
    /// CRC-32 of the bytes before `payloadOffset`.
    public let digest: UInt32

    /// Headers of real files are below 1 KiB; nothing longer is read.
    static let sizeLimit = 1 << 16

    /// The last value of `key`, as written.
    public func value(_ key: String) -> String? { fields.last { $0.key == key }?.value }

    /// Reads the header of `file`.
    ///
    /// - Throws: `.notARecording`, `.headerContradiction`, `.unreadable`.
    public static func read(_ file: File) throws(RecordingError) -> RecordingHeader {
        do {
            // No more memory than the file needs: most recordings of a data set may be small.
            let size = min(Int64(sizeLimit) + 2, max(0, try file.status().size))
            return try RecordingHeader(bytes: try file.bytes(in: 0..<size), name: file.path)
        } catch {
            switch error {
            case let error as RecordingError: throw error
            default: throw RecordingError(.unreadable, "\(error)", cause: error)
            }
        }
    }

    /// Reads the header at the start of `bytes`; `name` is for messages.
    public init(bytes: [UInt8], name: String) throws(RecordingError) {
        guard !bytes.isEmpty else { throw RecordingError(.notARecording, "'\(name)' is empty") }
        let (lines, end) = Self.lines(of: bytes)
        guard end > 0 else {
            throw RecordingError(
                .notARecording,
                "'\(name)' is no recording: it has no header (lines that start with '% '); was it cut at the front?")
        }
        guard end <= Self.sizeLimit else {
            throw RecordingError(
                .notARecording, "'\(name)' is no recording: its header is longer than \(Self.sizeLimit) bytes")
        }
        fields = lines
        let values = Dictionary(lines.map { ($0.key, $0.value) }) { _, last in last }
        systemID = values["system_ID"].flatMap { Int($0) }
        let options = FormatField(values["format"])

        var payload = end
        if let format = try Self.format(values, options, systemID, name) {
            self.format = format
        } else if bytes.count >= end + 2, bytes[end] == 0 || bytes[end] == 12, bytes[end + 1] == 8 {
            format = .dat
            payload = end + 2
        } else {
            throw RecordingError(
                .notARecording,
                "'\(name)' is no recording that can be read: its header names no RAW encoding ('% evt' or '% format'), and no DAT events "
                    + "of type CD (bytes 0 or 12, then 8) follow it")
        }
        geometry = try Self.geometry(values, options, systemID, format, name)
        payloadOffset = Int64(payload)
        digest = crc32(Array(bytes[..<payload]))
    }

    /// The header lines of `bytes` as keys and values, and where they end.
    ///
    /// A line with control characters is no text: events whose first bytes happen to be `% ` are not taken for a header line.
    private static func lines(of bytes: [UInt8]) -> ([(key: String, value: String)], Int) {
        var lines: [(key: String, value: String)] = []
        var position = 0
        while position <= sizeLimit, bytes.count >= position + 2, bytes[position] == UInt8(ascii: "%"),
            bytes[position + 1] == UInt8(ascii: " ")
        {
            let rest = bytes[(position + 2)...]
            let newline = rest.firstIndex(of: UInt8(ascii: "\n"))
            // Without a newline the line is the file's last, or this is no text at all.
            if newline == nil, bytes.count > sizeLimit { break }
            var text = rest[..<(newline ?? bytes.count)]
            if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
            if text.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) { break }
            position = newline.map { $0 + 1 } ?? bytes.count
            let words = String(decoding: text, as: UTF8.self).split(maxSplits: 1, whereSeparator: \.isWhitespace)
            guard let key = words.first else { continue }
            let value = words.count > 1 ? trimmed(words[1]) : ""
            if key == "end", value.isEmpty { break }
            lines.append((String(key), value))
        }
        return (lines, position)
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// The encoding that `format` and `evt` name; nil when there is neither.
    private static func format(
        _ values: [String: String], _ options: FormatField?, _ systemID: Int?, _ name: String
    ) throws(RecordingError) -> RecordingFormat? {
        func known(_ text: String, _ key: String) throws(RecordingError) -> RecordingFormat {
            switch text.uppercased() {
            case "EVT2", "EVT2.0", "2.0", "2": return .evt2
            case "EVT21", "EVT2.1", "2.1": return .evt21
            case "EVT3", "EVT3.0", "3.0", "3": return .evt3
            case "EVT4", "EVT4.0", "4.0", "4": return .evt4
            default:
                throw RecordingError(
                    .notARecording,
                    "'\(name)' cannot be read: '% \(key) \(text)' is none of EVT2, EVT2.1, EVT3 and EVT4")
            }
        }
        var format: RecordingFormat?
        if let options { format = try known(options.name, "format") }
        if let text = values["evt"] {
            let second = try known(text, "evt")
            guard format == nil || format == second else {
                throw RecordingError(
                    .headerContradiction,
                    "the header of '\(name)' contradicts itself: format \(options?.name ?? "") but evt \(text)")
            }
            format = second
        }
        let endianness = [options?.values["endianness"], values["endianness"]].compactMap { $0?.lowercased() }
        guard Set(endianness).count < 2 else {
            throw RecordingError(
                .headerContradiction,
                "the header of '\(name)' contradicts itself: endianness \(endianness.joined(separator: " and "))")
        }
        switch (format, endianness.first) {
        case (.evt21, "legacy"): return .evt21Legacy
        case (.evt21, nil): return (systemID ?? 0) < 55 ? .evt21Legacy : .evt21
        case (_, nil), (_, "little"): return format
        case (nil, _): return nil
        case (_, let other):
            throw RecordingError(
                .notARecording, "'\(name)' cannot be read: endianness '\(other ?? "")' is not supported, only little")
        }
    }

    private static func geometry(
        _ values: [String: String], _ options: FormatField?, _ systemID: Int?, _ format: RecordingFormat, _ name: String
    ) throws(RecordingError) -> Geometry? {
        func sides(_ width: String?, _ height: String?) -> Geometry? {
            guard let width, let height else { return nil }
            return Geometry("\(width)x\(height)")
        }
        let given: [(String, Geometry)] = [
            ("format", sides(options?.values["width"], options?.values["height"])),
            ("geometry", values["geometry"].flatMap { Geometry($0) }),
            ("Width and Height", sides(values["Width"], values["Height"])),
        ].compactMap { key, geometry in geometry.map { (key, $0) } }
        if let first = given.first {
            for other in given where other.1 != first.1 {
                throw RecordingError(
                    .headerContradiction,
                    "the header of '\(name)' contradicts itself: \(first.1) by '\(first.0)' but \(other.1) by '\(other.0)'"
                )
            }
            return first.1
        }
        return systemID.flatMap { SensorTable.geometry(systemID: $0, format: format) }
    }
}

/// `NAME;key=value;...` of the field `format`.
private struct FormatField {
    let name: String
    let values: [String: String]

    init?(_ text: String?) {
        guard let parts = text?.split(separator: ";", omittingEmptySubsequences: true), let first = parts.first else {
            return nil
        }
        name = first.filter { !$0.isWhitespace }
        var values: [String: String] = [:]
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=", maxSplits: 1)
            if sides.count == 2 { values[sides[0].filter { !$0.isWhitespace }] = sides[1].filter { !$0.isWhitespace } }
        }
        self.values = values
    }
}
