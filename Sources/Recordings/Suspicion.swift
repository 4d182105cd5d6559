// Recordings whose words make no sense: what the totals of a time index tell of them.

extension TimeIndex {
    /// Fewer events or words than this say nothing.
    private static let few: Int64 = 100
    /// Of the events or words, how many may be dropped before that is worth a line: 3 %.
    private static let share: Int64 = 33

    /// Why the recording may be no recording of this encoding or geometry; sentences for people, empty when all is
    /// well.
    ///
    /// Words without events (triggers, monitoring, padding) are neither good nor bad.
    public var suspicions: [String] {
        var found: [String] = []
        let lost = drops.outsideGeometry + drops.beforeTimeHigh + drops.withoutAddress
        if lost > Self.few / 10, lost > (eventCount + lost) / Self.share {
            let kinds = [
                (drops.outsideGeometry, "outside \(identity.geometry)"),
                (drops.beforeTimeHigh, "before the first time high"), (drops.withoutAddress, "without an address"),
            ]
            let why = kinds.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            found.append("\(lost) of \(eventCount + lost) events were dropped (\(why))")
        }
        if drops.unknownWords > Self.few / 10, drops.unknownWords > wordCount / Self.share {
            found.append("\(drops.unknownWords) of \(wordCount) words are none of \(format.displayName)")
        }
        if eventCount > Self.few, lowestTime == highestTime {
            found.append("all \(eventCount) events are at one time, \(lowestTime) us")
        }
        let others = otherWords
        if eventCount == 0, wordCount - others > Self.few, others < wordCount - others {
            found.append("there is no event in \(wordCount) words")
        }
        return found
    }

    /// One line that names the encoding and geometry to doubt; nil when all is well.
    public var warning: String? {
        let found = suspicions
        return found.isEmpty
            ? nil
            : "\(found.joined(separator: "; ")): are they \(format.displayName) of \(identity.geometry)?"
    }

    /// Words between the header and the end, of whatever kind.
    public var wordCount: Int64 {
        guard let first = segments.first else { return 0 }
        return max(0, end.offset - first.offset) / Int64(format.wordSize)
    }
}
