// From values to brightness: which value is the brightest.

/// What full colour stands for.
package struct ColorScale: Hashable {
    /// Values from here on have full colour; more than 0.
    package let limit: Float
    /// Whether some are above it.
    package let isClipped: Bool

    /// - Parameters:
    ///   - groups: values that are not negative.
    ///   - sigmas: full colour is the mean and so many standard deviations of the values that are not 0, if the largest
    ///     is
    ///     more; with 0 it is the largest. So a few hot pixels do not darken all others.
    package init(_ groups: [[Float]], sigmas: Double) {
        var (count, sum, largest) = (0.0, 0.0, Float(0))
        for group in groups {
            for value in group where value > 0 && value.isFinite {
                count += 1
                sum += Double(value)
                largest = max(largest, value)
            }
        }
        let mean = count > 0 ? sum / count : 0
        var squares = 0.0
        for group in groups {
            for value in group where value > 0 && value.isFinite {
                let distance = Double(value) - mean
                squares += distance * distance
            }
        }
        guard count > 0 else {
            (limit, isClipped) = (1, false)
            return
        }
        let bound = Float(mean + sigmas * (squares / count).squareRoot())
        isClipped = sigmas > 0 && bound < largest
        limit = isClipped ? bound : largest
    }

    /// A scale that was chosen.
    init(limit: Float) { (self.limit, isClipped) = (limit, false) }

    /// 0 to 1.
    @inline(__always)
    package func share(_ value: Float) -> Float {
        let share = value / limit
        return share < 1 ? share : 1
    }
}
