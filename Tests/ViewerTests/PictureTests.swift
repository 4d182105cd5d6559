// Pictures: pixel by pixel what `evh5 preview` draws, and what its formula says.

import Foundation
import PictureFixture
import Preview
import Recordings
import Testing
import Viewer

@Suite struct PictureTests {
    private let all = events(4000, step: 50)
    private let file = "histo/50ms/a.h5"

    private func look() throws -> Look {
        let look = try Look()
        try look.record("a.raw", all)
        return look
    }

    private func picture(_ look: Look, _ query: [String: String]) throws -> (width: Int, height: Int, pixels: [[UInt8]])
    {
        let answer = try look.viewer.answer("picture", query.merging(["format": "rgba"]) { $1 })
        let headers = Dictionary(uniqueKeysWithValues: answer.headers.map { ($0.name, Int($0.value) ?? 0) })
        let (width, height) = (headers["X-Width"] ?? 0, headers["X-Height"] ?? 0)
        #expect(answer.bytes.count == 4 * width * height)
        return (width, height, (0..<width * height).map { Array(answer.bytes[4 * $0..<4 * $0 + 4]) })
    }

    /// A sheet of these histograms by `evh5 preview`'s code.
    private func sheet(_ frames: [[Float]], _ coloring: Coloring = .polarity, cellWidth: Int = 64) throws -> SheetBlock
    {
        try SheetBlock(
            SheetTensor(
                title: "", details: [], channels: 2, height: 48, width: 64, coloring: coloring, duration: nil,
                labels: frames.map { _ in ("", "") }, frame: { frames[$0] }), SheetStyle(cellWidth: cellWidth))
    }

    private func frames() -> [[Float]] {
        (0..<4).map { histogram(all, Int64($0) * 50_000..<Int64($0 + 1) * 50_000) }
    }

    private func channels(_ pixel: UInt32) -> [UInt8] {
        [UInt8(pixel >> 16 & 255), UInt8(pixel >> 8 & 255), UInt8(pixel & 255), 255]
    }

    @Test func `a picture is the sheet's cell`() throws {
        let look = try look()
        let block = try sheet(frames())
        for frame in 0..<4 {
            let picture = try picture(look, ["file": file, "frame": "\(frame)"])
            #expect(picture.width == 64 && picture.height == 48)
            #expect(picture.pixels == block.images[frame].pixels.map(channels))
        }
        let scale = try look.ask("scale", ["file": file])
        #expect(scale["limits"].numbers == block.limits.map { Double($0) } && scale["coloring"].text == "polarity")
        #expect(scale["frames"].numbers == [0, 1, 2, 3])
    }

