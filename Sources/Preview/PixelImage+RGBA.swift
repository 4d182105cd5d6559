// Pixels as a browser's canvas takes them.

extension PixelImage {
    /// Red, green, blue and 255 of each pixel, row by row.
    package var rgba: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4 * pixels.count) { target, count in
            count = 4 * pixels.count
            let target = UnsafeMutableRawBufferPointer(target).bindMemory(to: UInt32.self)
            pixels.withUnsafeBufferPointer { pixels in
                for place in 0..<pixels.count {
                    let pixel = pixels[place]
                    // Little endian, as all machines are that this runs on.
                    target[place] = 0xFF00_0000 | pixel &<< 16 & 0xFF_0000 | pixel & 0xFF00 | pixel &>> 16 & 0xFF
                }
            }
        }
    }
}
