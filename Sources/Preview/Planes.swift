// A frame as what its colours are mixed of: a few planes of values that are not negative, as large as a cell.

/// Planes of one frame, each `reduction.rows` x `reduction.columns`.
package struct Planes {
    package let reduction: Reduction
    package var values: [[Float]]

    /// - Parameters:
    ///   - frame: (channels, height, width), row-major.
    ///   - cellWidth: of each plane's picture at most.
    package init(_ frame: [Float], channels: Int, height: Int, width: Int, coloring: Coloring, cellWidth: Int) {
        precondition(frame.count == channels * height * width)
        let reduction = Reduction(width: width, height: height, cellWidth: cellWidth)
        let empty = [Float](repeating: 0, count: reduction.rows * reduction.columns)
        let count: Int
        switch coloring {
        case .polarity, .halves, .signed, .gray: count = 2
        case .bins(let bins): count = bins
        case .tiles: count = 2 * channels
        }
        var values = [[Float]](repeating: empty, count: count)
        frame.withUnsafeBufferPointer { frame in
            for channel in 0..<channels {
                let plane = UnsafeBufferPointer(
                    rebasing: frame[channel * height * width..<(channel + 1) * height * width])
                switch coloring {
                case .polarity: reduction.add(plane, to: &values[channel % 2]) { abs($0) }
                case .halves: reduction.add(plane, to: &values[2 * channel / channels]) { abs($0) }
                case .bins(let bins): reduction.add(plane, to: &values[channel * bins / channels]) { abs($0) }
                case .signed, .gray:
                    reduction.add(plane, to: &values[0]) { max(-$0, 0) }
                    reduction.add(plane, to: &values[1]) { max($0, 0) }
                case .tiles:
                    reduction.add(plane, to: &values[2 * channel]) { max(-$0, 0) }
                    reduction.add(plane, to: &values[2 * channel + 1]) { max($0, 0) }
                }
            }
        }
        for plane in values.indices { reduction.divide(&values[plane]) }
        self.reduction = reduction
        self.values = values
    }
}
