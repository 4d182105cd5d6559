// Prophesee's packing of events, ECF, in chunks that all have the same number of bytes.
//
// The packing, as https://github.com/prophesee-ai/hdf5_ecf reads it; all numbers are little endian:
//
// - u32: number of events << 2 | 2 when y, x and p are packed together | 1 when only x and p are.
// - u64: the time that the first event's is counted from.
// - Times, a byte at a time. The upper half 15: the lower half is four more bits of a number, the lowest first, which
//   is
//   added to the time when another byte comes. Else the upper half is added to the time, and as many events as the
//   lower half says have it; where that is 15, a u16 follows that says how many. Sums have 64 bits and go around, so
//   that the time can go back: by sixteen bytes.
// - Packed together: events of 24 bits, y << 12 | x << 1 | p, four in three u32, each in the upper bits that are left
//   first.
//
// What follows is not read. So a chunk ends with zeros, up to the bytes that the fullest one can have. As that is so,
// packing y, x and p in the codec's other ways, whose length depends on the events, would make no file smaller. A file
// that is stored gets them: see ECFEncoder+Smallest.swift.

/// Makes chunks.
package enum ECFEncoder {
    /// Events of a chunk, also of the last one of a file: OpenEB's reader and writer have no other.
    package static let chunkLength = 16384
    /// Sides of sensors that the packing has bits for.
    static let largestSide = 2048
    static let headSize = 12
    static let packedSize = chunkLength * 3
    /// More than the bytes of times that one step writes: a number of sixteen, and a number of events of three.
    static let stepSize = 24

    /// Bytes that every chunk of a file has: as many as the fullest possible one, rounded up.
    ///
    /// - Parameters:
    ///   - events: of the file; a chunk has 16384 of them at most.
    ///   - backwardSteps: how many of its events are earlier than the one before.
    ///   - span: us from the earliest to the latest.
    package static func chunkSize(events: Int64, backwardSteps: Int64, span: Int64) -> Int {
        let count = Int(max(1, min(events, Int64(chunkLength))))
        let back = Int(max(0, min(backwardSteps, Int64(count - 1))))
        // Between two steps back times rise, by no more than the span.
        let (rise, overflow) = max(0, span).multipliedReportingOverflow(by: Int64(back) + 1)
        let forward = count - 1 - back
        let digits = 16 * back + (overflow ? 16 * forward : digits(of: forward, rise: rise))
        // A number of events takes a byte, or three from 15 on: no more bytes than events.
        let size = headSize + digits + count + stepSize + packedSize
        return (size + 15) & ~15
    }

    /// The most bytes of numbers that `count` steps forward have, which add up to `rise`.
    ///
    /// A step below 15 has none. One of d bytes, d above 1, is at least 16^(d-1): of all ways to have so many bytes,
    /// the one with the steps as equal as possible needs the least time.
    private static func digits(of count: Int, rise: Int64) -> Int {
        guard count > 0 else { return 0 }
        var (digits, left, cost, gain) = (0, rise, 16 as Int64, 2)
        for _ in 0..<15 {
            let steps = Int(min(Int64(count), left / cost))
            digits += gain * steps
            if steps < count { return digits + gain }
            left -= Int64(steps) * cost
            let (more, overflow) = (cost == 16 ? 240 : cost).multipliedReportingOverflow(by: cost == 16 ? 1 : 16)
            if overflow { break }
            (cost, gain) = (more, 1)
        }
        return digits
    }

    /// Packs `count` events, 1...16384, and writes every byte of `chunk`. A chunk that is not full ends with events of
    /// zeros at the time of the last: readers want all, and do not look at these.
    ///
    /// - Parameters:
    ///   - cells: y << 12 | x << 1 | p of each event, x and y below 2048; those up to a full chunk are set to 0.
    ///   - times: us.
    /// - Returns: false when the chunk has no room for them, which `chunkSize` rules out for events that it was told
    ///   of.
    package static func encode(
        _ cells: UnsafeMutablePointer<UInt32>, _ times: UnsafePointer<Int64>, count: Int,
        into chunk: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let start = chunk.baseAddress, (1...chunkLength).contains(count), chunk.count >= headSize + packedSize
        else { return false }
        store(UInt32(chunkLength) << 2 | 2, start)
        store(UInt64(bitPattern: times[0]), start + 4)
        let room = chunk.count - headSize - packedSize
        guard let used = encodeTimes(times, count, (start + headSize).assumingMemoryBound(to: UInt8.self), room: room)
        else { return false }
        for i in count..<chunkLength { cells[i] = 0 }
        let packed = start + headSize + used
        pack(cells, packed)
        (packed + packedSize).initializeMemory(as: UInt8.self, repeating: 0, count: room - used)
        return true
    }

    /// Returns the bytes written; nil when there are not so many. The last event's time stands for those up to a full
    /// chunk.
    static func encodeTimes(
        _ times: UnsafePointer<Int64>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>, room: Int
    ) -> Int? {
        let end = room - stepSize
        var (used, i, now) = (0, 0, times[0])
        while i < count {
            guard used <= end else { return nil }
            let time = times[i]
            var step = UInt64(bitPattern: time &- now)
            if step >= 15 {
                while step > 0 {
                    target[used] = 0xF0 | UInt8(truncatingIfNeeded: step & 15)
                    used &+= 1
                    step &>>= 4
                }
            }
            now = time
            let next = endOfRun(times, i, count)
            let run = (next == count ? chunkLength : next) &- i
            if run < 15 {
                target[used] = UInt8(truncatingIfNeeded: step) &<< 4 | UInt8(truncatingIfNeeded: run)
                used &+= 1
            } else {
                target[used] = UInt8(truncatingIfNeeded: step) &<< 4 | 15
                target[used &+ 1] = UInt8(truncatingIfNeeded: run)
                target[used &+ 2] = UInt8(truncatingIfNeeded: run &>> 8)
                used &+= 3
            }
            i = next
        }
        return used
    }

    /// The first event from `i` on with another time than that of `i`.
    @inline(__always)
    private static func endOfRun(_ times: UnsafePointer<Int64>, _ i: Int, _ count: Int) -> Int {
        let time = times[i]
        var next = i &+ 1
        while next < count, times[next] == time { next &+= 1 }
        return next
    }

    /// Packs a full chunk.
    static func pack(_ cells: UnsafePointer<UInt32>, _ target: UnsafeMutableRawPointer) {
        var (i, place) = (0, 0)
        while i < chunkLength {
            let (a, b, c, d) = (cells[i], cells[i &+ 1], cells[i &+ 2], cells[i &+ 3])
            store(a &<< 8 | b & 0xFF, target + place)
            store((b &>> 8) &<< 16 | c & 0xFFFF, target + (place &+ 4))
            store((c &>> 16) &<< 24 | d, target + (place &+ 8))
            i &+= 4
            place &+= 12
        }
    }

    @inline(__always)
    static func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, _ target: UnsafeMutableRawPointer) {
        target.storeBytes(of: value.littleEndian, as: T.self)
    }
}
