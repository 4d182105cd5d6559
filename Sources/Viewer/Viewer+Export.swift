// A stretch of frames as a file: a PNG (animated where there are several frames), a GIF or an MP4.

import Preview
import Synchronization
import VirtualTree

/// Sees to it that one export is made at a time: each takes all processors and much memory.
final class Export: Sendable {
    private let isBusy = Atomic(false)

    func alone<R>(_ body: () throws -> R) throws -> R {
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            throw ViewerError(.busy, "another export is being made; try again when it has ended")
        }
        defer { isBusy.store(false, ordering: .releasing) }
        return try body()
    }
}

extension Viewer {
    enum ExportFormat: String, CaseIterable { case png, gif, mp4 }

    private static let mostFrames = 5000
    private static let mostPixels = 4_000_000_000
    private static let mostBytes = 512 << 20

    func exports() throws -> ViewerAnswer {
        struct Answer: Encodable {
            let formats: [String]
            /// Formats that cannot be made here, and why.
            let missing: [String: String]
        }
        let hasProgram = VideoEncoder.program != nil
        let missing = hasProgram ? [] : ["gif", "mp4"]
        return try json(
            Answer(
                formats: hasProgram ? ["png", "gif", "mp4"] : ["png"],
                missing: Dictionary(
                    missing.map { ($0, "\($0) is made by ffmpeg, which is not installed here") },
                    uniquingKeysWith: { $1 })))
    }

    func export(_ query: Query) throws -> ViewerAnswer {
        let tensor = try open(query)
        let style = try PictureStyle(query, tensor.plan)
        let format = try query.choice("format", or: ExportFormat.png)
        let first = try tensor.check(query.integer("first", in: 0...Int.max, or: nil))
        let last = try tensor.check(query.integer("last", in: 0...Int.max, or: first))
        let step = try query.integer("step", in: 1...Int.max / 2, or: 1)
        let fps = try query.integer("fps", in: 1...(format == .gif ? 50 : 120), or: 10)
        guard first <= last else { throw ViewerError(.badQuery, "first=\(first) is after last=\(last)") }
        let frames = stride(from: first, through: last, by: step)
        let count = (last - first) / step + 1
        let (width, height) = style.painter.size
        guard count <= Self.mostFrames, count * width * height <= Self.mostPixels else {
            throw ViewerError(
                .tooLarge,
                "\(count) frames of \(width)x\(height) are too many for a file: at most \(Self.mostFrames) frames and \(Self.mostPixels / 1_000_000) million pixels; take a larger step= or a smaller width="
            )
        }
        let name = Self.fileName(tensor, first, last, format)
        var answer = try export.alone {
            switch format {
            case .png: try animation(tensor, style, frames, count, fps: fps)
            case .gif, .mp4: try film(format == .gif ? .gif : .mp4, tensor, style, frames, fps: fps)
            }
        }
        answer.version = tensor.version
        answer.headers = [("Content-Disposition", "attachment; filename=\"\(name)\"")]
        return answer
    }

    private func animation(
        _ tensor: VirtualTensor, _ style: PictureStyle, _ frames: StrideThrough<Int>, _ count: Int, fps: Int
    ) throws -> ViewerAnswer {
        guard count > 1 else {
            let image = try draw(tensor, frames.first { _ in true } ?? 0, style)
            return ViewerAnswer(mediaType: "image/png", bytes: try PNGFile.bytes(of: image))
        }
        let (width, height) = style.painter.size
        var file = PNGFile(width: width, height: height, frames: count, delay: max(1, 1000 / fps))
        for frame in frames {
            guard try file.add(draw(tensor, frame, style)) <= Self.mostBytes else {
                throw ViewerError(.tooLarge, "the file would have more than \(Self.mostBytes) bytes; take fewer frames")
            }
        }
        return ViewerAnswer(mediaType: "image/png", bytes: file.finished())
    }

    private func film(
        _ format: VideoEncoder.Format, _ tensor: VirtualTensor, _ style: PictureStyle, _ frames: StrideThrough<Int>,
        fps: Int
    ) throws -> ViewerAnswer {
        let (width, height) = style.painter.size
        let encoder = try VideoEncoder(format, width: width, height: height, fps: fps)
        defer { encoder.stop() }
        for frame in frames { try encoder.add(draw(tensor, frame, style)) }
        return ViewerAnswer(mediaType: format == .gif ? "image/gif" : "video/mp4", bytes: try encoder.finish())
    }

    /// `traffic_histo_50ms_0-99.mp4`, of characters that any header and filesystem takes.
    private static func fileName(_ tensor: VirtualTensor, _ first: Int, _ last: Int, _ format: ExportFormat) -> String {
        let parts = tensor.path.split(separator: "/").map(String.init)
        let name = (parts.last ?? "frames").dropLast(3)
        let text = ([String(name)] + parts.prefix(2)).joined(separator: "_") + "_\(first)-\(last)"
        let plain = text.utf8.map { byte -> Character in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                Character(UnicodeScalar(byte))
            default: "_"
            }
        }
        return String(plain.prefix(150)) + ".\(format.rawValue)"
    }
}
