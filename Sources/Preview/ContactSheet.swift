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

    /// Draws `blocks` below each other.
    ///
    /// - Throws: `PreviewError`.
    public init(_ blocks: [SheetBlock], _ style: SheetStyle) throws(PreviewError) {
        let layout = try SheetLayout(blocks.map(\.tensor), style)
        let canvas = try Canvas(width: layout.width, height: layout.height, color: style.palette.sheet)
        for (block, place) in zip(blocks, layout.blocks) {
            let legend = Legend(block, style.palette, sigmas: style.sigmas)
            Self.drawHead(block, legend, y: place.top, isNarrow: layout.isNarrow, on: canvas, style.palette)
            for (index, cell) in place.cells.enumerated() {
                canvas.draw(block.cells[index], x: cell.x, y: cell.y)
                Self.drawLabel(block.tensor.labels[index], below: cell, on: canvas, style.palette)
            }
        }
        width = canvas.width
        height = canvas.height
        cells = layout.blocks.map(\.cells)
        png = try canvas.png()
    }

    private static let title = Canvas.Font(size: 15, isBold: true)
    private static let body = Canvas.Font(size: 12)
    private static let small = Canvas.Font(size: 11)
    private static let margin = SheetLayout.margin
    private static let lineHeight = SheetLayout.lineHeight

    /// The heading's top is at `y`; the legend is at its right, or below it.
    private static func drawHead(
        _ block: SheetBlock, _ legend: Legend, y: Int, isNarrow: Bool, on canvas: Canvas, _ palette: Palette
    ) {
        let right = canvas.width - margin
        let content = right - margin
        let notes = legend.notes.map { canvas.fitted($0, small, into: content) }
        let widest = notes.reduce(0) { max($0, Int(canvas.width(of: $1, small))) }
        let text = isNarrow ? content : content - max(Legend.barWidth, widest) - 24
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
        for (line, note) in notes.enumerated() {
            canvas.draw(
                note, x: isNarrow ? start : end, y: numbers + (line + 1) * lineHeight, small, palette.dimText,
                from: isNarrow ? .left : .right)
        }
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
