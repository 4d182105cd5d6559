// What the tests of pictures share: sheets of given frames.

import Preview

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
