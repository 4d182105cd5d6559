// Sizes, rates and times as people write them on command lines and in config files.

/// A number with a unit, read exactly: no floating point between the text and the integer.
public enum Quantity {
    /// Bytes: `512M`, `20G`, `1.5G`, `64KiB`, `1048576`; the units are powers of 1024. Nil when it is no whole number
    /// of bytes.
    public static func bytes(_ text: some StringProtocol) -> Int? {
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
            ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40), ("", 1),
        ]
        return number(text, units: units, roundDown: true)
    }

    /// Events per second: `5M`, `250k`, `1.5M`, `800`; the units are powers of 1000.
    public static func rate(_ text: some StringProtocol) -> Int? {
        let units = [("k", 1000), ("K", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("", 1)]
        return number(text, units: units, roundDown: false)
    }

    /// Microseconds: `10s`, `250ms`, `0.25s`, `50000us`, `2min`, or a bare integer in us. Nil when it is no whole
    /// number of us.
    public static func microseconds(_ text: some StringProtocol) -> Int? {
        if text.allSatisfy({ $0.isASCII && $0.isNumber }) { return Int(text) }
        let units = [("ms", 1000), ("us", 1), ("min", 60_000_000), ("s", 1_000_000)]
        return number(text, units: units, roundDown: false)
    }

    /// Reads `12.5` followed by the first unit that fits; digits below one whole are cut off when `roundDown`, else
    /// refused.
    private static func number(_ text: some StringProtocol, units: [(String, Int)], roundDown: Bool) -> Int? {
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let parts = text.dropLast(unit.count).split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = digits(parts[0]) else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return scaled }
        guard parts[1].count <= 6, let fraction = digits(parts[1]), factor > 1 else { return nil }
        let divisor = parts[1].reduce(1) { product, _ in product * 10 }
        let (product, tooBig) = fraction.multipliedReportingOverflow(by: factor)
        guard !tooBig, roundDown || product % divisor == 0 else { return nil }
        let (sum, sumOverflow) = scaled.addingReportingOverflow(product / divisor)
        return sumOverflow ? nil : sum
    }

    private static func digits(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return Int(text)
    }

    /// `536870912` as `512M`: the largest unit that gives at least 1, with at most one digit after the point.
    public static func text(bytes: Int) -> String {
        scaled(bytes, steps: [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)])
    }

    /// `5000000` as `5M`, in powers of 1000.
    public static func text(count: Int) -> String {
        scaled(count, steps: [("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000)])
    }

    /// Microseconds as people read them: `12.5 s`, `250 ms`, `40 us`.
    public static func text(microseconds: Int) -> String {
        let size = abs(microseconds)
        if size >= 1_000_000 { return decimal(Double(microseconds) / 1e6, digits: 3) + " s" }
        if size >= 1000 { return decimal(Double(microseconds) / 1e3, digits: 3) + " ms" }
        return "\(microseconds) us"
    }

    /// `1 file`, `2 files`.
    public static func text(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

    private static func scaled(_ value: Int, steps: [(String, Int)]) -> String {
        guard let (unit, factor) = steps.first(where: { abs(value) >= $0.1 }) else { return "\(value)" }
        return decimal(Double(value) / Double(factor), digits: 1) + unit
    }

    /// `value` with at most `digits` digits after the point, without trailing zeros.
    static func decimal(_ value: Double, digits: Int) -> String {
        let power = (0..<digits).reduce(1.0) { product, _ in product * 10 }
        let rounded = (value * power).rounded() / power
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
    }
}
