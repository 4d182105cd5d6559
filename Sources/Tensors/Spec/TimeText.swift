// Times as they are written in paths: exact decimals with a unit, in integers throughout.

/// Reads and writes times in us, such as `250ms`, `0.25s`, `50000us` and the bare integer `50000`.
package enum TimeText {
    /// 2^50 us, 35 years: larger than any recording and small enough that no sum of a few times overflows.
    package static let largest: Int64 = 1 << 50

    /// Exponents of ten from the unit to us.
    private static let units: [(suffix: String, exponent: Int)] = [("ms", 3), ("us", 0), ("s", 6)]

    /// The time in us; nil when `text` is anything but digits, optionally a point and digits, and a unit, when the time
    /// is no whole number of us or larger than `largest`. A time without a unit is in us and has no point.
    package static func microseconds(_ text: String) -> Int64? {
        var number = Substring(text)
        var exponent = 0
        var hasUnit = false
        if let unit = units.first(where: { text.hasSuffix($0.suffix) }) {
            number = number.dropLast(unit.suffix.count)
            exponent = unit.exponent
            hasUnit = true
        }
        let sides = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 1 || hasUnit, sides.allSatisfy({ !$0.isEmpty }) else { return nil }
        var fraction = sides.count == 2 ? sides[1] : ""
        while fraction.last == "0" { fraction.removeLast() }
        // A fraction may have leading zeros only, or digits that the unit can hold.
        guard fraction.utf8.count <= exponent else { return nil }
        let zeros = String(repeating: "0", count: exponent - fraction.utf8.count)
        guard let value = NumberText.integer(sides[0] + fraction + zeros), value <= largest,
            sides.count == 1 || NumberText.isDigits(sides[1])
        else { return nil }
        return value
    }

    /// The one spelling of a time: an integer in the largest of s, ms and us that is exact; zero is `0us`.
    package static func text(_ microseconds: Int64) -> String {
        if microseconds != 0 {
            if microseconds % 1_000_000 == 0 { return "\(microseconds / 1_000_000)s" }
            if microseconds % 1000 == 0 { return "\(microseconds / 1000)ms" }
        }
        return "\(microseconds)us"
    }
}
