// Where decoded events go: a decoder is fused with its sink, with no event array in between.

/// Takes events one by one or as vectors, in file order.
///
/// Coordinates are inside the geometry, `polarity` is 0 (off) or 1 (on) and `t` is in us after the time shift.
/// Implementations are structs with `@inlinable @inline(__always)` methods, so that they are compiled into the
/// decoder's loop.
public protocol EventSink {
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64)

    /// The events of one row, polarity and time, in the order of x: bit b of `mask` is an event at x = `baseX` + b.
    /// `mask` is never 0.
    mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64)

    /// How events become cells, for a sink that takes cells by the thousand; nil for one that takes events only.
    ///
    /// A sink that has a placement still gets some events one by one: where a stream starts or is damaged, of encodings
    /// without such a path, and where events are counted.
    var placement: CellPlacement? { get }

    /// Whether `take` looks at times.
    var needsTimes: Bool { get }

    /// Cells in file order, placed as `placement` says. Never called without one.
    mutating func take(_ cells: CellBatch)

    /// Counters of cells that may be counted up, to 255, instead of calling `take`; nil for other kernels.
    var counters: UnsafeMutableBufferPointer<UInt8>? { get }

    /// The plane in which events from `t` on, whose time rises, may be set instead of calling `take`; nil for other
    /// kernels, and where events since came before. `didSet` is called afterwards.
    mutating func latest(from t: Int64) -> LatestPlane?

    /// Events up to `t` were set in the plane.
    mutating func didSet(to t: Int64)
}

extension EventSink {
    @inlinable public var placement: CellPlacement? { nil }
    @inlinable public var needsTimes: Bool { true }
    @inlinable public mutating func take(_ cells: CellBatch) {}
    @inlinable public var counters: UnsafeMutableBufferPointer<UInt8>? { nil }
    @inlinable public mutating func latest(from t: Int64) -> LatestPlane? { nil }
    @inlinable public mutating func didSet(to t: Int64) {}

    @inlinable @inline(__always)
    public mutating func vector(baseX: Int, mask: UInt32, y: Int, polarity: Int, t: Int64) {
        var rest = mask
        while rest != 0 {
            event(x: baseX &+ rest.trailingZeroBitCount, y: y, polarity: polarity, t: t)
            rest &= rest &- 1
        }
    }
}

/// One CD event, for tests, encoders and other places where speed does not matter.
public struct Event: Hashable, Sendable {
    public var x: UInt16
    public var y: UInt16
    /// 0 (off) or 1 (on).
    public var polarity: UInt8
    /// Microseconds after the time shift.
    public var t: Int64

    public init(x: Int, y: Int, polarity: Int, t: Int64) {
        self.x = UInt16(x)
        self.y = UInt16(y)
        self.polarity = UInt8(polarity)
        self.t = t
    }
}
