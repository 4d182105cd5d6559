// Which bytes of a tensor file are what: head | frames | last timestamps | tail. Knows nothing of how head and tail
// came to be.

/// The regions of a tensor file. They follow each other without gaps: the head, `frameCount` frames, the bytes of
/// `/last_timestamps` if there are any, the tail.
public struct TensorFileMap: Hashable, Sendable {
    /// Where frame 0 begins: the bytes of the head.
    public let dataOffset: Int64
    /// Bytes of one frame.
    public let frameBytes: Int
    public let frameCount: Int
    /// Where the bytes of `/last_timestamps` begin: where the last frame ends.
    public let timestampsOffset: Int64
    /// Where the tail begins: after the last timestamps.
    public let tailOffset: Int64
    /// Bytes of the whole file.
    public let size: Int64

    /// The map of a file whose numbers were checked not to overflow.
    init(dataOffset: Int64, frameBytes: Int, frameCount: Int, timestampBytes: Int64, size: Int64) {
        self.dataOffset = dataOffset
        self.frameBytes = frameBytes
        self.frameCount = frameCount
        timestampsOffset = dataOffset + Int64(frameBytes) * Int64(frameCount)
        tailOffset = timestampsOffset + timestampBytes
        self.size = size
    }

    /// The map of the same file with a longer or shorter tail, or none: it ends at `size`, `tailOffset` or more.
    public func ending(at size: Int64) -> TensorFileMap {
        TensorFileMap(
            dataOffset: dataOffset, frameBytes: frameBytes, frameCount: frameCount,
            timestampBytes: tailOffset - timestampsOffset, size: max(size, tailOffset))
    }

    /// A run of bytes that come from one place.
    public enum Piece: Hashable, Sendable {
        /// Bytes of the head.
        case head(Range<Int>)
        /// Bytes `range` of frame `index`.
        case frame(index: Int, range: Range<Int>)
        /// Bytes of the array of `/last_timestamps`.
        case timestamps(Range<Int>)
        /// Bytes of the tail.
        case tail(Range<Int>)

        /// The number of bytes.
        public var count: Int {
            switch self {
            case .head(let range), .frame(_, let range), .timestamps(let range), .tail(let range): range.count
            }
        }
    }

    /// The pieces of the bytes in `range`, in order; what of it lies outside the file is left out. With `blockLength`,
    /// each piece `.frame` is of a block of that many frames in a row (the last one may have fewer), and its index that
    /// of the block.
    public func pieces(in range: Range<Int64>, blockLength: Int = 1) -> [Piece] {
        var pieces: [Piece] = []
        forEachPiece(in: range, blockLength: blockLength) { pieces.append($0) }
        return pieces
    }

    /// Calls `body` with the pieces of the bytes in `range`, as `pieces(in:blockLength:)` lists them.
    @inlinable
    public func forEachPiece<E: Error>(
        in range: Range<Int64>, blockLength: Int = 1, _ body: (Piece) throws(E) -> Void
    ) throws(E) {
        let blockBytes = frameBytes * blockLength
        let range = range.clamped(to: 0..<size)
        guard !range.isEmpty else { return }
        let head = range.clamped(to: 0..<dataOffset)
        if !head.isEmpty { try body(.head(Int(head.lowerBound)..<Int(head.upperBound))) }

        let data = range.clamped(to: dataOffset..<timestampsOffset)
        if !data.isEmpty {
            // Not empty: there is a frame, so frameBytes is 1 or more.
            let end = Int(data.upperBound - dataOffset)
            var position = Int(data.lowerBound - dataOffset)
            while position < end {
                let index = position / blockBytes
                let start = index * blockBytes
                let stop = min(end - start, blockBytes)
                try body(.frame(index: index, range: (position - start)..<stop))
                position = start + stop
            }
        }

        let timestamps = range.clamped(to: timestampsOffset..<tailOffset)
        if !timestamps.isEmpty {
            try body(
                .timestamps(
                    Int(timestamps.lowerBound - timestampsOffset)..<Int(timestamps.upperBound - timestampsOffset)))
        }
        let tail = range.clamped(to: tailOffset..<size)
        if !tail.isEmpty {
            try body(.tail(Int(tail.lowerBound - tailOffset)..<Int(tail.upperBound - tailOffset)))
        }
    }
}
