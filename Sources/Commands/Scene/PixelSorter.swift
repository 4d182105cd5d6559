// Sorts the events of a slot in the order of the sensor's readout.

/// Sorts keys by all bits but the lowest (the pixel, not the polarity), keeping the order of equal ones.
///
/// A slot has anything from none to thousands of keys: few are inserted, many take three passes of a radix sort.
struct PixelSorter {
    private var other: [UInt32] = []
    private var starts = [Int](repeating: 0, count: 1 << 10)

    mutating func sort(_ keys: inout [UInt32]) {
        if keys.count < 48 { return PixelSorter.insert(&keys) }
        if other.count < keys.count { other = [UInt32](repeating: 0, count: keys.count * 2) }
        let count = keys.count
        // Digits of 10, 10 and 8 bits.
        keys.withUnsafeMutableBufferPointer { keys in
            other.withUnsafeMutableBufferPointer { other in
                starts.withUnsafeMutableBufferPointer { starts in
                    PixelSorter.pass(keys, to: other, count, shift: 1, starts)
                    PixelSorter.pass(other, to: keys, count, shift: 11, starts)
                    PixelSorter.pass(keys, to: other, count, shift: 21, starts)
                    for index in 0..<count { keys[index] = other[index] }
                }
            }
        }
    }

    private static func pass(
        _ from: UnsafeMutableBufferPointer<UInt32>, to: UnsafeMutableBufferPointer<UInt32>, _ count: Int, shift: UInt32,
        _ starts: UnsafeMutableBufferPointer<Int>
    ) {
        starts.update(repeating: 0)
        for index in 0..<count { starts[Int((from[index] &>> shift) & 0x3ff)] &+= 1 }
        var sum = 0
        for digit in starts.indices {
            let here = starts[digit]
            starts[digit] = sum
            sum &+= here
        }
        for index in 0..<count {
            let digit = Int((from[index] &>> shift) & 0x3ff)
            to[starts[digit]] = from[index]
            starts[digit] &+= 1
        }
    }

    private static func insert(_ keys: inout [UInt32]) {
        for index in keys.indices.dropFirst() {
            let key = keys[index]
            var place = index
            while place > 0 && keys[place - 1] &>> 1 > key &>> 1 {
                keys[place] = keys[place - 1]
                place -= 1
            }
            keys[place] = key
        }
    }
}
