// Lists of hot pixels beside recordings.
//
// `metavision_active_pixel_detection` writes lines of "x y" below lines that begin with % (its documentation calls the
// file calibration data); E2VID's `--hot_pixels_file` has lines of "x,y".

import Recordings
import Tensors

/// A file of pixels, x before y: `.npy` of integers, shape (N, 2), or a mask of bool or uint8, shape (height, width),
/// or text of a line each.
///
/// In text, what follows a `#` or a `%` and empty lines do not count.
package enum PixelsFile {
    /// The pixels in `bytes`, which are those of a file called `name`.
    package static func pixels(_ bytes: [UInt8], _ name: String) throws(ListFileError) -> HotPixels {
        guard name.hasSuffix(".npy") else { return try text(bytes, name) }
        let array = try NumpyArray(bytes)
        // Two columns of bytes are rather x and y than a sensor two pixels wide.
        if array.shape.count == 2, array.type == "|b1" || array.type == "|u1" && array.shape[1] != 2 {
            return try mask(array, name)
        }
        return try list(array, name)
    }

    private static func text(_ bytes: [UInt8], _ name: String) throws(ListFileError) -> HotPixels {
        let rows = try ListText.rows(
            bytes, comments: [UInt8(ascii: "#"), UInt8(ascii: "%")], most: HotPixels.largestCount, unit: "pixels"
        ) { $0 == 2 ? nil : "a pixel has two, x and y" }
        var pixels: [HotPixels.Pixel] = []
        pixels.reserveCapacity(rows.count)
        for row in rows { pixels.append(try pixel(row.values[0], row.values[1], "line \(row.line)")) }
        let lines = rows.map(\.line)
        return HotPixels(pixels) { "line \(lines[$0]) of '\(name)'" }
    }

    private static func list(_ array: NumpyArray, _ name: String) throws(ListFileError) -> HotPixels {
        guard array.shape.count == 2, array.shape[1] == 2 else {
            throw ListFileError(
                .unusable,
                "it has the shape (\(array.shapeText)) and holds '\(array.type)'; (N, 2) of integers is a list of x and y, "
                    + "(height, width) of bool or uint8 is a mask")
        }
        let count = array.shape[0]
        guard count <= HotPixels.largestCount else {
            throw ListFileError(.unusable, "it has \(count) pixels; \(HotPixels.largestCount) are the most")
        }
        let element = try array.reader(
            ["<i8", "<u8", "<i4", "<u4", "<i2", "<u2", "|i1", "|u1"], "x and y are integers, as after .astype(\"<i8\")")
        var pixels: [HotPixels.Pixel] = []
        pixels.reserveCapacity(count)
        for i in 0..<count {
            let (x, y) = array.isFortran ? (element(i), element(count + i)) : (element(2 * i), element(2 * i + 1))
            pixels.append(try pixel(x ?? .max, y ?? .max, "element \(i)"))
        }
        return HotPixels(pixels) { "element \($0) of '\(name)'" }
    }

    private static func mask(_ array: NumpyArray, _ name: String) throws(ListFileError) -> HotPixels {
        let (height, width) = (array.shape[0], array.shape[1])
        guard (1...16384).contains(height), (1...16384).contains(width) else {
            throw ListFileError(.unusable, "it has the shape (\(array.shapeText)), which no sensor has")
        }
        let element = try array.reader(["|b1", "|u1"], "a mask holds bool or uint8")
        var pixels: [HotPixels.Pixel] = []
        for i in 0..<height * width where element(i) != 0 {
            guard pixels.count < HotPixels.largestCount else {
                throw ListFileError(.unusable, "more than \(HotPixels.largestCount) pixels of the mask are set")
            }
            let (y, x) = array.isFortran ? (i % height, i / height) : (i / width, i % width)
            pixels.append(HotPixels.Pixel(x: Int32(x), y: Int32(y)))
        }
        return HotPixels(pixels, size: Geometry(width: width, height: height)) { _ in "'\(name)'" }
    }

    private static func pixel(_ x: Int64, _ y: Int64, _ place: String) throws(ListFileError) -> HotPixels.Pixel {
        guard let column = Int32(exactly: x), let row = Int32(exactly: y), column >= 0, row >= 0 else {
            throw ListFileError(.unusable, "\(place): (\(x), \(y)) is no pixel of a sensor")
        }
        return HotPixels.Pixel(x: column, y: row)
    }
}
