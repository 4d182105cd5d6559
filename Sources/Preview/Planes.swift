// A frame as what its colours are mixed of: a few planes of values that are not negative, as large as a cell.

/// Planes of one frame, each `reduction.rows` x `reduction.columns`.
package struct Planes {
    package let reduction: Reduction
    package var values: [[Float]]

    /// - Parameters:
    ///   - frame: (channels, height, width), row-major.
    ///   - cellWidth: of each plane's picture at most.
    package init(_ frame: [Float], channels: Int, height: Int, width: Int, coloring: Coloring, cellWidth: Int) {
        self = frame.withUnsafeBufferPointer { frame in
            Planes(
                frame, chosen: Array(0..<channels), height: height, width: width, coloring: coloring,
                cellWidth: cellWidth)
        }
    }

    /// The same of the channels `chosen`, as if there were no others.
    init<Element: FrameElement>(
        _ frame: UnsafeBufferPointer<Element>, chosen: [Int], height: Int, width: Int, coloring: Coloring,
        cellWidth: Int
    ) {
        precondition(chosen.allSatisfy { $0 >= 0 && ($0 + 1) * height * width <= frame.count })
        let reduction = Reduction(width: width, height: height, cellWidth: cellWidth)
        let channels = chosen.count
        let empty = [Float](repeating: 0, count: reduction.rows * reduction.columns)
        let count: Int
        switch coloring {
        case .polarity, .halves, .signed, .gray: count = 2
        case .bins(let bins): count = bins
        case .tiles: count = 2 * channels
        }
        var values = [[Float]](repeating: empty, count: count)
        for (channel, number) in chosen.enumerated() {
            let plane = UnsafeBufferPointer(rebasing: frame[number * height * width..<(number + 1) * height * width])
            switch coloring {
            case .polarity: reduction.add(plane, to: &values[channel % 2]) { abs($0) }
            case .halves: reduction.add(plane, to: &values[2 * channel / channels]) { abs($0) }
            case .bins(let bins): reduction.add(plane, to: &values[channel * bins / channels]) { abs($0) }
            case .signed, .gray:
                reduction.add(plane, to: &values[0]) { $0 < 0 ? -$0 : 0 }
                reduction.add(plane, to: &values[1]) { $0 > 0 ? $0 : 0 }
            case .tiles:
                reduction.add(plane, to: &values[2 * channel]) { $0 < 0 ? -$0 : 0 }
                reduction.add(plane, to: &values[2 * channel + 1]) { $0 > 0 ? $0 : 0 }
            }
        }
        for plane in values.indices { reduction.divide(&values[plane]) }
        self.reduction = reduction
        self.values = values
    }
}
