// Numbers as they are written in paths.

enum NumberText {
    static func isDigits(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// A number of ASCII digits only; nil when it is something else or exceeds Int64.
    static func integer(_ text: some StringProtocol) -> Int64? {
        isDigits(text) ? Int64(text) : nil
    }

    /// As `integer`, optionally with a `-` before it.
    static func signedInteger(_ text: String) -> Int64? {
        isDigits(text.first == "-" ? text.dropFirst() : text[...]) ? Int64(text) : nil
    }

    /// Digits, optionally a point and digits, optionally an exponent; nil otherwise (also for signs, `inf`, `nan` and
    /// hexadecimal numbers) and when the number is zero, infinite or too small to have an inverse.
    static func positive(_ text: String) -> Double? {
        guard text.first != "-", let value = number(text), value.isNormal else { return nil }
        return value
    }

    /// As `positive`, optionally with a `-` before it, and also zero.
    static func number(_ text: String) -> Double? {
        let unsigned = text.first == "-" ? text.dropFirst() : text[...]
        let parts = unsigned.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let sides = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.allSatisfy({ isDigits($0) }) else { return nil }
        if parts.count == 2 {
            let exponent = parts[1].first == "-" || parts[1].first == "+" ? parts[1].dropFirst() : parts[1]
            guard isDigits(exponent) else { return nil }
        }
        // -0 is 0: a value has one spelling.
        guard let value = Double(text), value.isNormal || value == 0 else { return nil }
        return value == 0 ? 0 : value
    }

    /// The one spelling of a number: the shortest that reads back as the same double, without `.0` and without `+`.
    static func text(_ value: Double) -> String {
        let text = value.description
        if text.hasSuffix(".0") { return String(text.dropLast(2)) }
        return String(text.filter { $0 != "+" })
    }
}
