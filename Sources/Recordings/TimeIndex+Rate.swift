// How many events a recording has when: from the index alone, or to the event where that is not fine enough.

extension TimeIndex {
    /// Events in equal parts of `times`, by the bookmarks: the events of a piece between two are taken to lie evenly
    /// between its earliest and its latest. The sum is that of all events in `times`, but for what pieces at the ends
    /// of `times` have outside.
    ///
    /// - Parameter bins: 1 or more.
    public func counts(bins: Int, in times: Range<Int64>) -> [Int64] {
        // Events before each part's end: sums are rounded, so that rounding does not add up.
        var shares = [Double](repeating: 0, count: bins)
        let (start, length) = (Double(times.lowerBound), max(1, Double(times.upperBound) - Double(times.lowerBound)))
        func place(_ t: Double) -> Double { (t - start) / length * Double(bins) }
        for i in candidates(times) {
            let segment = segments[i]
            guard segment.meets(times) else { continue }
            let count = Double(eventCount(ofSegment: i))
            // An event takes all of its microsecond.
            let (low, high) = (place(Double(segment.lowest)), place(Double(segment.highest) + 1))
            let first = max(0, Int(min(low, Double(bins))))
            let last = min(bins - 1, Int(max(0, high)))
            guard first <= last else { continue }
            for bin in first...last {
                let overlap = min(high, Double(bin + 1)) - max(low, Double(bin))
                if overlap > 0 { shares[bin] += count * overlap / (high - low) }
            }
        }
        var (sum, before) = (0.0, Int64(0))
        return shares.map { share in
            sum += share
            let whole = Int64(sum.rounded())
            defer { before = whole }
            return whole - before
        }
    }

    /// Whether pieces between bookmarks are so short that `counts` shows what happens within `bins` parts of `times`.
    public func isFine(bins: Int, in times: Range<Int64>) -> Bool { candidates(times).count >= 4 * bins }

    /// Bytes of the pieces that may hold events in `times`.
    public func bytes(in times: Range<Int64>) -> Int64 {
        let found = candidates(times)
        guard !found.isEmpty else { return 0 }
        return endOffset(ofSegment: found.upperBound - 1) - segments[found.lowerBound].offset
    }
}

extension EventReader {
    /// Events in equal parts of `times`, counted one by one.
    ///
    /// - Parameter bins: 1 or more.
    public func counts(bins: Int, in times: Range<Int64>) throws(RecordingError) -> [Int64] {
        var sink = RateSink(bins: bins, times: times)
        try events(in: times, into: &sink)
        return sink.counts
    }
}

/// Counts events by time.
struct RateSink: EventSink {
    private(set) var counts: [Int64]
    private let start: Int64
    private let scale: Double

    init(bins: Int, times: Range<Int64>) {
        counts = [Int64](repeating: 0, count: bins)
        start = times.lowerBound
        scale = Double(bins) / max(1, Double(times.upperBound) - Double(times.lowerBound))
    }

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) { add(1, t) }

    @inline(__always)
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        add(Int64(mask.nonzeroBitCount), t)
    }

    @inline(__always)
    private mutating func add(_ count: Int64, _ t: Int64) {
        let place = Int(Double(t &- start) * scale)
        if place >= 0, place < counts.count { counts[place] &+= count }
    }
}
