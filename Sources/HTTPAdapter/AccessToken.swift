// The secret that requests show.

import Foundation

/// A token. It is never part of a message or log line.
public struct AccessToken: Sendable {
    /// What it takes: enough that nobody guesses it.
    public static let rule = "at least 16 of the characters A-Z a-z 0-9 - . _ ~"

    public let text: String

    /// nil when `text` is not what `rule` says: such characters need no escapes in URLs, headers and cookies.
    public init?(_ text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~".utf8.contains(byte)
            }
        }
        guard isPlain, (16...1024).contains(text.utf8.count) else { return nil }
        self.text = text
    }

    /// 192 bits of the system's randomness.
    public static func random() -> AccessToken {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<3).map { _ in generator.next() as UInt64 }
        let text = words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return AccessToken(unchecked: text.joined())
    }

    private init(unchecked text: String) { self.text = text }

    /// Whether `shown` is the token. How long that takes does not depend on how much of it is right.
    func matches(_ shown: String) -> Bool {
        let own = Array(text.utf8)
        let other = Array(shown.utf8.prefix(4096))
        var difference = own.count ^ other.count
        for i in own.indices { difference |= Int(own[i] ^ (i < other.count ? other[i] : 0)) }
        return difference == 0
    }
}

extension AccessToken: CustomStringConvertible {
    public var description: String { "a token" }
}
