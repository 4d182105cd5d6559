// What the colours of a block mean: a bar of colours with its numbers, and words.

/// A legend as it will be drawn.
package struct Legend {
    let bar: PixelImage
    let left: String
    let middle: String
    let right: String
    /// What the colours are of; how values became colours. Lines, none of them empty.
    let notes: [String]

    static let barWidth = 240
    static let barHeight = 12

    init(_ block: SheetBlock, _ palette: Palette, sigmas: Double) {
        var bar = PixelImage(width: Self.barWidth, height: Self.barHeight, color: palette.ground)
        let most = Self.text(block.scales[0].limit)
        let isClipped = block.scales.contains { $0.isClipped }
        /// -1 at the left end, 1 at the right.
        func signed(_ x: Int) -> Float { Float(x) / Float(Self.barWidth - 1) * 2 - 1 }
        var words: [String] = []
        switch block.tensor.coloring {
        case .polarity, .halves, .signed:
            bar.fill { x, _ in palette.polarity(off: max(0, -signed(x)), on: max(0, signed(x))) }
            let isSigned = block.tensor.coloring == .signed
            (left, middle, right) = isSigned ? ("-\(most)", "0", "+\(most)") : ("off \(most)", "0", "on \(most)")
            if block.tensor.channels > (isSigned ? 1 : 2) { words.append("all bins added up") }
            if isSigned { words.append("blue: more off, orange: more on") }
        case .bins(let bins):
            // Every bin has its hue, from nothing at the bottom to the most at the top.
            bar.fill { x, y in
                palette.time(
                    bins > 1 ? Float(x * bins / Self.barWidth) / Float(bins - 1) : 0,
                    Float(Self.barHeight - y) / Float(Self.barHeight))
            }
            left = block.tensor.duration == nil ? "first bin" : "0"
            middle = "\(bins) bins"
            right = block.tensor.duration ?? "last bin"
            words.append("hue: when in the frame; brightness: off and on, up to \(most)")
        case .gray, .tiles:
            let isTiled = block.tensor.coloring == .tiles
            if block.isSigned {
                bar.fill { x, _ in palette.polarity(off: max(0, -signed(x)), on: max(0, signed(x))) }
                (left, middle, right) = isTiled ? ("negative", "0", "positive") : ("-\(most)", "0", "+\(most)")
            } else {
                bar.fill { x, _ in palette.plain((signed(x) + 1) / 2) }
                (left, middle, right) = ("0", "", isTiled ? "most" : most)
            }
            if isTiled {
                let limits = block.limits.prefix(6).map(Self.text).joined(separator: ", ")
                words.append("tiles: channels in order, up to \(limits)\(block.limits.count > 6 ? ", ..." : "")")
            }
        }
        var ways: [String] = []
        if block.factor > 1 { ways.append("means of \(block.factor)x\(block.factor) pixels") }
        if isClipped { ways.append("clipped at \(Self.text(Float(sigmas))) sigmas") }
        notes = [words, ways].filter { !$0.isEmpty }.map { $0.joined(separator: "; ") }
        self.bar = bar
    }

    /// Two digits that matter, in plain notation.
    package static func text(_ value: Float) -> String {
        guard value > 0, value.isFinite else { return "\(value)" }
        var (power, digits) = (1.0, 0)
        while Double(value) * power < 10, digits < 12 {
            power *= 10
            digits += 1
        }
        let rounded = (Double(value) * power).rounded() / power
        return rounded == rounded.rounded() && rounded < 1e15 ? "\(Int(rounded))" : "\(rounded)"
    }
}

extension PixelImage {
    mutating func fill(_ color: (_ x: Int, _ y: Int) -> Color) {
        for y in 0..<height { for x in 0..<width { pixels[y * width + x] = pixel(color(x, y)) } }
    }
}
