// What the tests of pictures share: reading a PNG back by cairo, and sheets of given frames.

import CCairo
import Preview

/// A PNG's pixels, decoded by cairo.
struct Decoded {
    let width: Int
    let height: Int
    private let pixels: [UInt32]

    init?(_ png: [UInt8]) {
        var rest = png[...]
        let surface = withUnsafeMutablePointer(to: &rest) { rest in
            cairo_image_surface_create_from_png_stream(
                { source, target, count in
                    guard let source = source?.assumingMemoryBound(to: ArraySlice<UInt8>.self), let target,
                        source.pointee.count >= Int(count)
                    else { return CAIRO_STATUS_READ_ERROR }
                    for place in 0..<Int(count) { target[place] = source.pointee.removeFirst() }
                    return CAIRO_STATUS_SUCCESS
                }, rest)
        }
        defer { cairo_surface_destroy(surface) }
        guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let data = cairo_image_surface_get_data(surface)
        else { return nil }
        width = Int(cairo_image_surface_get_width(surface))
        height = Int(cairo_image_surface_get_height(surface))
        let stride = Int(cairo_image_surface_get_stride(surface))
        var pixels: [UInt32] = []
        for y in 0..<height {
            for x in 0..<width {
                pixels.append(
                    UnsafeRawPointer(data).loadUnaligned(fromByteOffset: y * stride + x * 4, as: UInt32.self)
                        & 0xFFFFFF)
            }
        }
        self.pixels = pixels
    }

    subscript(x: Int, y: Int) -> UInt32 { pixels[y * width + x] }

    /// How many colours a rectangle has.
    func colors(x: Range<Int>, y: Range<Int>) -> Set<UInt32> {
        Set(y.flatMap { y in x.map { self[$0, y] } })
    }
}

/// A block of frames (channels, height, width).
func block(
    _ frames: [[Float]], channels: Int, height: Int, width: Int, _ coloring: Coloring,
    _ style: SheetStyle = SheetStyle(cellWidth: 16), title: String = "a.raw", details: [String] = ["histo, 50ms"]
) throws -> SheetBlock {
    let labels = frames.indices.map { (time: "\($0 * 50) ms", number: "frame \($0)") }
    return try SheetBlock(
        SheetTensor(
            title: title, details: details, channels: channels, height: height, width: width, coloring: coloring,
            duration: "50 ms", labels: labels, frame: { frames[$0] }), style)
}

/// Red, green and blue of 0x00RRGGBB.
func parts(_ pixel: UInt32) -> [Int] { [Int(pixel >> 16 & 255), Int(pixel >> 8 & 255), Int(pixel & 255)] }
