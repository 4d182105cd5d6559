// PNG files of our own, read back by cairo, and the curve of brightness.

import Foundation
import PictureFixture
import Preview
import Testing

@Suite struct PNGTests {
    /// Pixels that a rule makes.
    private func image(_ width: Int, _ height: Int, _ rule: (Int, Int) -> UInt32) -> PixelImage {
        var image = PixelImage(width: width, height: height, color: Color(repeating: 0))
        for y in 0..<height { for x in 0..<width { image.pixels[y * width + x] = rule(x, y) & 0xFFFFFF } }
        return image
    }

    @Test(arguments: [
        // One colour, 256 of them, and more.
        (1, 1, 1), (7, 5, 1), (64, 48, 256), (64, 48, 257), (300, 200, 60_000),
    ])
    func `pictures are read back as they were`(width: Int, height: Int, colors: Int) throws {
        let image = image(width, height) { x, y in UInt32((y * width + x) % colors * 2_654_435 % 16_777_213) }
        let decoded = try #require(DecodedPNG(try PNGFile.bytes(of: image)))
        #expect(decoded.width == width && decoded.height == height)
        for y in 0..<height {
            for x in 0..<width where decoded[x, y] != image.pixels[y * width + x] { Issue.record("\(x), \(y)") }
        }
    }

    @Test func `pictures of few colours take a byte a pixel`() throws {
        #expect(ColorTable((0..<256).map { $0 << 8 })?.colors.count == 256)
        #expect(ColorTable((0..<257).map { $0 << 8 }) == nil)
        let table = try #require(ColorTable([5, 5, 9, 5, 0xFFFFFF]))
        var numbers: [UInt8] = []
        table.look { number in numbers = [0xFFFFFF, 5, 9, 9, 5].map(number) }
        #expect(numbers == [2, 0, 1, 1, 0])
    }

    @Test func `raw pixels are red, green, blue and 255`() {
        let image = image(2, 1) { x, _ in x == 0 ? 0x010203 : 0xFFFEFD }
        #expect(image.rgba == [1, 2, 3, 255, 255, 254, 253, 255])
    }

    @Test func `brightness is the power of 0.7`() {
        #expect(lifted(0) < 1e-20 && abs(lifted(1) - 1) < 3e-7)
        var largest = 0.0
        for i in 1...200_000 {
            let share = Float(i) / 200_000
            largest = max(largest, abs(Double(lifted(share)) - pow(Double(share), 0.7)))
        }
        for exponent in 1...120 {
            largest = max(largest, Double(lifted(pow(2, -Float(exponent)))) - pow(2, -0.7 * Double(exponent)))
        }
        #expect(largest < 3e-7)
    }
}
