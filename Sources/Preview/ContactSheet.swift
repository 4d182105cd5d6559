// A contact sheet: blocks below each other, each with a heading, a legend, and cells with their times.

/// A finished picture.
public struct ContactSheet: Sendable {
    /// Where something is in the picture; pixels from the upper left corner.
    public struct Rectangle: Hashable, Sendable, Codable {
        public let x, y, width, height: Int
    }

    public let width: Int
    public let height: Int
    /// Of every block, where its cells are.
    public let cells: [[Rectangle]]
    /// The picture.
    public let png: [UInt8]

    private static let margin = 20
    private static let gap = 8
    private static let labelHeight = 18
    private static let blockGap = 26
    private static let lineHeight = 16
    private static let title = Canvas.Font(size: 15, isBold: true)
    private static let body = Canvas.Font(size: 12)
    private static let small = Canvas.Font(size: 11)
    /// Narrower sheets have no room for heading and legend beside each other.
    private static let narrow = 2 * Legend.barWidth + 120
    /// A heading needs this, however narrow the cells are.
    private static let narrowest = Legend.barWidth + 60

    /// Draws `blocks` below each other.
    ///
    /// - Throws: `PreviewError`.
    public init(_ blocks: [SheetBlock], _ style: SheetStyle) throws(PreviewError) {
        let legends = blocks.map { Legend($0, style.palette, sigmas: style.sigmas) }
        var content = Self.narrowest
        for block in blocks { content = max(content, Self.width(block, style)) }
        let isNarrow = content < Self.narrow
        // First where everything is, then the drawing.
        var y = Self.margin
        var heads: [Int] = []
        var cells: [[Rectangle]] = []
        for block in blocks {
            heads.append(y)
            y += Self.headHeight(block, isNarrow: isNarrow)
            var places: [Rectangle] = []
            let columns = Self.columns(block, style)
            for (index, cell) in block.cells.enumerated() {
                let place = Rectangle(
                    x: Self.margin + index % columns * (cell.width + Self.gap),
                    y: y + index / columns * (cell.height + Self.labelHeight + Self.gap), width: cell.width,
                    height: cell.height)
                places.append(place)
            }
            if let last = places.last { y = last.y + last.height + Self.labelHeight }
            y += Self.blockGap
            cells.append(places)
        }
        let canvas = try Canvas(
            width: content + 2 * Self.margin, height: y - Self.blockGap + Self.margin, color: style.palette.sheet)
        for index in blocks.indices {
            Self.drawHead(
                blocks[index], legends[index], y: heads[index], isNarrow: isNarrow, on: canvas, style.palette)
            for (cell, place) in cells[index].enumerated() {
                canvas.draw(blocks[index].cells[cell], x: place.x, y: place.y)
                Self.drawLabel(blocks[index].tensor.labels[cell], below: place, on: canvas, style.palette)
            }
        }
        width = canvas.width
        height = canvas.height
        self.cells = cells
        png = try canvas.png()
    }

    private static func columns(_ block: SheetBlock, _ style: SheetStyle) -> Int {
        max(1, min(style.columns, block.cells.count))
    }

    private static func width(_ block: SheetBlock, _ style: SheetStyle) -> Int {
        let columns = columns(block, style)
        return columns * ((block.cells.first?.width ?? 0) + gap) - gap
    }

    private static func headHeight(_ block: SheetBlock, isNarrow: Bool) -> Int {
        let text = 20 + block.tensor.details.count * lineHeight
        let legend = Legend.barHeight + 2 * lineHeight
        return (isNarrow ? text + legend + 4 : max(text, legend)) + 10
    }

    /// The heading's top is at `y`; the legend is at its right, or below it.
    private static func drawHead(
        _ block: SheetBlock, _ legend: Legend, y: Int, isNarrow: Bool, on canvas: Canvas, _ palette: Palette
    ) {
        let right = canvas.width - margin
        let content = right - margin
        let text = isNarrow ? content : content - max(Legend.barWidth, Int(canvas.width(of: legend.note, small))) - 24
        canvas.draw(canvas.fitted(block.tensor.title, title, into: text), x: margin, y: y + 13, title, palette.text)
        for (line, detail) in block.tensor.details.enumerated() {
            canvas.draw(
                canvas.fitted(detail, body, into: text), x: margin, y: y + 32 + line * lineHeight, body, palette.dimText
            )
        }
        let top = isNarrow ? y + 24 + block.tensor.details.count * lineHeight : y
        let start = isNarrow ? margin : right - Legend.barWidth
        let end = start + Legend.barWidth
        canvas.draw(legend.bar, x: start, y: top)
        let numbers = top + Legend.barHeight + 13
        canvas.draw(legend.left, x: start, y: numbers, small, palette.text)
        canvas.draw(legend.middle, x: (start + end) / 2, y: numbers, small, palette.text, from: .middle)
        canvas.draw(legend.right, x: end, y: numbers, small, palette.text, from: .right)
        let note = canvas.fitted(legend.note, small, into: content)
        canvas.draw(
            note, x: isNarrow ? start : end, y: numbers + lineHeight, small, palette.dimText,
            from: isNarrow ? .left : .right)
    }

    private static func drawLabel(
        _ label: (time: String, number: String), below cell: Rectangle, on canvas: Canvas, _ palette: Palette
    ) {
        let y = cell.y + cell.height + 13
        canvas.draw(label.time, x: cell.x, y: y, small, palette.text)
        let taken = canvas.width(of: label.time, small) + canvas.width(of: label.number, small) + 8
        guard taken <= Double(cell.width) else { return }
        canvas.draw(label.number, x: cell.x + cell.width, y: y, small, palette.dimText, from: .right)
    }
}
