// Which bytes a request wants (RFC 9110, 14.2).

/// What a Range header says of a content of known size.
package enum ByteRanges: Sendable, Hashable {
    /// No ranges, or a header that nobody understands: all of it.
    case whole
    /// One or more, none empty, in the order asked for; those that touch or overlap have become one.
    case some([Range<Int64>])
    /// Nothing that is there, or so many that somebody means harm.
    case unsatisfiable

    private static let most = 64

    package init(_ header: String?, size: Int64) {
        guard let header, let specifications = ByteRanges.specifications(header) else {
            self = .whole
            return
        }
        var ranges: [Range<Int64>] = []
        for specification in specifications.prefix(ByteRanges.most + 1) {
            guard let range = specification.range(size) else { continue }
            // Only neighbours become one: clients tell ranges by their order.
            if let last = ranges.last, last.lowerBound <= range.upperBound, range.lowerBound <= last.upperBound {
                ranges[ranges.count - 1] =
                    min(last.lowerBound, range.lowerBound)..<max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
        // Together more than there is: somebody asks for the same bytes again and again.
        let total = ranges.reduce(Int64(0)) { $0.addingReportingOverflow(Int64($1.count)).partialValue }
        let isMuch = specifications.count > ByteRanges.most || total > size
        self = ranges.isEmpty || isMuch ? .unsatisfiable : .some(ranges)
    }

    private enum Specification {
        case from(Int64, through: Int64)
        case last(Int64)

        func range(_ size: Int64) -> Range<Int64>? {
            switch self {
            case .from(let first, let last): first < size ? first..<min(last, size - 1) + 1 : nil
            case .last(let count): count > 0 && size > 0 ? max(0, size - count)..<size : nil
            }
        }
    }

    /// nil when the unit is another one or anything is malformed: then the header does not count.
    private static func specifications(_ header: String) -> [Specification]? {
        guard header.lowercased().hasPrefix("bytes=") else { return nil }
        var specifications: [Specification] = []
        for part in header.dropFirst(6).split(separator: ",", omittingEmptySubsequences: false) {
            let text = part.filter { $0 != " " && $0 != "\t" }
            if text.isEmpty { continue }
            let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
            guard bounds.count == 2, bounds.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
                return nil
            }
            switch (bounds[0].isEmpty, bounds[1].isEmpty) {
            case (true, true): return nil
            case (true, false): specifications.append(.last(number(bounds[1])))
            case (false, true): specifications.append(.from(number(bounds[0]), through: .max - 1))
            case (false, false):
                let (first, last) = (number(bounds[0]), number(bounds[1]))
                guard first <= last else { return nil }
                specifications.append(.from(first, through: last))
            }
        }
        return specifications.isEmpty ? nil : specifications
    }

    /// A number that is too large is as good as the largest.
    private static func number(_ digits: String) -> Int64 { min(Int64(digits) ?? .max, .max - 1) }
}
