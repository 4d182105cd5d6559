// Sizes, rates and times as people write them.

import Commands
import Testing

struct QuantityTests {
    @Test func usedWindowsHaveALineForEachPreprocessing() {
        let rows = UsedWindows.rows(["histo/10ms", "diff/50ms", "histo/50ms", "histo,downsample=2/10ms"])
        #expect(rows.map(\.0) == ["used", "", ""])
        #expect(rows.map(\.1) == ["histo: 10ms, 50ms", "diff: 50ms", "histo,downsample=2: 10ms"])
        #expect(UsedWindows.rows([]).map(\.1) == ["nothing yet"])
    }

    @Test func counts() {
        #expect([0, 1, 2].map { Quantity.text($0, "file") } == ["0 files", "1 file", "2 files"])
    }

    @Test(arguments: [
        ("0", 0), ("1048576", 1_048_576), ("512M", 536_870_912), ("20G", 21_474_836_480), ("1.5G", 1_610_612_736),
        ("64K", 65536), ("64KiB", 65536), ("0.25T", 274_877_906_944), ("1.1K", 1126),
    ])
    func bytes(_ text: String, _ expected: Int) { #expect(Quantity.bytes(text) == expected) }

    @Test(arguments: [
        "", "M", "-1", "+1", "1.5", "1MB", "1m", "512 M", "1e3", ".5G", "1.G", "9999999999T", "0x10", "١",
    ])
    func noBytes(_ text: String) { #expect(Quantity.bytes(text) == nil) }

    @Test(arguments: [
        ("5M", 5_000_000), ("250k", 250_000), ("1.5M", 1_500_000), ("800", 800), ("0.25k", 250), ("0", 0),
    ])
    func rates(_ text: String, _ expected: Int) { #expect(Quantity.rate(text) == expected) }

    @Test(arguments: ["", "k", "0.0001k", "1.5", "-5M", "5 M", "5MM", "99999999999G"])
    func noRates(_ text: String) { #expect(Quantity.rate(text) == nil) }

    @Test(arguments: [
        ("10s", 10_000_000), ("250ms", 250_000), ("0.25s", 250_000), ("50000us", 50_000), ("123", 123),
        ("2min", 120_000_000),
        ("0.5ms", 500), ("1.000001s", 1_000_001), ("0", 0),
    ])
    func times(_ text: String, _ expected: Int) { #expect(Quantity.microseconds(text) == expected) }

    @Test(arguments: [
        "", "s", "-1s", "1.5us", "0.0001ms", "1.0000001s", "1e9s", "9999999999999s", "1 s", "1h",
        "99999999999999999999",
    ])
    func noTimes(_ text: String) { #expect(Quantity.microseconds(text) == nil) }

    @Test func shownForPeople() {
        #expect(Quantity.text(bytes: 512 << 20) == "512M")
        #expect(Quantity.text(bytes: 3 << 29) == "1.5G")
        #expect(Quantity.text(bytes: 1023) == "1023")
        #expect(Quantity.text(count: 4_999_986) == "5M")
        #expect(Quantity.text(microseconds: 12_500_000) == "12.5 s")
        #expect(Quantity.text(microseconds: 40) == "40 us")
    }

    @Test func controlCharactersAreEscaped() {
        #expect(escaped("plain ünï") == "plain ünï")
        #expect(escaped("a\nb\tc\u{1b}[31m\u{7f}\u{9b}") == "a\\nb\\tc\\u{1b}[31m\\u{7f}\\u{9b}")
        #expect(escaped("\u{202e}gpj") == "\\u{202e}gpj")
    }
}
