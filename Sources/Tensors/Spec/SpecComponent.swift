// The grammar that both path components of a tensor share: `head,key=value,key=value`.

/// A path component taken apart; nothing is interpreted yet.
package struct SpecComponent {
    package let head: String
    private var values: [String: String] = [:]
    private let code: TensorError.Code

    /// - Parameter headWithValue: a head that has a value itself, as in `between=trigger0`.
    /// - Throws: `code` when `text` is no such component: not printable ASCII, longer than a file name may be (255
    ///   bytes), an empty head, key or value, an item without `=` that is no flag, or a key twice. A flag's value is
    ///   `true`.
    package init(_ text: String, code: TensorError.Code, headWithValue: String? = nil) throws(TensorError) {
        self.code = code
        guard text.utf8.count <= 255, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") })
        else {
            throw TensorError(
                code, "a component of a tensor's path is at most 255 printable ASCII characters without spaces")
        }
        let items = text.split(separator: ",", omittingEmptySubsequences: false)
        head = String(items[0])
        let sides = head.split(separator: "=", omittingEmptySubsequences: false)
        let hasValue = sides.count == 2 && !sides[1].isEmpty && headWithValue.map { $0 == sides[0] } ?? false
        if head.isEmpty || sides.count > 1 && !hasValue {
            throw TensorError(code, "\"\(text)\" does not start with a name or a window")
        }
        for item in items.dropFirst() {
            var sides = item.split(separator: "=", omittingEmptySubsequences: false)
            if sides.count == 1, Self.flags.contains(String(item)) { sides.append("true") }
            guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
                throw TensorError(code, "\"\(item)\" in \"\(text)\" is not of the form key=value")
            }
            guard values.updateValue(String(sides[1]), forKey: String(sides[0])) == nil else {
                throw TensorError(code, "\(sides[0]) is given twice in \"\(text)\"; give it once")
            }
        }
    }

    /// Removes and returns the value of `key`; nil when it was not given.
    package mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

    /// Removes and returns the value of `key` as a time, us; nil when it was not given.
    package mutating func takeTime(_ key: String, from lowest: Int64) throws(TensorError) -> Int64? {
        guard let text = take(key) else { return nil }
        guard let time = TimeText.microseconds(text), time >= lowest else {
            throw TensorError(
                code,
                "\(key)=\(text): \(key) is a whole number of us from \(lowest) to \(TimeText.largest), such as 250ms or 0.25s"
            )
        }
        return time
    }

    /// Removes and returns the value of `key` as one of a few; nil when it was not given.
    mutating func takeChoice<C: RawRepresentable<String> & CaseIterable>(_ key: String) throws(TensorError) -> C? {
        guard let text = take(key) else { return nil }
        guard let choice = C(rawValue: text) else {
            let choices = C.allCases.map(\.rawValue).joined(separator: ", ")
            throw TensorError(code, "\(key)=\(text) is none of \(choices)")
        }
        return choice
    }

    /// The first key, in order of the alphabet, that nobody took.
    package var unknownKey: String? { values.keys.min() }
}
