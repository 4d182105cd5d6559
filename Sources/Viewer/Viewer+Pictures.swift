// Frames as pictures.

import Preview
import VirtualTree

extension Viewer {
    enum PictureFormat: String, CaseIterable { case png, rgba }

    func picture(_ query: Query) throws -> ViewerAnswer {
        let tensor = try open(query)
        let style = try PictureStyle(query, tensor.plan)
        let frame = try tensor.check(query.integer("frame", in: 0...Int.max, or: nil))
        let format = try query.choice("format", or: PictureFormat.png)
        // Each takes a processor, and memory for several pictures.
        drawing.wait()
        defer { drawing.signal() }
        let image = try draw(tensor, frame, style)
        var answer: ViewerAnswer
        switch format {
        case .png: answer = ViewerAnswer(mediaType: "image/png", bytes: try PNGFile.bytes(of: image))
        case .rgba: answer = ViewerAnswer(mediaType: "application/octet-stream", bytes: image.rgba)
        }
        answer.version = tensor.version
        answer.isImmutable = query.optional("v") != nil
        answer.headers = [("X-Width", "\(image.width)"), ("X-Height", "\(image.height)")]
        if let tiles = style.painter.tiling {
            answer.headers.append(("X-Tiles", "\(tiles.columns),\(tiles.width),\(tiles.height),\(tiles.gap)"))
        }
        return answer
    }

    /// A frame in colours.
    func draw(_ tensor: VirtualTensor, _ frame: Int, _ style: PictureStyle) throws -> PixelImage {
        let painter = style.painter
        let scale: FrameScale
        switch style.limit {
        case .tensor: scale = try scales.scale(tensor, style).scale
        case .values(let limits): scale = try scales.scale(tensor, style).scale.with(limits: limits)
        case .frame:
            let planes = try tensor.withElements(frame, painter.planes)
            scale = painter.scale(of: [planes], sigmas: Scales.sigmas)
        }
        return try tensor.withElements(frame) { painter.image($0, on: scale) }
    }

    func scale(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let limits: [Float]
            let signed, clipped: Bool
            let coloring: String
            let frames: [Int]
            /// Of a picture, pixels.
            let width, height: Int
        }
        let tensor = try open(query)
        let style = try PictureStyle(query, tensor.plan)
        let found = try scales.scale(tensor, style)
        var scale = found.scale
        if case .values(let limits) = style.limit { scale = scale.with(limits: limits) }
        let size = style.painter.size
        return try json(
            Answer(
                limits: scale.limits, signed: scale.isSigned, clipped: scale.isClipped, coloring: style.coloring.name,
                frames: found.frames, width: size.width, height: size.height), version: tensor.version)
    }
}

extension Coloring {
    /// As `--colors` has it.
    var name: String {
        switch self {
        case .polarity: "polarity"
        case .halves: "halves"
        case .bins: "bins"
        case .signed: "signed"
        case .gray: "gray"
        case .tiles: "tiles"
        }
    }
}
