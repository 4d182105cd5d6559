// Filters on a sensor of a certain size: the numbers that the kernels work with.

import CKernels

/// A chain of filters for recordings of one geometry.
public struct AppliedFilters: Hashable, Sendable {
    /// To be raised whenever other events stay.
    public static let version = 1

    public let chain: EventFilterChain
    /// The sensor's.
    public let sensor: Geometry
    /// When above 0, of each square of 2^sampling pixels only the one at half its sides stays, and the square becomes a
    /// pixel. This comes last.
    public let sampling: Int
    /// What events have afterwards.
    public let geometry: Geometry
    /// Of the list in `chain`.
    let hotPixels: HotPixelBits?

    /// nil when the region is not inside of the sensor, nothing is left by sampling, or the list of hot pixels was not
    /// read or is none for the sensor.
    public init?(_ chain: EventFilterChain, on sensor: Geometry, sampling: Int = 0) {
        guard (1...16384).contains(sensor.width), (1...16384).contains(sensor.height), (0...14).contains(sampling),
            let output = chain.output(of: sensor), output.width >> sampling > 0, output.height >> sampling > 0
        else { return nil }
        hotPixels = chain.hotPixels?.list?.bits(on: sensor)
        guard chain.hotPixels == nil || hotPixels != nil else { return nil }
        self.chain = chain
        self.sensor = sensor
        self.sampling = sampling
        geometry = Geometry(width: output.width >> sampling, height: output.height >> sampling)
    }

    public static func == (left: AppliedFilters, right: AppliedFilters) -> Bool {
        left.chain == right.chain && left.sensor == right.sensor && left.sampling == right.sampling
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(chain)
        hasher.combine(sensor)
        hasher.combine(sampling)
    }

    /// Whether no event is left out.
    public var keepsAll: Bool { chain.keepsAll && sampling == 0 }

    /// Bytes that reading through them takes.
    public var scratchBytes: Int {
        (chain.refractory == nil ? 0 : 16 * sensor.width * sensor.height)
            + (chain.noise == nil ? 0 : 8 * (sensor.width + 2) * (sensor.height + 2)) + FilterMemory.batchBytes
    }

    /// The cells of `geometry`, pixel by pixel, with rows of a power of two and the polarity in the upper bit.
    static func cells(of geometry: Geometry) -> CellPlacement {
        CellPlacement(
            width: geometry.width, height: geometry.height, shift: 0, columns: 1 << columnBits(geometry),
            on: CellPlacement.onBit)
    }

    static func columnBits(_ geometry: Geometry) -> Int {
        max(1, Int.bitWidth - (geometry.width - 1).leadingZeroBitCount)
    }

    /// From the sensor's cells to those of `placement`.
    func steps(to placement: CellPlacement) -> evh5_filter {
        let region =
            chain.region
            ?? EventFilterChain.Region(x: 0, y: 0, width: sensor.width, height: sensor.height)
        // What becomes of x and of y.
        let across = (limit: min(geometry.width, placement.width), step: 1)
        let down = (limit: min(geometry.height, placement.height), step: placement.columns)
        let (x, y) = chain.transposes ? (down, across) : (across, down)
        let side = { (start: Int, length: Int, flips: Bool) -> (flip: UInt32, add: UInt32) in
            // ~x is -1 - x.
            flips
                ? (.max, UInt32(truncatingIfNeeded: start + length)) : (0, UInt32(truncatingIfNeeded: -start))
        }
        let (moveX, moveY) = (
            side(region.x, region.width, chain.flipsX), side(region.y, region.height, chain.flipsY)
        )
        return evh5_filter(
            column_bits: UInt32(Self.columnBits(sensor)), polarity_mask: chain.polarity == nil ? 0 : 1 << 31,
            polarity: chain.polarity == 1 ? 1 << 31 : 0,
            x_flip: moveX.flip, x_add: moveX.add, x_limit: UInt32(clamping: x.limit << sampling),
            y_flip: moveY.flip, y_add: moveY.add, y_limit: UInt32(clamping: y.limit << sampling),
            sample_mask: UInt32(clamping: (1 << sampling) - 1), sample: UInt32(clamping: (1 << sampling) / 2),
            shift: UInt32(clamping: sampling + placement.shift), x_step: UInt32(clamping: x.step),
            y_step: UInt32(clamping: y.step), on: placement.on)
    }

    /// From the cells of `geometry`, as `cells(of:)` has them, to those of `placement`.
    func replacing(to placement: CellPlacement) -> evh5_filter {
        evh5_filter(
            column_bits: UInt32(Self.columnBits(geometry)), polarity_mask: 0, polarity: 0,
            x_flip: 0, x_add: 0, x_limit: UInt32(clamping: min(geometry.width, placement.width)),
            y_flip: 0, y_add: 0, y_limit: UInt32(clamping: min(geometry.height, placement.height)),
            sample_mask: 0, sample: 0, shift: UInt32(clamping: placement.shift), x_step: 1,
            y_step: UInt32(clamping: placement.columns), on: placement.on)
    }
}
