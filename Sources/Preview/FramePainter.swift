// Single frames as pictures, drawn as the cells of a sheet are.

/// Draws frames of one tensor one at a time, all on the same scale.
package struct FramePainter: Sendable {
    private let painter: CellPainter

    /// - Parameters:
    ///   - channels: the numbers of those that are drawn, one or more.
    ///   - cellWidth: pixels that a picture is wide at most; nil for one of each element.
    /// - Throws: `.notApplicable` when the colours do not go with so many channels, `.tooLarge`.
    package init(
        channels: [Int], height: Int, width: Int, _ coloring: Coloring, cellWidth: Int?, _ palette: Palette
    ) throws(PreviewError) {
        try coloring.check(channels: channels.count)
        painter = CellPainter(
            channels: channels, height: height, width: width, coloring, cellWidth: cellWidth, palette)
        try Canvas.check(width: size.width, height: size.height)
    }

    /// Of a picture, pixels.
    package var size: (width: Int, height: Int) { painter.size }

    /// How tiles lie in a picture, row by row: so many in a row, each of so many pixels, with a gap between them; nil
    /// where channels are drawn as one.
    package var tiling: (columns: Int, width: Int, height: Int, gap: Int)? {
        painter.tiling.map { ($0.columns, $0.width, $0.height, CellPainter.tileGap) }
    }

    /// What is drawn of a frame: what a scale is found of.
    package func planes(_ frame: FrameElements) -> Planes {
        switch frame {
        case .float32(let frame): painter.planes(frame)
        case .uint8(let frame): painter.planes(frame)
        case .int8(let frame): painter.planes(frame)
        case .uint16(let frame): painter.planes(frame)
        }
    }

    /// The scale on which `evh5 preview` would draw these frames together.
    package func scale(of frames: [Planes], sigmas: Double) -> FrameScale {
        FrameScale(painter.scales(frames, sigmas: sigmas), isSigned: painter.hasNegatives(frames))
    }

    /// A frame in colours.
    ///
    /// - Parameter scale: that of this painter's planes.
    package func image(_ frame: FrameElements, on scale: FrameScale) -> PixelImage {
        let (scales, isSigned) = (scale.scales, scale.isSigned)
        return switch frame {
        case .float32(let frame): painter.image(frame, scales, signed: isSigned)
        case .uint8(let frame): painter.image(frame, scales, signed: isSigned)
        case .int8(let frame): painter.image(frame, scales, signed: isSigned)
        case .uint16(let frame): painter.image(frame, scales, signed: isSigned)
        }
    }

    /// As many scales as there are tiles, else one.
    package var scaleCount: Int { painter.coloring == .tiles ? painter.channels.count : 1 }
}

/// What colours stand for.
package struct FrameScale: Sendable {
    let scales: [ColorScale]
    /// Whether negative values have a colour of their own.
    package let isSigned: Bool

    init(_ scales: [ColorScale], isSigned: Bool) {
        self.scales = scales
        self.isSigned = isSigned
    }

    /// The same with chosen values of full colour, each more than 0; one is for all tiles.
    package func with(limits: [Float]) -> FrameScale {
        FrameScale(
            scales.indices.map { ColorScale(limit: limits[min($0, limits.count - 1)]) }, isSigned: isSigned)
    }

    /// The values of full colour: one, or one for each tile.
    package var limits: [Float] { scales.map(\.limit) }
    /// Whether some values are above.
    package var isClipped: Bool { scales.contains { $0.isClipped } }
}