    @Test func `smaller, larger and in tiles too`() throws {
        let look = try look()
        let small = try picture(look, ["file": file, "frame": "2", "width": "20"])
        #expect(try small.pixels == sheet(frames(), cellWidth: 20).images[2].pixels.map(channels) && small.width == 16)
        let large = try picture(look, ["file": file, "frame": "2", "width": "128"])
        #expect(
            try large.pixels == sheet(frames(), cellWidth: 128).images[2].pixels.map(channels) && large.width == 128)
        let tiles = try picture(look, ["file": file, "frame": "1", "layout": "side"])
        #expect(try tiles.pixels == sheet(frames(), .tiles, cellWidth: 130).images[1].pixels.map(channels))
        #expect(tiles.width == 130 && tiles.height == 48)
    }

    @Test func `where tiles lie is told`() throws {
        let look = try look()
        func tiles(_ query: [String: String]) throws -> String? {
            let query = query.merging(["frame": "1", "format": "rgba"]) { $1 }
            return try look.viewer.answer("picture", query).headers.first { $0.name == "X-Tiles" }?.value
        }
        #expect(try tiles(["file": file]) == nil)
        #expect(try tiles(["file": file, "layout": "side"]) == "2,64,48,2")
        // 6 channels, made smaller: 3 in a row.
        #expect(try tiles(["file": "event_cube/50ms/a.h5", "layout": "side", "width": "100"]) == "3,32,24,2")
        // Of four channels there are no other pictures.
        #expect(try tiles(["file": "event_image/50ms/a.h5"]) == "2,64,48,2")
    }

    @Test func `colours follow the formula`() throws {
        let frame = frames()[1]
        let picture = try picture(try look(), ["file": file, "frame": "1", "limit": "1"])
        for place in 0..<64 * 48 {
            let (off, on) = (pow(Double(frame[place]), 0.7), pow(Double(frame[64 * 48 + place]), 0.7))
            for (channel, colors) in [(18.0, 70.0, 255.0), (22, 150, 190), (30, 255, 70)].enumerated() {
                let value = colors.0 + off * (colors.1 - colors.0) + on * (colors.2 - colors.0)
                #expect(abs(Double(picture.pixels[place][channel]) - min(255, max(0, value))) < 0.51)
            }
        }
    }

    @Test func `one channel by itself`() throws {
        let frame = frames()[0]
        let picture = try picture(try look(), ["file": file, "frame": "0", "channels": "1", "limit": "1"])
        for place in 0..<64 * 48 {
            let share = pow(Double(frame[64 * 48 + place]), 0.7)
            #expect(abs(Double(picture.pixels[place][0]) - (18 + share * (240 - 18))) < 0.51)
        }
    }

    @Test func `PNG and raw pixels are the same`() throws {
        let look = try look()
        // Of few colours and of many.
        for file in [file, "timesurface/50ms/a.h5"] {
            for more in [[:], ["light": "1"], ["layout": "side"]] as [[String: String]] {
                let query = ["file": file, "frame": "1"].merging(more) { $1 }
                let raw = try picture(look, query)
                let answer = try look.viewer.answer("picture", query)
                #expect(answer.mediaType == "image/png")
                let decoded = try #require(DecodedPNG(answer.bytes))
                #expect(decoded.width == raw.width && decoded.pixels.map(channels) == raw.pixels)
            }
        }
    }

    @Test func `a scale is the whole tensor's, the frame's or chosen`() throws {
        let look = try Look()
        // Dense in the middle, weak elsewhere.
        let events = (0..<3).flatMap { window in
            (0..<(window == 1 ? 4000 : 100)).map { i in
                Event(x: i % 40, y: i % 31, polarity: 1, t: Int64(window * 50_000 + i * 12))
            }
        }
        try look.record("a.raw", events)
        let file = "event_count/50ms/a.h5"
        if let refusal = look.refusal("scale", ["file": file]) { Issue.record("\(refusal)") }
        let one = try picture(look, ["file": file, "frame": "0"]).pixels
        let own = try picture(look, ["file": file, "frame": "0", "limit": "frame"]).pixels
        #expect(one != own && own.contains { $0[0] > one.map { $0[0] }.max() ?? 255 })
        let limits = try #require(try look.ask("scale", ["file": file])["limits"].numbers)
        let chosen = try picture(look, ["file": file, "frame": "0", "limit": "\(limits[0] ?? 0)"]).pixels
        #expect(chosen == one)
    }

    @Test func `a picture of a version is for ever`() throws {
        let look = try look()
        let version = try #require(try look.ask("tensor", ["file": file])["version"].text)
        let answer = try look.viewer.answer("picture", ["file": file, "frame": "0", "v": version])
        #expect(answer.isImmutable && answer.version == version)
        #expect(try !look.viewer.answer("picture", ["file": file, "frame": "0"]).isImmutable)
        try look.record("a.raw", Array(all.prefix(100)))
        #expect(look.refusal("picture", ["file": file, "frame": "0", "v": version])?.code == .changed)
    }

    @Test func `nothing is computed twice`() throws {
        let look = try look()
        _ = try look.viewer.answer("picture", ["file": file, "frame": "0"])
        let computed = try look.computedFrames()
        for more in [["format": "rgba"], ["layout": "side"], ["light": "1"], ["width": "30"]] {
            for frame in 0..<4 {
                _ = try look.viewer.answer("picture", ["file": file, "frame": "\(frame)"].merging(more) { $1 })
            }
        }
        _ = try look.ask("values", ["file": file, "frame": "0", "x": "1", "y": "1"])
        #expect(try computed == 4 && look.computedFrames() == 4)
    }

    @Test func `wrong wishes are refused, and nothing large is made`() throws {
        let look = try look()
        for wrong in [
            ["channels": "2"], ["channels": "0,0"], ["channels": ""].merging(["channels": "x"]) { $1 },
            ["layout": "none"],
            ["colors": "pink"], ["width": "0"], ["width": "1000000"], ["limit": "-1"], ["limit": "nan"],
            ["limit": "1,2,3"],
            ["format": "bmp"], ["light": "maybe"], ["nonsense": "1"], ["frame": "x"], ["colors": "gray"],
            ["channels": String(repeating: "0,", count: 5000)],
        ] {
            let refusal = look.refusal("picture", ["file": file, "frame": "0"].merging(wrong) { $1 })
            #expect(refusal?.code == .badQuery, "\(wrong): \(String(describing: refusal))")
        }
        #expect(look.refusal("nothing", [:])?.code == .notFound)
        #expect(look.refusal("picture", ["file": "histo/50ms/a.h5\0", "frame": "0"])?.code == .badQuery)
    }
}
