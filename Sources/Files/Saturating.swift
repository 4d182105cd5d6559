// Arithmetic on numbers that came from outside: file times, sizes, figures of the system. Swift's own ends the process
// when a result does not fit, and anybody can give a file a time or size at the edge of what 64 bits hold.

extension FixedWidthInteger {
    /// The sum, or the nearest number that there is.
    @inlinable
    public func saturating(adding other: Self) -> Self {
        let (sum, isBeyond) = addingReportingOverflow(other)
        return isBeyond ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the nearest number that there is.
    @inlinable
    public func saturating(subtracting other: Self) -> Self {
        let (difference, isBeyond) = subtractingReportingOverflow(other)
        return isBeyond ? (other < 0 ? .max : .min) : difference
    }

    /// The product, or the nearest number that there is.
    @inlinable
    public func saturating(multipliedBy other: Self) -> Self {
        let (product, isBeyond) = multipliedReportingOverflow(by: other)
        return isBeyond ? ((self < 0) == (other < 0) ? .max : .min) : product
    }
}
