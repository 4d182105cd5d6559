// Which bytes of a virtual file lie where: an ordered map from virtual offsets to runs of bytes in data files.

/// A run of bytes of the virtual file that lie one after the other in one data file.
package struct Extent: Hashable, Sendable, BitwiseCopyable {
    /// Offset in the virtual file.
    package var start: Int64
    package var length: Int64
    /// The data file's number.
    package var file: Int64
    /// Offset in the data file.
    package var offset: Int64

    package init(start: Int64, length: Int64, file: Int64, offset: Int64) {
        self.start = start
        self.length = length
        self.file = file
        self.offset = offset
    }

    package var end: Int64 { start + length }

    /// The part of it in `range`, which it meets.
    func clamped(to range: Range<Int64>) -> Extent {
        let lower = max(start, range.lowerBound)
        return Extent(
            start: lower, length: min(end, range.upperBound) - lower, file: file, offset: offset + (lower - start))
    }

    /// Whether `next` goes on where this ends, in both files.
    func isContinued(by next: Extent) -> Bool {
        end == next.start && file == next.file && offset + length == next.offset
    }
}

/// Extents sorted by their start, none of them overlapping. What no extent covers is zeros.
///
/// They are kept in blocks of a few hundred, so that a change moves kilobytes however many there are; copies share the
/// blocks that neither side changed since.
package struct ExtentMap: Sendable {
    private static let blockLimit = 512

    /// None is empty.
    private var blocks: [[Extent]] = []
    /// The start of each block's first extent.
    private var starts: [Int64] = []
    package private(set) var count = 0

    package init() {}

    /// Takes extents that are sorted and do not overlap; nil when they are not, are empty, or leave 0..<Int64.max.
    package init?(sorted extents: some Sequence<Extent>) {
        var last: Int64 = 0
        for extent in extents {
            guard extent.start >= last, extent.length > 0, extent.offset >= 0, extent.file > 0 else { return nil }
            let (end, overflow) = extent.start.addingReportingOverflow(extent.length)
            guard !overflow, !extent.offset.addingReportingOverflow(extent.length).overflow else { return nil }
            last = end
            append(extent)
        }
    }

    /// Where the last extent ends; 0 when there is none.
    package var end: Int64 { blocks.last?.last?.end ?? 0 }

    private mutating func append(_ extent: Extent) {
        if let last = blocks.indices.last, blocks[last].count < ExtentMap.blockLimit {
            blocks[last].append(extent)
        } else {
            insertBlock([extent], at: blocks.count)
        }
        count += 1
    }

    // MARK: Looking up

    /// A place in the map; after the last extent of all it is (number of blocks, 0).
    private struct Position {
        var block: Int
        var index: Int
    }

    /// The first extent that ends behind `offset`.
    private func position(after offset: Int64) -> Position {
        // The last block that begins at or before the offset.
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return Position(block: 0, index: 0) }
        let block = low - 1
        let index = blocks[block].withUnsafeBufferPointer { extents in
            var low = 0
            var high = extents.count
            while low < high {
                let middle = (low + high) / 2
                if extents[middle].end <= offset { low = middle + 1 } else { high = middle }
            }
            return low
        }
        return index < blocks[block].count
            ? Position(block: block, index: index) : Position(block: block + 1, index: 0)
    }

    private func next(_ position: Position) -> Position {
        position.index + 1 < blocks[position.block].count
            ? Position(block: position.block, index: position.index + 1) : Position(block: position.block + 1, index: 0)
    }

    /// Calls `body` with the extents in `range`, in order and cut to it.
    package func visit<E: Error>(in range: Range<Int64>, _ body: (Extent) throws(E) -> Void) throws(E) {
        var position = position(after: range.lowerBound)
        while position.block < blocks.count {
            let extent = blocks[position.block][position.index]
            guard extent.start < range.upperBound else { return }
            try body(extent.clamped(to: range))
            position = next(position)
        }
    }

    /// Calls `body` with all extents, in order.
    package func visit<E: Error>(_ body: (Extent) throws(E) -> Void) throws(E) {
        for block in blocks { for extent in block { try body(extent) } }
    }

    /// The first extent of the data file `file` in `range`, cut to it.
    package func first(of file: Int64, in range: Range<Int64>) -> Extent? {
        var position = position(after: range.lowerBound)
        while position.block < blocks.count {
            let extent = blocks[position.block][position.index]
            guard extent.start < range.upperBound else { return nil }
            if extent.file == file { return extent.clamped(to: range) }
            position = next(position)
        }
        return nil
    }

    /// Bytes that extents have in each data file.
    package func bytesByFile() -> [Int64: Int64] {
        var bytes: [Int64: Int64] = [:]
        visit { bytes[$0.file, default: 0] += $0.length }
        return bytes
    }

    // MARK: Changing

    /// Puts an extent into its place; what was there before is cut away. Joins it with neighbours that it continues.
    package mutating func insert(_ extent: Extent) {
        guard extent.length > 0 else { return }
        if let last = blocks.indices.last, extent.start >= end {
            let index = blocks[last].count - 1
            if blocks[last][index].isContinued(by: extent) {
                blocks[last][index].length += extent.length
            } else {
                append(extent)
            }
            return
        }
        remove(extent.start..<extent.end)
        let position = position(after: extent.start)
        if let before = previous(position), blocks[before.block][before.index].isContinued(by: extent) {
            blocks[before.block][before.index].length += extent.length
            let joined = blocks[before.block][before.index]
            if position.block < blocks.count, joined.isContinued(by: blocks[position.block][position.index]) {
                blocks[before.block][before.index].length += blocks[position.block][position.index].length
                removeExtents(position.index..<position.index + 1, in: position.block)
            }
        } else if position.block < blocks.count, extent.isContinued(by: blocks[position.block][position.index]) {
            blocks[position.block][position.index].start = extent.start
            blocks[position.block][position.index].offset = extent.offset
            blocks[position.block][position.index].length += extent.length
            starts[position.block] = blocks[position.block][0].start
        } else {
            insert(extent, at: position)
        }
    }

    /// Leaves zeros in `range`.
    package mutating func remove(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        var position = position(after: range.lowerBound)
        guard position.block < blocks.count else { return }
        let first = blocks[position.block][position.index]
        if first.start < range.lowerBound {
            blocks[position.block][position.index].length = range.lowerBound - first.start
            position = next(position)
            if first.end > range.upperBound {
                insert(first.clamped(to: range.upperBound..<first.end), at: position)
                return
            }
        }
        while position.block < blocks.count {
            // What lies wholly in the range, then one that reaches beyond.
            let (stop, count) = blocks[position.block].withUnsafeBufferPointer { extents in
                var stop = position.index
                while stop < extents.count, extents[stop].end <= range.upperBound { stop += 1 }
                return (stop, extents.count)
            }
            let all = stop == count
            if !all {
                let extent = blocks[position.block][stop]
                if extent.start < range.upperBound {
                    blocks[position.block][stop] = extent.clamped(to: range.upperBound..<extent.end)
                    if stop == 0 { starts[position.block] = range.upperBound }
                }
            }
            let emptied = all && position.index == 0
            removeExtents(position.index..<stop, in: position.block)
            if !all { return }
            position = Position(block: position.block + (emptied ? 0 : 1), index: 0)
        }
    }

    private func previous(_ position: Position) -> Position? {
        if position.index > 0 { return Position(block: position.block, index: position.index - 1) }
        guard position.block > 0 else { return nil }
        return Position(block: position.block - 1, index: blocks[position.block - 1].count - 1)
    }

    /// Inserts before `position`; the extent overlaps nothing.
    private mutating func insert(_ extent: Extent, at position: Position) {
        count += 1
        var position = position
        if position.index == 0, let before = previous(position) {
            // Behind a block's last rather than before the next one's first: blocks' starts stay.
            position = Position(block: before.block, index: before.index + 1)
        }
        guard position.block < blocks.count else { return insertBlock([extent], at: blocks.count) }
        if blocks[position.block].count >= ExtentMap.blockLimit {
            let middle = ExtentMap.blockLimit / 2
            let upper = Array(blocks[position.block][middle...])
            blocks[position.block].removeSubrange(middle...)
            insertBlock(upper, at: position.block + 1)
            if position.index > middle {
                position = Position(block: position.block + 1, index: position.index - middle)
            }
        }
        blocks[position.block].insert(extent, at: position.index)
        starts[position.block] = blocks[position.block][0].start
    }

    private mutating func insertBlock(_ extents: [Extent], at index: Int) {
        var block: [Extent] = []
        block.reserveCapacity(ExtentMap.blockLimit)
        block += extents
        blocks.insert(block, at: index)
        starts.insert(block[0].start, at: index)
    }

    private mutating func removeExtents(_ range: Range<Int>, in block: Int) {
        count -= range.count
        if range.count == blocks[block].count {
            blocks.remove(at: block)
            starts.remove(at: block)
        } else {
            blocks[block].removeSubrange(range)
            starts[block] = blocks[block][0].start
        }
    }
}
