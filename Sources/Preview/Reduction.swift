// From a frame's size to a cell's: blocks of pixels become one, by their mean, or one pixel a block.

/// How a plane of `width` x `height` values fits into a cell.
package struct Reduction: Hashable {
    let width: Int
    let height: Int
    /// A pixel of the cell is the mean of so many by so many values, or fewer at the right and lower edge.
    package let factor: Int
    /// A value takes so many by so many pixels of the cell; 1 when `factor` is not.
    let repeats: Int

    /// The largest that is at most `cellWidth` wide. All numbers are 1 or more.
    init(width: Int, height: Int, cellWidth: Int) {
        self.width = width
        self.height = height
        factor = (width + cellWidth - 1) / cellWidth
        repeats = max(1, cellWidth / width)
    }

    /// Of the plane that is left.
    package var columns: Int { (width + factor - 1) / factor }
    package var rows: Int { (height + factor - 1) / factor }
    /// Of the cell.
    var cellWidth: Int { columns * repeats }
    var cellHeight: Int { rows * repeats }

    /// Adds the values that `part` makes of `plane` to the blocks' `sums`.
    @inline(__always)
    func add<Element: FrameElement>(
        _ plane: UnsafeBufferPointer<Element>, to sums: inout [Float], _ part: (Float) -> Float
    ) {
        sums.withUnsafeMutableBufferPointer { sums in
            guard factor > 1 else {
                // A loop that the compiler makes vectors of: frames at full size are played.
                for place in 0..<min(sums.count, plane.count) { sums[place] += part(plane[place].drawn) }
                return
            }
            var source = 0
            for y in 0..<height {
                var target = y / factor * columns
                var left = factor
                for _ in 0..<width {
                    sums[target] += part(plane[source].drawn)
                    source += 1
                    left -= 1
                    if left == 0 {
                        target += 1
                        left = factor
                    }
                }
            }
        }
    }

    /// Divides sums by how many values they are of.
    func divide(_ sums: inout [Float]) {
        guard factor > 1 else { return }
        for row in 0..<rows {
            let high = min(factor, height - row * factor)
            for column in 0..<columns {
                sums[row * columns + column] /= Float(high * min(factor, width - column * factor))
            }
        }
    }
}
