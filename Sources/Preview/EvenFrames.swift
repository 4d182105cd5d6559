// Which frames stand for all of a tensor.

/// Frames spread evenly.
package enum EvenFrames {
    /// So many of `total` frames, each in the middle of its part; all when there are no more.
    package static func numbers(_ count: Int, of total: Int) -> [Int] {
        guard count < total else { return Array(0..<total) }
        return (0..<count).map { Int((Double($0) + 0.5) * Double(total) / Double(count)) }
    }
}
