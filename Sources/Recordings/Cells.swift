// Events as cells of a frame: what the fast decoders hand to kernels, thousands at a time.

import CKernels

/// Where the events of a pixel go in a kernel's memory: cell (y >> shift) * columns + (x >> shift), plus `on` for on
/// events. Events at x >= width or y >= height have no cell.
public struct CellPlacement: Hashable, Sendable {
    public let width: Int
    public let height: Int
    public let shift: Int
    public let columns: Int
    /// What is added for on events: the distance of two planes, or a bit that no cell has.
    public let on: UInt32

    /// The bit that tells on events where both polarities share a channel.
    public static let onBit: UInt32 = 1 << 31

    /// Sides are at most 16384 and `shift` at most 14.
    public init(width: Int, height: Int, shift: Int, columns: Int, on: UInt32) {
        self.width = width
        self.height = height
        self.shift = shift
        self.columns = columns
        self.on = on
    }

    /// As C has it, and no larger than the recording's geometry.
    func limited(to geometry: Geometry) -> evh5_placement {
        evh5_placement(
            width: UInt32(clamping: min(width, geometry.width)), height: UInt32(clamping: min(height, geometry.height)),
            shift: UInt32(clamping: shift), columns: UInt32(clamping: columns), on: on)
    }
}

/// Where the times of the latest events go: a value for each cell of a placement, Float32 of ((t - t0) - start) /
/// duration, us.
public struct LatestPlane {
    /// None is greater than those of events to come.
    public let values: UnsafeMutableBufferPointer<Float>
    public let t0: Int64
    public let start: Double
    public let duration: Double
    /// us after `t0`; from there on events go elsewhere.
    public let end: Int64

    public init(
        values: UnsafeMutableBufferPointer<Float>, t0: Int64, start: Double = 0, duration: Double, end: Int64 = .max
    ) {
        self.values = values
        self.t0 = t0
        self.start = start
        self.duration = duration
        self.end = end
    }
}

/// Cells of events in file order. Valid during the call that passes it.
public struct CellBatch {
    public let cells: UnsafePointer<UInt32>
    /// us after `base`; nothing that means anything when the sink needs no times and all events are asked for.
    public let times: UnsafePointer<UInt32>
    public let count: Int
    /// us after the time shift.
    public let base: Int64

    @inlinable
    init(cells: UnsafePointer<UInt32>, times: UnsafePointer<UInt32>, count: Int, base: Int64) {
        self.cells = cells
        self.times = times
        self.count = count
        self.base = base
    }

    /// Adds 1 to the counter of every cell, up to 255.
    public func count(into counters: UnsafeMutablePointer<UInt8>) { evh5_count_cells(cells, count, counters) }

    /// As above, for the cells in `range`.
    public func count(_ range: Range<Int>, into counters: UnsafeMutablePointer<UInt8>) {
        evh5_count_cells(cells + range.lowerBound, range.count, counters)
    }

    /// Float32 of (t - t0) / duration for every cell, which need room for `count`.
    public func fractions(from t0: Int64, of duration: Double, into values: UnsafeMutablePointer<Float>) {
        evh5_time_fractions(times, count, base &- t0, duration, values)
    }

    /// The greatest time, us after the time shift; nil without cells.
    public var lastTime: Int64? {
        UnsafeBufferPointer(start: times, count: count).max().map { base &+ Int64($0) }
    }

    /// values[cell] = element for every cell, in order.
    public func set(_ elements: UnsafePointer<Float>, in values: UnsafeMutablePointer<Float>) {
        evh5_set_cells(cells, elements, count, values)
    }

    /// Adds `step` for on events and subtracts it for off events, which are told by `CellPlacement.onBit`; values stay
    /// in -1...1.
    public func add(_ step: Float, to values: UnsafeMutablePointer<Float>) {
        evh5_add_cells(cells, count, step, values)
    }

    /// Adds `left.weight` and `right.weight` to two planes for the cells in `range`, in double; values stay in -1...1.
    ///
    /// - Parameter isSigned: on events are told by `CellPlacement.onBit`, and off events subtract.
    public func share(
        _ range: Range<Int>, left: (weight: Double, values: UnsafeMutablePointer<Float>?),
        right: (weight: Double, values: UnsafeMutablePointer<Float>?), isSigned: Bool
    ) {
        evh5_share_cells(
            cells + range.lowerBound, range.count, count - range.lowerBound, left.weight, right.weight,
            isSigned ? 1 : 0,
            left.values, right.values)
    }

    /// The cells whose bit is 0 in `bits`, which has one for each cell, in memory of the caller with room for `count`.
    public func leavingOut(
        _ bits: UnsafePointer<UInt32>, in cells: UnsafeMutablePointer<UInt32>, _ times: UnsafeMutablePointer<UInt32>
    ) -> CellBatch {
        let kept = evh5_filter_pixels(bits, self.cells, self.times, count, cells, times)
        return CellBatch(cells: UnsafePointer(cells), times: UnsafePointer(times), count: kept, base: base)
    }

    /// Notes the times of the cells, us after `start` and within 0...length, among the `depth` greatest of each cell,
    /// which fall; 0 stands for none.
    ///
    /// - Parameters:
    ///   - newest: [cell][depth].
    ///   - full: has a bit for each cell, which becomes 1 once the cell has `depth` times.
    public func keepNewest(
        _ depth: Int, from start: Int64, length: UInt32, in newest: UnsafeMutablePointer<UInt32>,
        full: UnsafeMutablePointer<UInt32>
    ) {
        let (passed, overflow) = base.subtractingReportingOverflow(start)
        let nearest = overflow ? (base < start ? -Self.farthest : Self.farthest) : passed
        evh5_keep_newest(
            cells, times, count, max(-Self.farthest, min(Self.farthest, nearest)), length, depth, newest, full)
    }

    /// us; no sum with a time overflows.
    private static let farthest: Int64 = 1 << 60

    /// Keeps the cells with a time in `wanted`, us, in place; returns how many.
    static func within(
        _ wanted: Range<Int64>, _ cells: UnsafeMutablePointer<UInt32>, _ times: UnsafeMutablePointer<UInt32>,
        count: Int, base: Int64
    ) -> Int {
        let low = max(wanted.lowerBound, base)
        let length = min(wanted.upperBound, base &+ 1 &<< 32) &- low
        if length <= 0 { return 0 }
        guard length <= Int64(UInt32.max) else { return count }
        return evh5_cells_within(cells, times, count, UInt32(low &- base), UInt32(length))
    }

    /// No batch has more cells.
    public static let capacity = 4096
}

/// Which decoders run: those in Swift, or kernels for the vectors that a processor has. All give the same.
public enum KernelVariant: Int32, Sendable, CaseIterable {
    case plain = 0
    case sse4 = 1
    case avx2 = 2
    case neon = 3
    case avx512 = 4

    /// Whether this processor, and this build, has it.
    public var isAvailable: Bool { evh5_kernels_has(rawValue) != 0 }

    /// Those of this processor, the best one last.
    public static var available: [KernelVariant] { allCases.filter(\.isAvailable) }

    /// The best one of this processor.
    public static var best: KernelVariant { KernelVariant(rawValue: evh5_kernels_best()) ?? .plain }

    /// The one in use: the best, or the one that `EVH5_KERNELS` in the environment names (`plain`, `sse4`...). Tests
    /// set it, for their own thread; one that the processor does not have becomes the best one.
    public static var current: KernelVariant {
        get { KernelVariant(rawValue: evh5_kernels_current()) ?? .plain }
        set { evh5_kernels_use(newValue.rawValue) }
    }
}
