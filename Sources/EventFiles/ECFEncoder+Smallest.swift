// Chunks of a file that is stored, where each may have its own length: packed in whichever of the codec's ways is the
// shortest.
//
// Times are as in all chunks. What follows is one of these (https://github.com/prophesee-ai/hdf5_ecf):
//
// - Together: 24 bits for each event.
// - Rows, then pairs. Rows: a u16 for each run of events in one row, y << 5 | events; 31 says that a u16 with their
//   number
//   follows. Pairs: events of 12 bits, x << 1 | p, four in three u16, each in the upper bits that are left first.
// - Rows, then columns, then polarities. Columns: a u16, x << 5 and a bit for each of the five columns to the right,
//   the
//   next one first, that has the next event; so up to six events that go to the right. Polarities: a byte for each run
//   of the same, p << 7 | events; 127 says that a u16 with their number follows.

extension ECFEncoder {
    /// No chunk has more bytes, whatever its events are: a time of sixteen bytes, and one of its own, for each.
    package static let largestChunk = headSize + 17 * chunkLength + stepSize + packedSize

    /// The bits of the first word that say how a chunk is packed.
    private enum Way: UInt32 {
        case rowsColumnsPolarities = 0
        case rowsPairs = 1
        case together = 2
    }

    /// Packs `count` events, 1...16384, as `encode` does, into as few bytes as it takes.
    ///
    /// - Parameters:
    ///   - cells: y << 12 | x << 1 | p of each event, x and y below 2048; those up to a full chunk are set to 0.
    ///   - times: us.
    ///   - chunk: room for `largestChunk`.
    /// - Returns: the bytes written; nil for another number of events or too little room.
    package static func encodeSmallest(
        _ cells: UnsafeMutablePointer<UInt32>, _ times: UnsafePointer<Int64>, count: Int,
        into chunk: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard let start = chunk.baseAddress, (1...chunkLength).contains(count), chunk.count >= largestChunk,
            let used = encodeTimes(
                times, count, (start + headSize).assumingMemoryBound(to: UInt8.self),
                room: chunk.count - headSize - packedSize)
        else { return nil }
        for i in count..<chunkLength { cells[i] = 0 }
        let way = shortestWay(cells)
        store(UInt32(chunkLength) << 2 | way.rawValue, start)
        store(UInt64(bitPattern: times[0]), start + 4)
        var target = start + headSize + used
        switch way {
        case .together:
            pack(cells, target)
            target += packedSize
        case .rowsPairs:
            target += packRows(cells, target)
            target += packPairs(cells, target)
        case .rowsColumnsPolarities:
            target += packRows(cells, target)
            target += packColumns(cells, target)
            target += packPolarities(cells, target)
        }
        return target - start
    }

    private static func shortestWay(_ cells: UnsafePointer<UInt32>) -> Way {
        let rows = packRows(cells, nil)
        // Columns take a third of a byte of an event at least.
        guard rows + chunkLength / 3 < packedSize else { return .together }
        let apart = packColumns(cells, nil) + packPolarities(cells, nil)
        let best = rows + min(apart, pairsSize)
        return best >= packedSize ? .together : apart < pairsSize ? .rowsColumnsPolarities : .rowsPairs
    }

    private static let pairsSize = chunkLength * 3 / 2

    // Each packs a full chunk, or only counts where there is no target, and returns its bytes.

    @inline(__always)
    private static func packRows(_ cells: UnsafePointer<UInt32>, _ target: UnsafeMutableRawPointer?) -> Int {
        var (i, used) = (0, 0)
        while i < chunkLength {
            let row = cells[i] &>> 12
            var next = i &+ 1
            while next < chunkLength, cells[next] &>> 12 == row { next &+= 1 }
            let run = next &- i
            if let target {
                store(UInt16(truncatingIfNeeded: row &<< 5 | UInt32(truncatingIfNeeded: min(run, 31))), target + used)
                if run >= 31 { store(UInt16(truncatingIfNeeded: run), target + (used &+ 2)) }
            }
            used &+= run >= 31 ? 4 : 2
            i = next
        }
        return used
    }

    @inline(__always)
    private static func packColumns(_ cells: UnsafePointer<UInt32>, _ target: UnsafeMutableRawPointer?) -> Int {
        var (i, used) = (0, 0)
        while i < chunkLength {
            let first = (cells[i] &>> 1) & 0x7FF
            var (word, last) = (first &<< 5, first)
            i &+= 1
            while i < chunkLength {
                let column = (cells[i] &>> 1) & 0x7FF
                guard column > last, column &- first <= 5 else { break }
                word |= 1 &<< (5 &- (column &- first))
                last = column
                i &+= 1
            }
            if let target { store(UInt16(truncatingIfNeeded: word), target + used) }
            used &+= 2
        }
        return used
    }

    @inline(__always)
    private static func packPolarities(_ cells: UnsafePointer<UInt32>, _ target: UnsafeMutableRawPointer?) -> Int {
        var (i, used) = (0, 0)
        while i < chunkLength {
            let polarity = cells[i] & 1
            var next = i &+ 1
            while next < chunkLength, cells[next] & 1 == polarity { next &+= 1 }
            let run = next &- i
            if let target {
                store(UInt8(truncatingIfNeeded: polarity &<< 7) | UInt8(min(run, 127)), target + used)
                if run >= 127 { store(UInt16(truncatingIfNeeded: run), target + (used &+ 1)) }
            }
            used &+= run >= 127 ? 3 : 1
            i = next
        }
        return used
    }

    private static func packPairs(_ cells: UnsafePointer<UInt32>, _ target: UnsafeMutableRawPointer) -> Int {
        var (i, place) = (0, 0)
        while i < chunkLength {
            let (a, b) = (cells[i] & 0xFFF, cells[i &+ 1] & 0xFFF)
            let (c, d) = (cells[i &+ 2] & 0xFFF, cells[i &+ 3] & 0xFFF)
            store(UInt16(truncatingIfNeeded: a &<< 4 | b & 0xF), target + place)
            store(UInt16(truncatingIfNeeded: (b &>> 4) &<< 8 | c & 0xFF), target + (place &+ 2))
            store(UInt16(truncatingIfNeeded: (c &>> 8) &<< 12 | d), target + (place &+ 4))
            i &+= 4
            place &+= 6
        }
        return place
    }
}
