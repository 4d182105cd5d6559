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
    /// - Parameter row: writes the pixels of the row of this number.
    mutating func draw(
        _ reduction: Reduction, left: Int, top: Int, _ row: (Int, UnsafeMutableBufferPointer<UInt32>) -> Void
    ) {
        let (repeats, columns) = (reduction.repeats, reduction.columns)
        let width = width
        pixels.withUnsafeMutableBufferPointer { pixels in
            for number in 0..<reduction.rows {
                let start = (top + number * repeats) * width + left
                let line = UnsafeMutableBufferPointer(rebasing: pixels[start..<start + columns * repeats])
                row(number, UnsafeMutableBufferPointer(rebasing: line[..<columns]))
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

    private var reduction: Reduction { Reduction(width: width, height: height, cellWidth: planeWidth) }

    /// What `image` takes of a frame.
    func planes(_ frame: [Float]) -> Planes { frame.withUnsafeBufferPointer { planes($0) } }

    /// - Parameter frame: (C, height, width), with channels that are not drawn.
    func planes<Element: FrameElement>(_ frame: UnsafeBufferPointer<Element>) -> Planes {
        Planes(frame, coloring.planes(of: channels), reduction)
    }

    /// The image that `planes` gives.
    func image<Element: FrameElement>(
        _ frame: UnsafeBufferPointer<Element>, _ scales: [ColorScale], signed: Bool
    ) -> PixelImage {
        let reduction = reduction
        guard reduction.factor == 1 else { return image(planes(frame), scales, signed: signed) }
        precondition(channels.allSatisfy { $0 >= 0 && ($0 + 1) * height * width <= frame.count })
        let rows = FrameRows(frame: frame, sources: coloring.planes(of: channels), reduction: reduction)
        return image(rows, scales, signed: signed)
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

    func image(_ planes: some PlaneRows, _ scales: [ColorScale], signed: Bool) -> PixelImage {
        let reduction = planes.reduction
        let columns = reduction.columns
        let isTiled = coloring == .tiles
        var image = PixelImage(
            width: isTiled ? size.width : reduction.cellWidth, height: isTiled ? size.height : reduction.cellHeight,
            color: isTiled ? palette.sheet : palette.ground)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * columns) { room in
            room.initialize(repeating: 0)
            let (one, other, third) = (
                UnsafeMutableBufferPointer(rebasing: room[..<columns]),
                UnsafeMutableBufferPointer(rebasing: room[columns..<2 * columns]),
                UnsafeMutableBufferPointer(rebasing: room[(2 * columns)...])
            )
            func draw(_ first: Int, _ scale: ColorScale, signed: Bool, left: Int, top: Int) {
                image.draw(reduction, left: left, top: top) { row, target in
                    planes.copy(first + 1, row: row, into: other)
                    guard signed else { return palette.write(plain: other, scale, into: target) }
                    planes.copy(first, row: row, into: one)
                    palette.write(off: one, on: other, scale, into: target)
                }
            }
            switch coloring {
            case .polarity, .halves, .signed: draw(0, scales[0], signed: true, left: 0, top: 0)
            case .gray: draw(0, scales[0], signed: signed, left: 0, top: 0)
            case .tiles:
                let (across, down) = (reduction.cellWidth + Self.tileGap, reduction.cellHeight + Self.tileGap)
                for tile in channels.indices {
                    draw(
                        2 * tile, scales[tile], signed: signed, left: tile % tileColumns * across,
                        top: tile / tileColumns * down)
                }
            case .bins(let bins):
                image.draw(reduction, left: 0, top: 0) { row, target in
                    let (total, moment) = (one, other)
                    total.update(repeating: 0)
                    moment.update(repeating: 0)
                    for bin in 0..<bins {
                        planes.copy(bin, row: row, into: third)
                        for x in 0..<columns {
                            total[x] += third[x]
                            moment[x] += third[x] * Float(bin)
                        }
                    }
                    palette.write(total, moment: moment, bins: bins, scales[0], into: target)
                }
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
