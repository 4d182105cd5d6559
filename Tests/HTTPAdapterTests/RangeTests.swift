// Ranges, conditions and dates as RFC 9110 has them.

import HTTPAdapter
import NIOHTTP1
import Testing

@Suite struct RangeTests {
    // The examples of RFC 9110, 14.1.2, for 10000 bytes.
    @Test(arguments: [
        ("bytes=0-499", [0..<500]), ("bytes=500-999", [500..<1000]), ("bytes=-500", [9500..<10000]),
        ("bytes=9500-", [9500..<10000]), ("bytes=0-0,-1", [0..<1, 9999..<10000]),
        ("bytes= 0-999, 4500-5499, -1000", [0..<1000, 4500..<5500, 9000..<10000]),
        ("bytes=500-600,601-999", [500..<1000]), ("bytes=500-700,601-999", [500..<1000]),
        ("bytes=0-99999999999999999999", [0..<10000]), ("BYTES=5-5", [5..<6]), ("bytes=-20000", [0..<10000]),
        ("bytes=20000-,1-2", [1..<3]), ("bytes=9-,0-3", [9..<10000, 0..<4]),
    ])
    func rangesOfTenThousandBytes(_ header: String, _ expected: [Range<Int64>]) {
        #expect(ByteRanges(header, size: 10000) == .some(expected))
    }

    @Test(arguments: [
        "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "items=0-5", "bytes=1-2-3", "bytes=+1-2", "bytes=0x1-2",
        "bytes=1-2;3-4", "bytes=,",
    ])
    func whatNobodyUnderstandsDoesNotCount(_ header: String) {
        #expect(ByteRanges(header, size: 10000) == .whole)
    }

    @Test func whatIsNotThereAndWhatIsTooMuch() {
        #expect(ByteRanges("bytes=10000-", size: 10000) == .unsatisfiable)
        #expect(ByteRanges("bytes=-0", size: 10000) == .unsatisfiable)
        #expect(ByteRanges("bytes=0-", size: 0) == .unsatisfiable)
        #expect(
            ByteRanges("bytes=" + (0..<65).map { "\(2 * $0)-\(2 * $0)" }.joined(separator: ","), size: 10000)
                == .unsatisfiable)
        #expect(ByteRanges("bytes=0-,0-5000,8000-", size: 10000) == .some([0..<10000]))
        // The same bytes again and again.
        #expect(ByteRanges("bytes=0-4000,5000-9999,0-4000,5000-9999", size: 10000) == .unsatisfiable)
        #expect(ByteRanges(nil, size: 10000) == .whole)
    }

    private let conditions = Conditions(etag: "\"v1\"", modified: 784_111_777)
    private let same = "Sun, 06 Nov 1994 08:49:37 GMT"
    private let later = "Sun, 06 Nov 1994 08:49:38 GMT"
    private let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"

    private func verdict(_ headers: [(String, String)]) -> Conditions.Verdict {
        conditions.verdict(HTTPHeaders(headers))
    }

    @Test func conditionsInTheirOrder() {
        #expect(verdict([]) == .proceed)
        for known in ["\"v1\"", "W/\"v1\"", "\"v0\", \"v1\"", "*"] {
            #expect(verdict([("If-None-Match", known)]) == .notModified)
        }
        #expect(verdict([("If-None-Match", "\"v0\""), ("If-None-Match", "\"v1\"")]) == .notModified)
        #expect(verdict([("If-None-Match", "\"v2\"")]) == .proceed)
        // An entity tag is worth more than a date.
        #expect(verdict([("If-None-Match", "\"v2\""), ("If-Modified-Since", later)]) == .proceed)
        #expect(verdict([("If-Modified-Since", same)]) == .notModified)
        #expect(verdict([("If-Modified-Since", later)]) == .notModified)
        #expect(verdict([("If-Modified-Since", earlier)]) == .proceed)
        #expect(verdict([("If-Modified-Since", "yesterday")]) == .proceed)
        #expect(verdict([("If-Match", "\"v1\"")]) == .proceed)
        #expect(verdict([("If-Match", "*")]) == .proceed)
        #expect(verdict([("If-Match", "W/\"v1\"")]) == .failed)
        #expect(verdict([("If-Match", "\"v2\"")]) == .failed)
        #expect(verdict([("If-Unmodified-Since", earlier)]) == .failed)
        #expect(verdict([("If-Unmodified-Since", same)]) == .proceed)
        #expect(verdict([("If-Match", "\"v1\""), ("If-Unmodified-Since", earlier)]) == .proceed)
        #expect(verdict([("If-Match", "\"v1\""), ("If-None-Match", "\"v1\"")]) == .notModified)
    }

    @Test func aRangeOfAnotherContentIsNone() {
        func allows(_ value: String?, now: Int64 = 800_000_000) -> Bool {
            conditions.allowsRanges(HTTPHeaders(value.map { [("If-Range", $0)] } ?? []), now: now)
        }
        #expect(allows(nil) && allows("\"v1\"") && allows(same))
        #expect(!allows("\"v2\"") && !allows("W/\"v1\"") && !allows(later) && !allows(earlier) && !allows("x"))
        // Within the second in which it was changed it may change once more.
        #expect(!allows(same, now: 784_111_778))
    }

    // The three forms of RFC 9110, 5.6.7.
    @Test func datesInAllForms() {
        for text in [same, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(HTTPDate.seconds(text) == 784_111_777)
        }
        #expect(HTTPDate.text(784_111_777) == same)
        #expect(HTTPDate.text(951_827_696) == "Tue, 29 Feb 2000 12:34:56 GMT")
        #expect(HTTPDate.text(-1) == "Wed, 31 Dec 1969 23:59:59 GMT")
        #expect(HTTPDate.text(.max) == nil)
        for text in ["", "now", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Now 1994 08:49:37 GMT"] {
            #expect(HTTPDate.seconds(text) == nil)
        }
    }
}
