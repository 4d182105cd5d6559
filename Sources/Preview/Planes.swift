// A frame as what its colours are mixed of: a few planes of values that are not negative, as large as a cell.

/// What of a channel's values goes into a plane.
enum PlanePart {
    case size, negative, positive

    /// What is no number is nothing.
    @inline(__always)
    static func size(_ value: Float) -> Float { value > 0 ? value : value < 0 ? -value : 0 }
    @inline(__always)
    static func negative(_ value: Float) -> Float { value < 0 ? -value : 0 }
    @inline(__always)
    static func positive(_ value: Float) -> Float { value > 0 ? value : 0 }
}

extension Coloring {
    /// For each plane of `channels` channels, which of them are added up in it, and what of them.
    func planes(of channels: [Int]) -> [[(channel: Int, part: PlanePart)]] {
        let count: Int
        switch self {
        case .polarity, .halves, .signed, .gray: count = 2
        case .bins(let bins): count = bins
        case .tiles: count = 2 * channels.count
        }
        var planes = [[(channel: Int, part: PlanePart)]](repeating: [], count: count)
        for (place, channel) in channels.enumerated() {
            switch self {
            case .polarity: planes[place % 2].append((channel, .size))
            case .halves: planes[2 * place / channels.count].append((channel, .size))
            case .bins(let bins): planes[place * bins / channels.count].append((channel, .size))
            case .signed, .gray:
                planes[0].append((channel, .negative))
                planes[1].append((channel, .positive))
            case .tiles:
                planes[2 * place].append((channel, .negative))
                planes[2 * place + 1].append((channel, .positive))
            }
        }
        return planes
    }
}

/// Where the rows of planes come from.
protocol PlaneRows {
    var reduction: Reduction { get }
    /// Writes row `row` of plane `plane` into `target`, which is as long.
    func copy(_ plane: Int, row: Int, into target: UnsafeMutableBufferPointer<Float>)
}

/// Planes of one frame, each `reduction.rows` x `reduction.columns`.
package struct Planes: PlaneRows {
    package let reduction: Reduction
    package var values: [[Float]]

    /// - Parameters:
    ///   - frame: (channels, height, width), row-major.
    ///   - cellWidth: of each plane's picture at most.
    package init(_ frame: [Float], channels: Int, height: Int, width: Int, coloring: Coloring, cellWidth: Int) {
        self = frame.withUnsafeBufferPointer { frame in
            Planes(
                frame, coloring.planes(of: Array(0..<channels)),
                Reduction(width: width, height: height, cellWidth: cellWidth))
        }
    }

    init<Element: FrameElement>(
        _ frame: UnsafeBufferPointer<Element>, _ sources: [[(channel: Int, part: PlanePart)]], _ reduction: Reduction
    ) {
        let size = reduction.height * reduction.width
        values = sources.map { sources in
            var sums = [Float](repeating: 0, count: reduction.rows * reduction.columns)
            for (channel, part) in sources {
                let plane = UnsafeBufferPointer(rebasing: frame[channel * size..<(channel + 1) * size])
                switch part {
                case .size: reduction.add(plane, to: &sums, PlanePart.size)
                case .negative: reduction.add(plane, to: &sums, PlanePart.negative)
                case .positive: reduction.add(plane, to: &sums, PlanePart.positive)
                }
            }
            reduction.divide(&sums)
            return sums
        }
        self.reduction = reduction
    }

    func copy(_ plane: Int, row: Int, into target: UnsafeMutableBufferPointer<Float>) {
        values[plane].withUnsafeBufferPointer { values in
            let first = row * target.count
            _ = target.update(fromContentsOf: values[first..<first + target.count])
        }
    }
}

/// The planes of a frame at full size or larger, row by row as they are drawn, so that nothing as large as a frame is
/// written and read again.
struct FrameRows<Element: FrameElement>: PlaneRows {
    let frame: UnsafeBufferPointer<Element>
    let sources: [[(channel: Int, part: PlanePart)]]
    /// Its factor is 1.
    let reduction: Reduction

    func copy(_ plane: Int, row: Int, into target: UnsafeMutableBufferPointer<Float>) {
        target.update(repeating: 0)
        for (channel, part) in sources[plane] {
            let first = (channel * reduction.height + row) * reduction.width
            let line = UnsafeBufferPointer(rebasing: frame[first..<first + target.count])
            switch part {
            case .size: for x in 0..<target.count { target[x] += PlanePart.size(line[x].drawn) }
            case .negative: for x in 0..<target.count { target[x] += PlanePart.negative(line[x].drawn) }
            case .positive: for x in 0..<target.count { target[x] += PlanePart.positive(line[x].drawn) }
            }
        }
    }
}
