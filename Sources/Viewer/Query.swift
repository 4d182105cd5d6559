// A call's parameters: texts from outside, of which none is believed.

/// The parameters of one call.
struct Query {
    private let call: String
    private let values: [String: String]
    private static let longest = 8192

    /// - Parameter known: what the call takes.
    /// - Throws: `.badQuery` naming what is not known, too long or no text.
    init(_ call: String, _ values: [String: String], known: [String]) throws(ViewerError) {
        for (name, value) in values {
            guard known.contains(name) else {
                let list = known.isEmpty ? "it takes none" : "it takes \(known.joined(separator: ", "))"
                throw ViewerError(.badQuery, "\(call) has no parameter '\(name.prefix(40))'; \(list)")
            }
            guard value.utf8.count <= Self.longest, !value.utf8.contains(0) else {
                throw ViewerError(.badQuery, "\(name) is too long, or holds a zero")
            }
        }
        (self.call, self.values) = (call, values)
    }

    /// nil for one that is not given, or empty.
    func optional(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    func text(_ name: String) throws(ViewerError) -> String {
        guard let text = optional(name) else { throw ViewerError(.badQuery, "\(call) needs \(name)=") }
        return text
    }

    /// A whole number within `range`; `other` when it is not given.
    func integer<I: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<I>, or other: I?
    ) throws(ViewerError) -> I {
        guard let text = optional(name) else {
            if let other { return other }
            throw ViewerError(.badQuery, "\(call) needs \(name)=")
        }
        guard let value = I(text), range.contains(value) else {
            throw ViewerError(
                .badQuery,
                "\(name)=\(text.prefix(40)): \(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A time in us.
    func time(_ name: String, or other: Int64?) throws(ViewerError) -> Int64 {
        try integer(name, in: -(1 << 50)...1 << 50, or: other)
    }

    func flag(_ name: String) throws(ViewerError) -> Bool {
        switch optional(name) {
        case nil, "0", "false": false
        case "1", "true": true
        case let text?: throw ViewerError(.badQuery, "\(name)=\(text.prefix(40)): \(name) is 0 or 1")
        }
    }

    /// One of some texts.
    func choice<C: RawRepresentable & CaseIterable>(
        _ name: String, or other: C
    ) throws(ViewerError) -> C where C.RawValue == String {
        guard let text = optional(name) else { return other }
        guard let choice = C(rawValue: text) else {
            let list = C.allCases.map(\.rawValue).joined(separator: ", ")
            throw ViewerError(.badQuery, "\(name)=\(text.prefix(40)): \(name) is one of \(list)")
        }
        return choice
    }
}
