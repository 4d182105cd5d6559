// Where everything of a sheet is, before anything is computed or drawn.

/// Blocks below each other, each with a heading of a few lines and its cells in rows.
public struct SheetLayout: Sendable {
    struct Block {
        /// Of the heading.
        let top: Int
        let cells: [ContactSheet.Rectangle]
    }

    public let width: Int
    public let height: Int
    let blocks: [Block]
    /// Whether there is no room for heading and legend beside each other.
    let isNarrow: Bool

    static let margin = 20
    static let lineHeight = 16
    private static let gap = 8
    private static let labelHeight = 18
    private static let blockGap = 26
    private static let narrow = 2 * Legend.barWidth + 120
    /// A heading needs this, however narrow the cells are.
    private static let narrowest = Legend.barWidth + 60

    /// - Throws: `.tooLarge`.
    public init(_ tensors: [SheetTensor], _ style: SheetStyle) throws(PreviewError) {
        let sizes = tensors.map { CellPainter($0, style).size }
        let columns = tensors.map { max(1, min(style.columns, $0.labels.count)) }
        var content = Self.narrowest
        for (size, columns) in zip(sizes, columns) {
            content = max(content, columns * (size.width + Self.gap) - Self.gap)
        }
        isNarrow = content < Self.narrow
        width = content + 2 * Self.margin
        var bottom = Self.margin
        var blocks: [Block] = []
        for (index, tensor) in tensors.enumerated() {
            let top = bottom
            let text = 20 + tensor.details.count * Self.lineHeight
            let legend = Legend.barHeight + 3 * Self.lineHeight
            let start = top + (isNarrow ? text + legend + 4 : max(text, legend)) + 10
            let (size, columns) = (sizes[index], columns[index])
            let rowHeight = size.height + Self.labelHeight + Self.gap
            let rows = (tensor.labels.count + columns - 1) / columns
            bottom = rows == 0 ? start : start + rows * rowHeight - Self.gap
            // Before there are as many rectangles as nobody can draw.
            try Canvas.check(width: width, height: bottom)
            let cells = tensor.labels.indices.map { cell in
                ContactSheet.Rectangle(
                    x: Self.margin + cell % columns * (size.width + Self.gap), y: start + cell / columns * rowHeight,
                    width: size.width, height: size.height)
            }
            blocks.append(Block(top: top, cells: cells))
            bottom += Self.blockGap
        }
        height = bottom - Self.blockGap + Self.margin
        self.blocks = blocks
        try Canvas.check(width: width, height: height)
    }
}
