// What HDF5's shuffle filter does: the first bytes of all elements, then their second ones, and so on.
//
// HDF5 File Format Specification 3.0, IV.A.2.l: filter 2.

/// Bytes of numbers that are near each other pack better when those of the same weight are side by side.
enum ByteShuffle {
    /// Writes the elements of `source`, `size` bytes each, to `target` plane by plane; a rest that is no element as it
    /// is.
    static func shuffle(_ source: UnsafeRawBufferPointer, _ size: Int, into target: UnsafeMutableRawPointer) {
        guard let start = source.baseAddress else { return }
        guard size > 1 else { return target.copyMemory(from: start, byteCount: source.count) }
        let count = source.count / size
        var done = 0
        if size == 2 {
            done = pairs(start, count, target)
        } else if size == 4 {
            done = quads(start, count, target)
        } else if size % 8 == 0 {
            done = eights(start, count, size, target)
        }
        for element in done..<max(done, count) {
            for byte in 0..<size {
                target.storeBytes(
                    of: start.load(fromByteOffset: element &* size &+ byte, as: UInt8.self),
                    toByteOffset: byte &* count &+ element, as: UInt8.self)
            }
        }
        let rest = count * size
        if rest < source.count {
            (target + rest).copyMemory(from: start + rest, byteCount: source.count - rest)
        }
    }

    // Each takes as many elements at a time as give whole words, and returns how many it took.

    private static func pairs(_ start: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer) -> Int {
        /// The even bytes of a word, side by side.
        func even(_ word: UInt64) -> UInt64 {
            var word = word & 0x00FF_00FF_00FF_00FF
            word = (word | word >> 8) & 0x0000_FFFF_0000_FFFF
            return (word | word >> 16) & 0xFFFF_FFFF
        }
        let taken = count & ~7
        for element in stride(from: 0, to: taken, by: 8) {
            let low = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 2 &* element, as: UInt64.self))
            let high = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 2 &* element &+ 8, as: UInt64.self))
            store(even(low) | even(high) << 32, target, element)
            store(even(low >> 8) | even(high >> 8) << 32, target, count &+ element)
        }
        return taken
    }

    private static func quads(_ start: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer) -> Int {
        let taken = count & ~15
        for element in stride(from: 0, to: taken, by: 16) {
            // Two elements a row, so that columns are of elements that follow each other.
            var rows = Rows { row in
                let low = start.loadUnaligned(fromByteOffset: 4 &* (element &+ row), as: UInt32.self)
                let high = start.loadUnaligned(fromByteOffset: 4 &* (element &+ row &+ 8), as: UInt32.self)
                return UInt64(UInt32(littleEndian: low)) | UInt64(UInt32(littleEndian: high)) << 32
            }
            rows.transpose()
            rows.takeColumns { column, word in
                store(word, target, (column & 3) &* count &+ element &+ (column & 4) &* 2)
            }
        }
        return taken
    }

    private static func eights(
        _ start: UnsafeRawPointer, _ count: Int, _ size: Int, _ target: UnsafeMutableRawPointer
    ) -> Int {
        let taken = count & ~7
        for element in stride(from: 0, to: taken, by: 8) {
            for lane in stride(from: 0, to: size, by: 8) {
                var rows = Rows { row in
                    UInt64(
                        littleEndian: start.loadUnaligned(
                            fromByteOffset: (element &+ row) &* size &+ lane, as: UInt64.self))
                }
                rows.transpose()
                rows.takeColumns { column, word in store(word, target, (lane &+ column) &* count &+ element) }
            }
        }
        return taken
    }

    private static func store(_ word: UInt64, _ target: UnsafeMutableRawPointer, _ offset: Int) {
        target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
    }

    /// Eight by eight bytes: a word is a row, its lowest byte the first column.
    private struct Rows {
        var a, b, c, d, e, f, g, h: UInt64

        init(_ row: (Int) -> UInt64) {
            (a, b, c, d) = (row(0), row(1), row(2), row(3))
            (e, f, g, h) = (row(4), row(5), row(6), row(7))
        }

        /// Squares of 4, 2, and 1 bytes change places across the diagonal.
        mutating func transpose() {
            let four: UInt64 = 0x0000_0000_FFFF_FFFF
            Self.swap(&a, &e, 32, four)
            Self.swap(&b, &f, 32, four)
            Self.swap(&c, &g, 32, four)
            Self.swap(&d, &h, 32, four)
            let two: UInt64 = 0x0000_FFFF_0000_FFFF
            Self.swap(&a, &c, 16, two)
            Self.swap(&b, &d, 16, two)
            Self.swap(&e, &g, 16, two)
            Self.swap(&f, &h, 16, two)
            let one: UInt64 = 0x00FF_00FF_00FF_00FF
            Self.swap(&a, &b, 8, one)
            Self.swap(&c, &d, 8, one)
            Self.swap(&e, &f, 8, one)
            Self.swap(&g, &h, 8, one)
        }

        private static func swap(_ upper: inout UInt64, _ lower: inout UInt64, _ shift: UInt64, _ mask: UInt64) {
            let difference = (upper &>> shift ^ lower) & mask
            lower ^= difference
            upper ^= difference &<< shift
        }

        func takeColumns(_ body: (Int, UInt64) -> Void) {
            body(0, a)
            body(1, b)
            body(2, c)
            body(3, d)
            body(4, e)
            body(5, f)
            body(6, g)
            body(7, h)
        }
    }
}
