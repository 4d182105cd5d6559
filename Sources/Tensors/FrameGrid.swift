// The cells of a frame and which pixels of the sensor each of them covers.

import Recordings

/// A frame's rows and columns: the sensor's geometry divided by a power of two.
///
/// Cell (row, column) covers the pixels with y >> shift == row and x >> shift == column. Rows and columns of pixels at
/// the lower and right edge that fill no whole cell (where the power of two does not divide a side) are left out,
/// events and all.
public struct FrameGrid: Hashable, Sendable {
    public let geometry: Geometry
    /// The power of two; at most 14.
    public let shift: Int
    /// Columns, `geometry.width >> shift`.
    public let width: Int
    /// Rows, `geometry.height >> shift`.
    public let height: Int
    /// Cells of one channel.
    public var cells: Int { width * height }

    /// nil when a side has no whole cell, or `shift` is not in 0...14.
    public init?(geometry: Geometry, shift: Int) {
        guard (0...14).contains(shift), geometry.width >> shift > 0, geometry.height >> shift > 0 else { return nil }
        self.geometry = geometry
        self.shift = shift
        width = geometry.width >> shift
        height = geometry.height >> shift
    }
}

/// Turns coordinates into indices of cells inside kernels; copied into each sink.
struct CellIndex {
    let shift: Int
    let width: Int
    private let pixelWidth: UInt
    private let pixelHeight: UInt

    init(_ grid: FrameGrid) {
        shift = grid.shift
        width = grid.width
        pixelWidth = UInt(grid.width << grid.shift)
        pixelHeight = UInt(grid.height << grid.shift)
    }

    /// The index of the pixel's cell within a channel; negative when no whole cell covers the pixel.
    @inline(__always)
    func callAsFunction(_ x: Int, _ y: Int) -> Int {
        guard UInt(bitPattern: x) < pixelWidth, UInt(bitPattern: y) < pixelHeight else { return -1 }
        return (y &>> shift) &* width &+ (x &>> shift)
    }
}

/// `distance` for on events, 0 for off ones. Without a branch: polarities come in no order that a processor could
/// guess.
@inline(__always)
func offset(ofPolarity polarity: Int, _ distance: Int) -> Int {
    distance & (0 &- polarity)
}

extension CellPlacement {
    /// The cells of one channel, row by row.
    init(_ grid: FrameGrid, on: UInt32) {
        self.init(
            width: grid.width << grid.shift, height: grid.height << grid.shift, shift: grid.shift, columns: grid.width,
            on: on)
    }

    /// The cells of two channels, off and on.
    init(_ grid: FrameGrid) { self.init(grid, on: UInt32(grid.cells)) }
}
