// Pixels whose events are left out: as a list gives them, and as the kernel looks them up.

import Synchronization

/// A list of pixels of a sensor, as it is in a file.
///
/// Immutable and shared.
public final class HotPixels: Hashable, Sendable {
    /// A pixel of the sensor; x and y are 0 or more.
    public struct Pixel: Hashable, Sendable {
        public let x: Int32
        public let y: Int32

        public init(x: Int32, y: Int32) {
            self.x = x
            self.y = y
        }
    }

    /// In the order of the file; one may be there twice.
    public let pixels: [Pixel]
    /// The size of a mask, which is that of the sensor; nil for a list.
    public let size: Geometry?
    /// Names the set of pixels: another where a pixel is another.
    public let digest: UInt64
    /// What pixel `i` of `pixels` is called in messages: its file, and where in it.
    private let place: @Sendable (Int) -> String
    /// The bits for the sensor that was last asked for.
    private let latest = Mutex<HotPixelBits?>(nil)

    /// More are taken for a mistake.
    public static let largestCount = 1 << 22

    public init(
        _ pixels: [Pixel], size: Geometry? = nil, place: @escaping @Sendable (Int) -> String = { "pixel \($0)" }
    ) {
        self.pixels = pixels
        self.size = size
        self.place = place
        // FNV-1a of the bytes of the set.
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for pixel in Set(pixels.map { UInt64(UInt32(bitPattern: $0.y)) << 32 | UInt64(UInt32(bitPattern: $0.x)) })
            .sorted()
        {
            for shift in stride(from: 0, to: 64, by: 8) {
                digest = (digest ^ (pixel >> UInt64(shift)) & 0xFF) &* 0x100_0000_01B3
            }
        }
        self.digest = digest
    }

    /// Why it is no list for `sensor`; nil when it is one.
    public func problem(on sensor: Geometry) -> String? {
        if let size, size != sensor { return "\(place(0)) is a mask of \(size); the sensor has \(sensor)" }
        guard let i = pixels.firstIndex(where: { $0.x >= sensor.width || $0.y >= sensor.height }) else { return nil }
        return "\(place(i)): (\(pixels[i].x), \(pixels[i].y)) is outside of the sensor's \(sensor)"
    }

    /// The pixels as the kernel needs them; nil where `problem(on:)` has something to say.
    func bits(on sensor: Geometry) -> HotPixelBits? {
        latest.withLock { latest in
            if let latest, latest.sensor == sensor { return latest }
            guard problem(on: sensor) == nil else { return nil }
            let bits = HotPixelBits(self, sensor)
            latest = bits
            return bits
        }
    }

    public static func == (left: HotPixels, right: HotPixels) -> Bool { left.digest == right.digest }
    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// A bit for each cell of a sensor's `AppliedFilters.cells(of:)`, without the polarity; those of hot pixels are 1.
final class HotPixelBits: @unchecked Sendable {
    let sensor: Geometry
    /// Written by `init` only.
    let words: UnsafePointer<UInt32>

    /// - Parameter pixels: inside of `sensor`.
    fileprivate init(_ pixels: HotPixels, _ sensor: Geometry) {
        self.sensor = sensor
        let columnBits = AppliedFilters.columnBits(sensor)
        let count = (sensor.height << columnBits + 31) / 32
        let words = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
        for pixel in pixels.pixels {
            let cell = Int(pixel.y) << columnBits | Int(pixel.x)
            words[cell >> 5] |= 1 << UInt32(cell & 31)
        }
        self.words = UnsafePointer(words)
    }

    deinit { words.deallocate() }
}
