// Where the text of a header ends and events begin, which may look like text.

/// The lines of a header.
enum HeaderLines {
    /// Keys that cameras and recorders write. A line with one of them is a line, whatever its end and its letters are.
    private static let usualKeys: Set<String> = [
        "date", "time", "version", "data", "width", "height", "geometry", "format", "evt", "endianness", "end",
        "system_id", "subsystem_id", "sub_system_id", "serial_number", "firmware_version", "integrator_name",
        "camera_integrator_name", "plugin_integrator_name", "plugin_name", "sensor_generation", "sensor_name",
        "generation",
    ]

    /// The header lines at the start of `bytes` as keys and values, and where they end; at most `limit` bytes are
    /// looked at.
    ///
    /// A line begins with `% ` and ends with a newline, or with a NUL where some writer put its string's end instead.
    /// Events whose first bytes happen to be `% ` are told from a line by what follows: they have control characters or
    /// bytes that are no UTF-8 before the next newline. So a line with such bytes is one only if it has a usual key or
    /// another line follows it.
    static func read(_ bytes: [UInt8], limit: Int) -> (fields: [(key: String, value: String)], end: Int) {
        var fields: [(key: String, value: String)] = []
        var position = 0
        while position <= limit, begins(bytes, position) {
            let start = position + 2
            let stop = bytes[start...].firstIndex { $0 == newline || $0 == 0 }
            // Without an end the line is the file's last, or this is no text at all.
            if stop == nil, bytes.count > limit { break }
            var text = bytes[start..<(stop ?? bytes.count)]
            if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
            var next = stop.map { $0 + 1 } ?? bytes.count
            // A string's end may also stand before the newline.
            if next < bytes.count, bytes[next - 1] == 0, bytes[next] == newline { next += 1 }
            let words = String(decoding: text, as: UTF8.self).split(maxSplits: 1, whereSeparator: \.isWhitespace)
            let key = words.first.map(String.init)
            let isSure = key.map { usualKeys.contains($0.lowercased()) } == true || begins(bytes, next)
            guard isText(text), isSure || (isPlainText(text) && (stop == nil || bytes[next - 1] == newline)) else {
                break
            }
            position = next
            guard let key else { continue }
            let value = words.count > 1 ? trimmed(words[1]) : ""
            if key.lowercased() == "end", value.isEmpty { break }
            fields.append((key, value))
        }
        return (fields, position)
    }

    private static let newline = UInt8(ascii: "\n")

    private static func begins(_ bytes: [UInt8], _ position: Int) -> Bool {
        bytes.count >= position + 2 && bytes[position] == UInt8(ascii: "%") && bytes[position + 1] == UInt8(ascii: " ")
    }

    private static func isText(_ text: ArraySlice<UInt8>) -> Bool {
        text.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }

    private static func isPlainText(_ text: ArraySlice<UInt8>) -> Bool {
        String(validating: text, as: UTF8.self) != nil
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
