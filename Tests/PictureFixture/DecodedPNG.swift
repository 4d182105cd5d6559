// Reading a PNG back by another library.

import CCairo

/// A PNG's pixels, decoded by cairo.
public struct DecodedPNG {
    public let width: Int
    public let height: Int
    /// Each 0x00RRGGBB.
    public let pixels: [UInt32]

    public init?(_ png: [UInt8]) {
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

    public subscript(x: Int, y: Int) -> UInt32 { pixels[y * width + x] }

    /// How many colours a rectangle has.
    public func colors(x: Range<Int>, y: Range<Int>) -> Set<UInt32> {
        Set(y.flatMap { y in x.map { self[$0, y] } })
    }
}
