// From shares to pixels, row by row: the loops that frames are played through.

/// `share` to the power of 0.7: weak values are lifted a little, so that single events are seen beside many, and noise
/// is not. 0...1 to 0...1, with an error below 3e-7.
///
/// As 2^(0.7 log2(share)), by polynomials that were fitted at Chebyshev's nodes: without a branch or a call, so that
/// loops of it become vectors, and the same bits on all machines.
@inline(__always)
package func lifted(_ share: Float) -> Float {
    // share = 2^exponent (1 + z), 1 + z being within the square roots of 1/2 and 2.
    let bits = share.bitPattern &- 0x3F35_04F3
    let exponent = Float(Int32(bitPattern: bits) &>> 23)
    let z = Float(bitPattern: (bits & 0x7F_FFFF) &+ 0x3F35_04F3) - 1
    // log2(1 + z) / z.
    var p: Float = -0.14620353
    p = p * z + 0.23420985
    p = p * z - 0.24882181
    p = p * z + 0.28707561
    p = p * z - 0.36024199
    p = p * z + 0.48092404
    p = p * z - 0.72135276
    p = p * z + 1.44269496
    let logarithm = 0.7 * (p * z + exponent)
    // From 1.5 * 2^23 on, numbers are integers, which the lowest bits hold.
    let sum = logarithm + 0x1.8p23
    let f = logarithm - (sum - 0x1.8p23)
    // 2^f, f in -0.5...0.5.
    var q: Float = 0.00134004
    q = q * f + 0.00967604
    q = q * f + 0.05550327
    q = q * f + 0.24022107
    q = q * f + 0.69314721
    q = q * f + 1.00000008
    return Float(bitPattern: q.bitPattern &+ sum.bitPattern &<< 23)
}

extension Palette {
    /// Writes the colours of a row of two planes.
    func write(
        off: UnsafeMutableBufferPointer<Float>, on: UnsafeMutableBufferPointer<Float>, _ scale: ColorScale,
        into row: UnsafeMutableBufferPointer<UInt32>
    ) {
        let (ground, blue, orange) = (ground, self.off - ground, self.on - ground)
        for x in 0..<row.count {
            let (less, more) = (lifted(scale.share(off[x])), lifted(scale.share(on[x])))
            row[x] = pixel(
                ground.x + less * blue.x + more * orange.x, ground.y + less * blue.y + more * orange.y,
                ground.z + less * blue.z + more * orange.z)
        }
    }

    /// Writes the colours of a row of a plane that has one.
    func write(
        plain: UnsafeMutableBufferPointer<Float>, _ scale: ColorScale, into row: UnsafeMutableBufferPointer<UInt32>
    ) {
        let (ground, bright) = (ground, self.plain - ground)
        for x in 0..<row.count {
            let share = lifted(scale.share(plain[x]))
            row[x] = pixel(ground.x + share * bright.x, ground.y + share * bright.y, ground.z + share * bright.z)
        }
    }

    /// Writes the colours of a row of bins: `total` is their sum, `moment` that of the bins times their numbers. The
    /// hue is that of the mean bin; where nothing is, or it cannot be said, there is none.
    func write(
        _ total: UnsafeMutableBufferPointer<Float>, moment: UnsafeMutableBufferPointer<Float>, bins: Int,
        _ scale: ColorScale, into row: UnsafeMutableBufferPointer<UInt32>
    ) {
        let last = Float(max(1, bins - 1))
        for x in 0..<row.count {
            let (sum, mean) = (total[x], moment[x] / (total[x] * last))
            let isThere = sum > 0 && sum < .infinity
            row[x] = pixel(isThere ? time(mean < 1 ? mean : 1, scale.share(sum)) : ground)
        }
    }
}
