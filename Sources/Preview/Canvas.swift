// Cairo, as far as a sheet needs it: rectangles, pictures, text.

import CCairo

/// A picture that is drawn on.
package final class Canvas {
    let width: Int
    let height: Int
    private let surface: OpaquePointer
    private let context: OpaquePointer

    /// Cairo's largest side; and four bytes a pixel should fit into memory.
    private static let largestSide = 32767
    private static let largestArea = 1 << 28

    /// - Throws: `.tooLarge`.
    static func check(width: Int, height: Int) throws(PreviewError) {
        let area = width.multipliedReportingOverflow(by: height)
        guard max(width, height) <= largestSide, !area.overflow, area.partialValue <= largestArea else {
            throw PreviewError(
                .tooLarge,
                "the picture would be \(width)x\(height) pixels large; take fewer frames or files, or smaller cells")
        }
    }

    package init(width: Int, height: Int, color: Color) throws(PreviewError) {
        try Self.check(width: width, height: height)
        surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
        context = cairo_create(surface)
        self.width = width
        self.height = height
        try check(cairo_status(context))
        // Grey edges: sub-pixel ones are made for one kind of screen.
        let options = cairo_font_options_create()
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_set_font_options(context, options)
        cairo_font_options_destroy(options)
        fill(x: 0, y: 0, width: width, height: height, color)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    func fill(x: Int, y: Int, width: Int, height: Int, _ color: Color) {
        set(color)
        cairo_rectangle(context, Double(x), Double(y), Double(width), Double(height))
        cairo_fill(context)
    }

    /// Copies the pixels of `image` as they are.
    func draw(_ image: PixelImage, x: Int, y: Int) {
        var pixels = image.pixels
        pixels.withUnsafeMutableBytes { bytes in
            let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let source = cairo_image_surface_create_for_data(
                data, CAIRO_FORMAT_RGB24, Int32(image.width), Int32(image.height), Int32(image.width * 4))
            cairo_set_source_surface(context, source, Double(x), Double(y))
            cairo_rectangle(context, Double(x), Double(y), Double(image.width), Double(image.height))
            cairo_fill(context)
            // Nothing may refer to the pixels when they go.
            set(Color(repeating: 0))
            cairo_surface_finish(source)
            cairo_surface_destroy(source)
        }
    }

    /// A size of text; where the machine has no fonts cairo draws with its own.
    package struct Font {
        let size: Double
        let isBold: Bool

        package init(size: Double, isBold: Bool = false) {
            self.size = size
            self.isBold = isBold
        }
    }

    enum Side { case left, middle, right }

    /// Draws `text` on the line `y` with its left side, middle or right side at `x`.
    func draw(_ text: String, x: Int, y: Int, _ font: Font, _ color: Color, from side: Side = .left) {
        let width = width(of: text, font)
        let shift = side == .left ? 0 : side == .middle ? width / 2 : width
        set(color)
        cairo_move_to(context, (Double(x) - shift).rounded(), Double(y))
        cairo_show_text(context, text)
    }

    /// Pixels that `text` takes in a line; sets the font.
    package func width(of text: String, _ font: Font) -> Double {
        cairo_select_font_face(
            context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
            font.isBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL)
        cairo_set_font_size(context, font.size)
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, text, &extents)
        return extents.x_advance
    }

    /// `text`, or as much of it as fits into `room` pixels and dots.
    package func fitted(_ text: String, _ font: Font, into room: Int) -> String {
        guard width(of: text, font) > Double(room) else { return text }
        // By halving: how many characters fit.
        var (fits, fails) = (0, text.count)
        while fails - fits > 1 {
            let middle = (fits + fails) / 2
            if width(of: text.prefix(middle) + "...", font) <= Double(room) { fits = middle } else { fails = middle }
        }
        return text.prefix(fits) + "..."
    }

    /// The picture as a PNG file. Cairo's own take ten times as long and twice the room.
    func png() throws(PreviewError) -> [UInt8] {
        cairo_surface_flush(surface)
        try check(cairo_status(context))
        guard let data = cairo_image_surface_get_data(surface) else {
            throw PreviewError(.libraryFailed, "the picture has no pixels")
        }
        let stride = Int(cairo_image_surface_get_stride(surface))
        var image = PixelImage(width: width, height: height, color: Color(repeating: 0))
        for y in 0..<height {
            for x in 0..<width {
                // The upper 8 bits are not used.
                image.pixels[y * width + x] =
                    UnsafeRawPointer(data).load(fromByteOffset: y * stride + 4 * x, as: UInt32.self) & 0xFF_FFFF
            }
        }
        return try PNGFile.bytes(of: image)
    }

    private func set(_ color: Color) {
        cairo_set_source_rgb(context, Double(color.x) / 255, Double(color.y) / 255, Double(color.z) / 255)
    }

    private func check(_ status: cairo_status_t) throws(PreviewError) {
        guard status != CAIRO_STATUS_SUCCESS else { return }
        throw PreviewError(
            .libraryFailed, "the picture cannot be drawn: \(String(cString: cairo_status_to_string(status)))")
    }
}
