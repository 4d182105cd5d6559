// How many events a range of times can have, told without decoding.

extension EventReader {
    /// No fewer events than have a time in `times`: all those of the segments that may hold one.
    public func mostEvents(in times: Range<Int64>) -> Int64 {
        index.candidates(times).reduce(0) { $0 &+ index.eventCount(ofSegment: $1) }
    }
}
