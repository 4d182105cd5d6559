// One frame in colours.

/// Pixels in rows from the top, each 0x00RRGGBB.
public struct PixelImage: Hashable, Sendable {
    public let width: Int
    public let height: Int
    public var pixels: [UInt32]

    package init(width: Int, height: Int, color: Color) {
        self.width = width
        self.height = height
        pixels = [UInt32](repeating: pixel(color), count: width * height)
    }

    /// Draws rows x columns pixels from `left`, `top` on, each as a block of `repeats` x `repeats`.
    ///
    /// - Parameter row: writes the pixels of the row whose first has this number into as many places.
    mutating func draw(
        _ reduction: Reduction, left: Int, top: Int, _ row: (Int, UnsafeMutableBufferPointer<UInt32>) -> Void
    ) {
        let (repeats, columns) = (reduction.repeats, reduction.columns)
        let width = width
        pixels.withUnsafeMutableBufferPointer { pixels in
            for number in 0..<reduction.rows {
                let start = (top + number * repeats) * width + left
                let line = UnsafeMutableBufferPointer(rebasing: pixels[start..<start + columns * repeats])
                row(number * columns, UnsafeMutableBufferPointer(rebasing: line[..<columns]))
                guard repeats > 1 else { continue }
                // From the end, where nothing is overwritten that is still to be copied.
                for x in stride(from: columns * repeats - 1, through: 0, by: -1) { line[x] = line[x / repeats] }
                for y in 1..<repeats {
                    for x in line.indices { pixels[start + y * width + x] = line[x] }
                }
            }
        }
    }
}

/// Draws frames of one tensor, all on the same scale.
struct CellPainter {
    /// The numbers of those that are drawn.
    let channels: [Int]
    let height: Int
    let width: Int
    let coloring: Coloring
    let cellWidth: Int
    let palette: Palette
    /// Pixels between tiles.
    static let tileGap = 2

    /// Tiles in a row of a cell.
    private var tileColumns: Int { Int(Double(channels.count).squareRoot().rounded(.up)) }

    init(_ tensor: SheetTensor, _ style: SheetStyle) {
        self.init(
            channels: Array(0..<tensor.channels), height: tensor.height, width: tensor.width, tensor.coloring,
            cellWidth: style.cellWidth, style.palette)
    }

    /// - Parameter cellWidth: pixels that a cell is wide at most; nil for one of each value.
    init(channels: [Int], height: Int, width: Int, _ coloring: Coloring, cellWidth: Int?, _ palette: Palette) {
        self.channels = channels
        self.height = height
        self.width = width
        self.coloring = coloring
        self.palette = palette
        let columns = coloring == .tiles ? Int(Double(channels.count).squareRoot().rounded(.up)) : 1
        self.cellWidth = cellWidth ?? columns * (width + Self.tileGap) - Self.tileGap
    }

    /// Pixels that one plane is wide at most.
    private var planeWidth: Int {
        coloring == .tiles ? max(1, (cellWidth - (tileColumns - 1) * Self.tileGap) / tileColumns) : cellWidth
    }

    /// Of a cell, pixels.
    var size: (width: Int, height: Int) {
        let one = Reduction(width: width, height: height, cellWidth: planeWidth)
        guard coloring == .tiles else { return (one.cellWidth, one.cellHeight) }
        let rows = (channels.count + tileColumns - 1) / tileColumns
        return (
            tileColumns * (one.cellWidth + Self.tileGap) - Self.tileGap,
            rows * (one.cellHeight + Self.tileGap) - Self.tileGap
        )
    }

    /// How tiles lie in a cell: so many in a row, each of so many pixels; nil where channels are drawn as one.
    var tiling: (columns: Int, width: Int, height: Int)? {
        guard coloring == .tiles else { return nil }
        let one = Reduction(width: width, height: height, cellWidth: planeWidth)
        return (tileColumns, one.cellWidth, one.cellHeight)
    }

    /// What `image` takes of a frame.
    func planes(_ frame: [Float]) -> Planes { frame.withUnsafeBufferPointer { planes($0) } }

    /// - Parameter frame: (C, height, width), with channels that are not drawn.
    func planes<Element: FrameElement>(_ frame: UnsafeBufferPointer<Element>) -> Planes {
        Planes(frame, chosen: channels, height: height, width: width, coloring: coloring, cellWidth: planeWidth)
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
            return channels.indices.map { tile in
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
        case .polarity, .halves, .signed: image.draw(reduction, left: 0, top: 0, row(values[0], values[1], scale, true))
        case .gray, .tiles: image.draw(reduction, left: 0, top: 0, row(values[0], values[1], scale, signed))
        case .bins(let bins):
            let total = total(planes)
            image.draw(reduction, left: 0, top: 0) { first, row in
                for x in row.indices { row[x] = pixel(color(first + x, values, total, scale, bins)) }
            }
        }
        return image
    }

    /// The colour of the mean bin at `place`.
    @inline(__always)
    private func color(_ place: Int, _ values: [[Float]], _ total: [Float], _ scale: ColorScale, _ bins: Int) -> Color {
        guard total[place] > 0, total[place].isFinite else { return palette.ground }
        var moment: Float = 0
        for bin in 1..<max(2, bins) where bin < bins { moment += values[bin][place] * Float(bin) }
        return palette.time(min(1, moment / (total[place] * Float(max(1, bins - 1)))), scale.share(total[place]))
    }

    /// Writes rows of pixels of two planes; of the second one only, unless values are signed.
    private func row(
        _ negative: [Float], _ positive: [Float], _ scale: ColorScale, _ signed: Bool
    ) -> (Int, UnsafeMutableBufferPointer<UInt32>) -> Void {
        { first, row in
            negative.withUnsafeBufferPointer { negative in
                positive.withUnsafeBufferPointer { positive in
                    let (off, on) = (negative[first..<first + row.count], positive[first..<first + row.count])
                    if signed {
                        palette.write(
                            off: UnsafeBufferPointer(rebasing: off), on: UnsafeBufferPointer(rebasing: on), scale,
                            into: row)
                    } else {
                        palette.write(plain: UnsafeBufferPointer(rebasing: on), scale, into: row)
                    }
                }
            }
        }
    }

    private func tiles(_ planes: Planes, _ scales: [ColorScale], signed: Bool) -> PixelImage {
        let reduction = planes.reduction
        let (across, down) = (reduction.cellWidth + Self.tileGap, reduction.cellHeight + Self.tileGap)
        var image = PixelImage(width: size.width, height: size.height, color: palette.sheet)
        for tile in channels.indices {
            image.draw(
                reduction, left: tile % tileColumns * across, top: tile / tileColumns * down,
                row(planes.values[2 * tile], planes.values[2 * tile + 1], scales[tile], signed))
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
