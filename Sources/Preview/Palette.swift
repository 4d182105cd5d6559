// The colours of a sheet: on events orange, off events blue, on dark or light ground.

/// Red, green, blue, each 0 to 255.
package typealias Color = SIMD3<Float>

/// A sheet's colours.
public struct Palette: Sendable {
    /// Behind the cells.
    package let sheet: Color
    /// A cell's where there are no events.
    let ground: Color
    let text: Color
    let dimText: Color
    let on: Color
    let off: Color
    /// The one colour of values without a sign.
    let plain: Color
    /// Of the first, middle and last micro time bin.
    let times: [Color]

    public static let dark = Palette(
        sheet: Color(9, 11, 16), ground: Color(18, 22, 30), text: Color(228, 232, 240), dimText: Color(142, 151, 168),
        on: Color(255, 190, 70), off: Color(70, 150, 255), plain: Color(240, 242, 246),
        times: [Color(124, 92, 255), Color(240, 84, 160), Color(255, 228, 110)])
    public static let light = Palette(
        sheet: Color(238, 240, 243), ground: Color(255, 255, 255), text: Color(24, 28, 36),
        dimText: Color(92, 100, 116),
        on: Color(222, 98, 0), off: Color(18, 88, 224), plain: Color(20, 24, 32),
        times: [Color(92, 48, 232), Color(214, 28, 120), Color(214, 150, 0)])

    /// The colour of two amounts, each 0 to 1; where both are, the colours add up.
    @inline(__always)
    func polarity(off amount: Float, on other: Float) -> Color {
        ground + lifted(amount) * (off - ground) + lifted(other) * (on - ground)
    }

    @inline(__always)
    func plain(_ share: Float) -> Color { ground + lifted(share) * (plain - ground) }

    /// The colour of `share` (0 to 1) at `moment`, 0 for the first bin and 1 for the last.
    @inline(__always)
    func time(_ moment: Float, _ share: Float) -> Color {
        let place = moment * 2
        let low = place < 1 ? 0 : 1
        let hue = times[low] + (place - Float(low)) * (times[low + 1] - times[low])
        return ground + lifted(share) * (hue - ground)
    }
}

/// A colour as a pixel of cairo's RGB24: 0x00RRGGBB.
@inline(__always)
func pixel(_ color: Color) -> UInt32 { pixel(color.x, color.y, color.z) }

@inline(__always)
func pixel(_ red: Float, _ green: Float, _ blue: Float) -> UInt32 {
    byte(red) &<< 16 | byte(green) &<< 8 | byte(blue)
}

/// `value` as the nearest of 0...255. Of a number from 2^23 on the lowest bits are those of its integer: a conversion
/// that vectors have too.
@inline(__always)
private func byte(_ value: Float) -> UInt32 {
    ((value < 0 ? 0 : value > 255 ? 255 : value) + 0x1p23).bitPattern & 0xFF
}
