// Lists of numbers as text.

/// Lines of whole numbers. Columns are parted by a comma, a semicolon or blanks; what follows a comment's character and
/// empty lines do not count.
enum ListText {
    struct Row {
        /// From 1 on.
        let line: Int
        let values: [Int64]
    }

    /// - Parameters:
    ///   - columns: says what is wrong with a line of so many columns; nil for nothing.
    ///   - unit: what the numbers are, for messages.
    static func rows(
        _ bytes: [UInt8], comments: [UInt8], most: Int, unit: String, columns problem: (Int) -> String?
    ) throws(ListFileError) -> [Row] {
        var rows: [Row] = []
        for (i, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            // Comma, semicolon, blank, tab and carriage return.
            let fields = line.prefix { !comments.contains($0) }
                .split { [0x2C, 0x3B, 0x20, 0x09, 0x0D].contains($0) }
            guard !fields.isEmpty else { continue }
            guard rows.count < most else {
                throw ListFileError(.unusable, "it has \(rows.count + 1) lines or more; \(most) are the most")
            }
            if let problem = problem(fields.count) {
                throw ListFileError(.unusable, "line \(i + 1) has \(fields.count) columns; \(problem)")
            }
            var values: [Int64] = []
            for field in fields {
                guard let value = number(field) else {
                    let text = String(decoding: field.prefix(40), as: UTF8.self)
                    throw ListFileError(
                        .unusable,
                        "line \(i + 1): \"\(text)\" is no whole number of \(unit); a line that is no data begins with #"
                    )
                }
                values.append(value)
            }
            rows.append(Row(line: i + 1, values: values))
        }
        return rows
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard field.count <= 40 else { return nil }
        let text = String(decoding: field, as: UTF8.self)
        if let value = Int64(text) { return value }
        // As numpy.savetxt writes them; no hexadecimal, `inf` or `nan`.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x65, 0x45].contains($0) }),
            let value = Double(text)
        else { return nil }
        return wholeNumber(value)
    }
}
