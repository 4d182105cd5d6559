// PNG files, by libdeflate: https://www.w3.org/TR/png-3/, of which animations are a part.

import CLibdeflate

/// Writes pictures as PNG files, in 8 bits a pixel where there are at most 256 colours, else in 24.
package struct PNGFile {
    private var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    private let width: Int
    private let height: Int
    /// Chunks of an animation so far, which are numbered.
    private var number = 0
    private var delay = 1

    /// A picture as a file.
    ///
    /// - Throws: `.libraryFailed` when there is no memory.
    package static func bytes(of image: PixelImage) throws(PreviewError) -> [UInt8] {
        var file = PNGFile(width: image.width, height: image.height)
        let table = ColorTable(image.pixels)
        file.writeHeader(table)
        file.write("IDAT", try pack(table.map { lines(image, $0) } ?? lines(image)))
        file.write("IEND", [])
        return file.bytes
    }

    /// Begins an animation that is repeated for ever.
    ///
    /// - Parameters:
    ///   - frames: how many will be added.
    ///   - delay: of each frame, ms, up to 65535.
    package init(width: Int, height: Int, frames: Int, delay: Int) {
        self.init(width: width, height: height)
        self.delay = delay
        writeHeader(nil)
        write("acTL", Self.bytes(frames) + Self.bytes(0))
    }

    /// Adds a frame of the animation's size.
    ///
    /// - Returns: bytes of the file so far.
    /// - Throws: `.libraryFailed` when there is no memory.
    @discardableResult
    package mutating func add(_ image: PixelImage) throws(PreviewError) -> Int {
        let packed = try Self.pack(Self.lines(image))
        let isFirst = number == 0
        // All of the picture, shown for `delay` parts of 1000 of a second, in place of what was there.
        write(
            "fcTL",
            nextNumber() + Self.bytes(width) + Self.bytes(height) + Self.bytes(0) + Self.bytes(0)
                + [UInt8(delay >> 8 & 255), UInt8(delay & 255), 0x03, 0xE8, 0, 0])
        write(isFirst ? "IDAT" : "fdAT", isFirst ? packed : nextNumber() + packed)
        return bytes.count
    }

    /// The animation, all frames of which were added.
    package consuming func finished() -> [UInt8] {
        write("IEND", [])
        return bytes
    }

    private init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    private mutating func nextNumber() -> [UInt8] {
        defer { number += 1 }
        return Self.bytes(number)
    }

    private mutating func writeHeader(_ table: ColorTable?) {
        // Bits of a sample, colours (3: from a table, 2: red, green, blue), and the only ways to compress, filter and
        // interlace, of which there is one each.
        write("IHDR", Self.bytes(width) + Self.bytes(height) + [8, table == nil ? 2 : 3, 0, 0, 0])
        guard let table else { return }
        write("PLTE", table.colors.flatMap { [UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)] })
    }

    private mutating func write(_ type: String, _ content: [UInt8]) {
        bytes += Self.bytes(content.count)
        let start = bytes.count
        bytes += type.utf8
        bytes += content
        let sum = bytes.withUnsafeBytes { libdeflate_crc32(0, $0.baseAddress.map { $0 + start }, $0.count - start) }
        bytes += Self.bytes(Int(sum))
    }

    /// Four bytes in the order of the network.
    private static func bytes(_ number: Int) -> [UInt8] {
        [UInt8(number >> 24 & 255), UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)]
    }

    /// The numbers of the pixels' colours; before each line a byte that says that it is as it is.
    private static func lines(_ image: PixelImage, _ table: ColorTable) -> [UInt8] {
        let (width, stride) = (image.width, image.width + 1)
        return [UInt8](unsafeUninitializedCapacity: stride * image.height) { target, count in
            count = stride * image.height
            table.look { number in
                for y in 0..<image.height {
                    target[y * stride] = 0
                    for x in 0..<width { target[y * stride + 1 + x] = number(image.pixels[y * width + x]) }
                }
            }
        }
    }

    /// Red, green and blue of each pixel; lines as above. Events lie here and there: differences to neighbours, which
    /// the other filters take, make them no smaller.
    private static func lines(_ image: PixelImage) -> [UInt8] {
        let (width, stride) = (image.width, 3 * image.width + 1)
        return [UInt8](unsafeUninitializedCapacity: stride * image.height) { target, count in
            count = stride * image.height
            image.pixels.withUnsafeBufferPointer { pixels in
                for y in 0..<image.height {
                    var place = y * stride
                    target[place] = 0
                    place += 1
                    for pixel in pixels[y * width..<(y + 1) * width] {
                        target[place] = UInt8(truncatingIfNeeded: pixel &>> 16)
                        target[place + 1] = UInt8(truncatingIfNeeded: pixel &>> 8)
                        target[place + 2] = UInt8(truncatingIfNeeded: pixel)
                        place += 3
                    }
                }
            }
        }
    }

    /// A zlib stream at the fastest level: pictures are made while somebody waits for them.
    private static func pack(_ lines: [UInt8]) throws(PreviewError) -> [UInt8] {
        let noMemory = PreviewError(.libraryFailed, "there is no memory to pack the picture in")
        guard let compressor = libdeflate_alloc_compressor(1) else { throw noMemory }
        defer { libdeflate_free_compressor(compressor) }
        let room = libdeflate_zlib_compress_bound(compressor, lines.count)
        let packed = [UInt8](unsafeUninitializedCapacity: room) { target, count in
            count = libdeflate_zlib_compress(compressor, lines, lines.count, target.baseAddress, room)
        }
        guard !packed.isEmpty else { throw noMemory }
        return packed
    }
}

/// The colours of a picture of few: counts of events have a few dozen.
package struct ColorTable {
    /// Each 0x00RRGGBB, by number.
    package private(set) var colors: [UInt32] = []
    /// Pixels and their numbers, by a hash of the pixel: 0x01RRGGBB, 0 being none.
    private var keys = [UInt32](repeating: 0, count: 1024)
    private var numbers = [UInt8](repeating: 0, count: 1024)

    /// nil when there are more than 256.
    package init?(_ pixels: [UInt32]) {
        var last: UInt32?
        for pixel in pixels where pixel != last {
            last = pixel
            let key = pixel | 0x100_0000
            var place = Self.place(pixel)
            while keys[place] != key, keys[place] != 0 { place = (place + 1) & 1023 }
            guard keys[place] == 0 else { continue }
            guard colors.count < 256 else { return nil }
            keys[place] = key
            numbers[place] = UInt8(colors.count)
            colors.append(pixel)
        }
    }

    /// Hands out what tells a pixel's number.
    package func look(_ body: ((UInt32) -> UInt8) -> Void) {
        keys.withUnsafeBufferPointer { keys in
            numbers.withUnsafeBufferPointer { numbers in
                var (last, lastNumber) = (colors.first ?? 0, UInt8(0))
                body { pixel in
                    if pixel == last { return lastNumber }
                    let key = pixel | 0x100_0000
                    var place = Self.place(pixel)
                    while keys[place] != key { place = (place + 1) & 1023 }
                    (last, lastNumber) = (pixel, numbers[place])
                    return lastNumber
                }
            }
        }
    }

    /// Knuth's multiplicative hash.
    @inline(__always)
    private static func place(_ pixel: UInt32) -> Int { Int((pixel &* 2_654_435_769) &>> 22) }
}
