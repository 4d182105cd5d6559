// The index of a dataset's chunks, made from numbers: no entry is kept anywhere.

/// A version 1 B-tree over chunks of one size that follow each other, as every version of libhdf5 reads it. HDF5 File
/// Format Specification 3.0, III.A.1 "Disk Format: Level 1A1 - Version 1 B-trees".
///
/// Nodes have room for 64 children, which is twice the "indexed storage internal node K" of files whose superblock has
/// version 0. All but the last of a level are full. The leaves come first, the root last.
public struct ChunkIndex: Hashable, Sendable {
    /// The number of the dataset.
    public let dataset: Int
    /// Where the first node is in the file.
    public internal(set) var offset: Int64
    let chunkCount: Int
    let chunks: ChunkedStorage
    let elementSize: Int
    /// Where the first chunk is in the file.
    let dataOffset: Int64

    static let fanout = 64
    /// "TREE", type, level, number of children, and both neighbours.
    private static let headerSize = 24
    /// Bytes and filter mask of a chunk, then its first element along each dimension and in the element's bytes.
    private static let keySize = 4 + 4 + 8 + 8
    private static let addressSize = 8
    static let nodeSize = headerSize + (fanout + 1) * keySize + fanout * addressSize
    private static let noAddress = UInt64.max

    /// How many nodes each level has, the leaves first.
    private var levels: [Int] {
        var levels: [Int] = []
        var count = chunkCount
        repeat {
            count = (count - 1) / Self.fanout + 1
            levels.append(count)
        } while count > 1
        return levels
    }

    /// Bytes of all nodes.
    public var byteCount: Int64 {
        Int64(levels.reduce(0, &+)).multipliedReportingOverflow(by: Int64(Self.nodeSize)).partialValue
    }

    public var end: Int64 { offset.addingReportingOverflow(byteCount).partialValue }

    /// Where the root is in the file.
    public var root: Int64 { end.subtractingReportingOverflow(Int64(Self.nodeSize)).partialValue }

    /// The bytes `range` of the index, whose first node begins at 0.
    public func bytes(in range: Range<Int64>) -> [UInt8] {
        let range = range.clamped(to: 0..<byteCount)
        guard !range.isEmpty else { return [] }
        let size = Int64(Self.nodeSize)
        let nodes = Int(range.lowerBound / size)..<Int((range.upperBound - 1) / size) + 1
        var bytes: [UInt8] = []
        bytes.reserveCapacity(nodes.count * Self.nodeSize)
        for node in nodes { append(node, to: &bytes) }
        let start = Int(range.lowerBound - Int64(nodes.lowerBound) * size)
        return Array(bytes[start..<start + Int(range.upperBound - range.lowerBound)])
    }

    private func append(_ node: Int, to bytes: inout [UInt8]) {
        let levels = levels
        var (level, before, span) = (0, 0, 1)
        while node - before >= levels[level] {
            before += levels[level]
            span *= Self.fanout
            level += 1
        }
        let place = node - before
        // What is below: nodes, or chunks; `span` is how many chunks each stands for.
        let below = level == 0 ? chunkCount : levels[level - 1]
        let children = place * Self.fanout..<min(below, (place + 1) * Self.fanout)
        let end = bytes.count + Self.nodeSize
        bytes += "TREE".utf8
        bytes += [1, UInt8(level)]
        append(UInt16(children.count), to: &bytes)
        append(place > 0 ? address(ofNode: node - 1) : Self.noAddress, to: &bytes)
        append(place + 1 < levels[level] ? address(ofNode: node + 1) : Self.noAddress, to: &bytes)
        for child in children {
            appendKey(ofChunk: child * span, to: &bytes)
            let address =
                level == 0
                ? UInt64(dataOffset) + UInt64(child) * UInt64(chunks.byteCount)
                : address(ofNode: before - levels[level - 1] + child)
            append(address, to: &bytes)
        }
        appendKey(ofChunk: min(chunkCount, children.upperBound * span), to: &bytes)
        bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
    }

    private func address(ofNode node: Int) -> UInt64 { UInt64(offset) + UInt64(node) * UInt64(Self.nodeSize) }

    /// The one after the last chunk has no bytes, and as libhdf5 writes it is one further along all dimensions.
    private func appendKey(ofChunk chunk: Int, to bytes: inout [UInt8]) {
        let isChunk = chunk < chunkCount
        append(UInt32(isChunk ? chunks.byteCount : 0), to: &bytes)
        append(0 as UInt32, to: &bytes)
        append(UInt64(chunk) * UInt64(chunks.elements), to: &bytes)
        append(UInt64(isChunk ? 0 : elementSize), to: &bytes)
    }

    private func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
}
