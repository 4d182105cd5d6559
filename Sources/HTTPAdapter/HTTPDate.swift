// Times as HTTP writes them (RFC 9110, 5.6.7).

import Foundation

package enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970; nil for years that do not have four digits.
    package static func text(_ seconds: Int64) -> String? {
        var time = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil, (0...8099).contains(parts.tm_year) else { return nil }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        let month = months[Int(parts.tm_mon)]
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(month) \(1900 + parts.tm_year) \(clock) GMT"
    }

    /// Seconds since 1970; nil for what is no date. The two older forms are understood too.
    package static func seconds(_ text: String) -> Int64? {
        let words = text.split { " ,-:".contains($0) }.map(String.init)
        // Sun, 06 Nov 1994 08:49:37 GMT; Sunday, 06-Nov-94 08:49:37 GMT; Sun Nov  6 08:49:37 1994
        let isShort = words.count == 7
        guard isShort || (words.count == 8 && words[7] == "GMT"), days.contains(String(words[0].prefix(3))),
            let month = months.firstIndex(of: words[isShort ? 1 : 2])
        else { return nil }
        let clock = isShort ? 3 : 4
        let numbers = [words[isShort ? 2 : 1], words[clock], words[clock + 1], words[clock + 2]].map { Int32($0) }
        guard let day = numbers[0], let hour = numbers[1], let minute = numbers[2], let second = numbers[3],
            (1...31).contains(day), (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second),
            var year = Int32(words[isShort ? 6 : 3]), (0...9999).contains(year)
        else { return nil }
        // Two digits: RFC 9110 has them mean the nearest past, and nobody writes such dates of other centuries.
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, Int32(month), day)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second)
        return Int64(timegm(&parts))
    }
}
