// One frame in colours.

/// Pixels in rows from the top, each 0x00RRGGBB.
public struct PixelImage: Hashable, Sendable {
    public let width: Int
    public let height: Int
    public var pixels: [UInt32]

    init(width: Int, height: Int, color: Color) {
        self.width = width
        self.height = height
        pixels = [UInt32](repeating: pixel(color), count: width * height)
    }

    /// Draws rows x columns colours from `left`, `top` on, each as a block of `repeats` x `repeats` pixels.
    mutating func draw(_ reduction: Reduction, left: Int, top: Int, _ color: (Int) -> Color) {
        let repeats = reduction.repeats
        for row in 0..<reduction.rows {
            for column in 0..<reduction.columns {
                let value = pixel(color(row * reduction.columns + column))
                for y in 0..<repeats {
                    let start = (top + row * repeats + y) * width + left + column * repeats
                    for x in start..<start + repeats { pixels[x] = value }
                }
            }
        }
    }
}

/// Draws frames of one tensor, all on the same scale.
struct CellPainter {
    let channels: Int
    let height: Int
    let width: Int
    let coloring: Coloring
    let cellWidth: Int
    let palette: Palette
    /// Pixels between tiles.
    static let tileGap = 2

    /// Tiles in a row of a cell.
    private var tileColumns: Int { Int(Double(channels).squareRoot().rounded(.up)) }

    init(_ tensor: SheetTensor, _ style: SheetStyle) {
        channels = tensor.channels
        height = tensor.height
        width = tensor.width
        coloring = tensor.coloring
        cellWidth = style.cellWidth
        palette = style.palette
    }

    /// Pixels that one plane is wide at most.
    private var planeWidth: Int {
        coloring == .tiles ? max(1, (cellWidth - (tileColumns - 1) * Self.tileGap) / tileColumns) : cellWidth
    }

    /// Of a cell, pixels.
    var size: (width: Int, height: Int) {
        let one = Reduction(width: width, height: height, cellWidth: planeWidth)
        guard coloring == .tiles else { return (one.cellWidth, one.cellHeight) }
        let rows = (channels + tileColumns - 1) / tileColumns
        return (
            tileColumns * (one.cellWidth + Self.tileGap) - Self.tileGap,
            rows * (one.cellHeight + Self.tileGap) - Self.tileGap
        )
    }

    /// What `image` takes of a frame.
    func planes(_ frame: [Float]) -> Planes {
        Planes(frame, channels: channels, height: height, width: width, coloring: coloring, cellWidth: planeWidth)
    }

    /// Whether negative values are among them.
    func hasNegatives(_ frames: [Planes]) -> Bool {
        switch coloring {
        case .polarity, .halves, .bins: false
        case .signed: true
        case .gray, .tiles:
            frames.contains { planes in
                stride(from: 0, to: planes.values.count, by: 2).contains { planes.values[$0].contains { $0 > 0 } }
            }
        }
    }

    /// One scale for all frames, or one for each tile.
    func scales(_ frames: [Planes], sigmas: Double) -> [ColorScale] {
        switch coloring {
        case .polarity, .halves, .signed, .gray: return [ColorScale(frames.flatMap(\.values), sigmas: sigmas)]
        case .bins: return [ColorScale(frames.map(total), sigmas: sigmas)]
        case .tiles:
            return (0..<channels).map { tile in
                ColorScale(frames.flatMap { $0.values[2 * tile...2 * tile + 1] }, sigmas: sigmas)
            }
        }
    }

    func image(_ planes: Planes, _ scales: [ColorScale], signed: Bool) -> PixelImage {
        let reduction = planes.reduction
        let values = planes.values
        let scale = scales[0]
        if coloring == .tiles { return tiles(planes, scales, signed: signed) }
        var image = PixelImage(width: reduction.cellWidth, height: reduction.cellHeight, color: palette.ground)
        switch coloring {
        case .polarity, .halves, .signed:
            image.draw(reduction, left: 0, top: 0) {
                palette.polarity(off: scale.share(values[0][$0]), on: scale.share(values[1][$0]))
            }
        case .gray, .tiles:
            image.draw(reduction, left: 0, top: 0) { color(values[0][$0], values[1][$0], scale, signed) }
        case .bins(let bins):
            let total = total(planes)
            image.draw(reduction, left: 0, top: 0) { place in
                guard total[place] > 0, total[place].isFinite else { return palette.ground }
                var moment: Float = 0
                for bin in 1..<max(2, bins) where bin < bins { moment += values[bin][place] * Float(bin) }
                return palette.time(
                    min(1, moment / (total[place] * Float(max(1, bins - 1)))), scale.share(total[place]))
            }
        }
        return image
    }

    @inline(__always)
    private func color(_ negative: Float, _ positive: Float, _ scale: ColorScale, _ signed: Bool) -> Color {
        signed
            ? palette.polarity(off: scale.share(negative), on: scale.share(positive))
            : palette.plain(scale.share(positive))
    }

    private func tiles(_ planes: Planes, _ scales: [ColorScale], signed: Bool) -> PixelImage {
        let reduction = planes.reduction
        let (across, down) = (reduction.cellWidth + Self.tileGap, reduction.cellHeight + Self.tileGap)
        var image = PixelImage(width: size.width, height: size.height, color: palette.sheet)
        for tile in 0..<channels {
            let (negative, positive) = (planes.values[2 * tile], planes.values[2 * tile + 1])
            image.draw(reduction, left: tile % tileColumns * across, top: tile / tileColumns * down) {
                color(negative[$0], positive[$0], scales[tile], signed)
            }
        }
        return image
    }

    /// The bins added up.
    private func total(_ planes: Planes) -> [Float] {
        var sum = planes.values[0]
        for plane in planes.values.dropFirst() { for place in sum.indices { sum[place] += plane[place] } }
        return sum
    }
}
