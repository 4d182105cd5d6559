// How frames are drawn: what a query chooses, and what fits the tensor where it does not.

import Preview
import Tensors
import VirtualTree

/// How the frames of one tensor become pictures.
struct PictureStyle {
    static let parameters = ["channels", "layout", "colors", "width", "light", "limit"]

    enum Layout: String, CaseIterable { case one, side }
    /// `Coloring`, as `evh5 preview --colors` has it.
    enum Colors: String, CaseIterable { case polarity, halves, bins, signed, gray, tiles }

    /// What values full colour stands for.
    enum Limit {
        /// One for all frames of the tensor.
        case tensor
        /// The frame's own.
        case frame
        /// Chosen: one for all, or one for each tile.
        case values([Float])
    }

    let channels: [Int]
    let coloring: Coloring
    /// Pixels that a picture is wide at most; nil for one of each cell.
    let cellWidth: Int?
    let limit: Limit
    let painter: FramePainter

    /// As wide as `evh5 preview` makes a cell.
    private static let widest = 4096
    private static let mostPixels = 1 << 24

    /// - Throws: `.badQuery`, `.tooLarge`.
    init(_ query: Query, _ plan: TensorPlan) throws {
        let channels = try Self.channels(query.optional("channels"), of: plan)
        let coloring = try Self.coloring(query, query.choice("layout", or: Layout.one), channels, plan)
        let palette = try query.flag("light") ? Palette.light : .dark
        func painter(_ cellWidth: Int?) throws -> FramePainter {
            try FramePainter(
                channels: channels, height: plan.height, width: plan.width, coloring, cellWidth: cellWidth, palette)
        }
        var width: Int?
        if query.optional("width") != nil { width = try query.integer("width", in: 16...Self.widest, or: nil) }
        var chosen = try painter(width)
        // Tiles of many channels at full size are more than a screen has; without a wish they are made to fit.
        if width == nil, chosen.size.width > Self.widest || chosen.size.width * chosen.size.height > Self.mostPixels {
            width = Self.widest / 2
            chosen = try painter(width)
        }
        guard chosen.size.width * chosen.size.height <= Self.mostPixels else {
            throw ViewerError(
                .tooLarge,
                "the picture would have \(chosen.size.width)x\(chosen.size.height) pixels; give a smaller width=")
        }
        limit = try Self.limit(query.optional("limit"))
        (self.channels, self.coloring, cellWidth, self.painter) = (channels, coloring, width, chosen)
        if case .values(let values) = limit, values.count != 1, values.count != chosen.scaleCount {
            throw ViewerError(
                .badQuery, "limit= takes one number, or \(chosen.scaleCount), not \(values.count)")
        }
    }

    private static func channels(_ text: String?, of plan: TensorPlan) throws(ViewerError) -> [Int] {
        guard let text, text != "all" else { return Array(0..<plan.channels) }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }.filter { (0..<plan.channels).contains($0) }
        guard numbers.count == parts.count, Set(numbers).count == numbers.count else {
            throw ViewerError(
                .badQuery,
                "channels=\(text.prefix(40)): channels is 'all', or different numbers from 0 to \(plan.channels - 1) with commas between them"
            )
        }
        return numbers
    }

    private static func coloring(
        _ query: Query, _ layout: Layout, _ channels: [Int], _ plan: TensorPlan
    ) throws(ViewerError) -> Coloring {
        if query.optional("colors") != nil {
            switch try query.choice("colors", or: Colors.tiles) {
            case .polarity: return .polarity
            case .halves: return .halves
            case .bins: return .bins(plan.bins ?? channels.count)
            case .signed: return .signed
            case .gray: return .gray
            case .tiles: return .tiles
            }
        }
        if layout == .side { return .tiles }
        if channels.count == plan.channels { return plan.coloring }
        guard channels.count == 1 else { return .tiles }
        return Coloring.standard(name: plan.spec.preprocessingSpec.name, channels: 1, bins: nil)
    }

    private static func limit(_ text: String?) throws(ViewerError) -> Limit {
        switch text {
        case nil, "tensor": return .tensor
        case "frame": return .frame
        case let text?:
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            let values = parts.compactMap { Float($0) }.filter { $0 > 0 && $0.isFinite }
            guard values.count == parts.count else {
                throw ViewerError(
                    .badQuery,
                    "limit=\(text.prefix(40)): limit is 'tensor', 'frame', or numbers above 0 with commas between them")
            }
            return .values(values)
        }
    }

    /// All that a scale depends on besides the tensor.
    var scaleText: String { "\(channels) \(coloring) \(cellWidth ?? 0)" }
}

extension VirtualTensor {
    /// Hands a frame's elements to `body`.
    func withElements<R>(_ frame: Int, _ body: (FrameElements) throws -> R) throws -> R {
        try withFrame(frame) { bytes in
            let elements: FrameElements =
                switch plan.elementType {
                case .float32: .float32(bytes.bindMemory(to: Float.self))
                case .uint8: .uint8(bytes.bindMemory(to: UInt8.self))
                case .int8: .int8(bytes.bindMemory(to: Int8.self))
                case .uint16: .uint16(bytes.bindMemory(to: UInt16.self))
                }
            return try body(elements)
        }
    }
}
