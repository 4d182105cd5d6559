// Events of Prophesee's records, packed by Prophesee's codec.

import EventFiles

/// Packs chunks. For one thread.
struct EventPacker: ~Copyable {
    private var memory = WorkMemory()

    /// Bytes of room for a chunk.
    static let room = ECFEncoder.largestChunk
    private static let recordSize = 16

    /// Packs the first `count` records of `chunk`, 1...16384; every one has a place below 2048 x 2048.
    ///
    /// - Parameters:
    ///   - chunk: little endian: x (u16), y (u16), p (i16), two bytes, t (i64).
    ///   - room: `EventPacker.room` bytes.
    mutating func pack(
        _ chunk: UnsafeRawBufferPointer, count: Int, into room: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        let length = ECFEncoder.chunkLength
        precondition((1...length).contains(count) && chunk.count >= count * Self.recordSize && room.count >= Self.room)
        guard let start = memory.bytes(length * 12).baseAddress, let source = chunk.baseAddress else {
            preconditionFailure("events without memory")
        }
        let times = start.bindMemory(to: Int64.self, capacity: length)
        let cells = (start + length * 8).bindMemory(to: UInt32.self, capacity: length)
        for i in 0..<count {
            let event = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: 16 &* i, as: UInt64.self))
            let (x, y) = (UInt32(truncatingIfNeeded: event & 0x7FF), UInt32(truncatingIfNeeded: event &>> 16 & 0x7FF))
            cells[i] = y &<< 12 | x &<< 1 | UInt32(truncatingIfNeeded: event &>> 32 & 1)
            times[i] = Int64(littleEndian: source.loadUnaligned(fromByteOffset: 16 &* i &+ 8, as: Int64.self))
        }
        guard let size = ECFEncoder.encodeSmallest(cells, times, count: count, into: room) else {
            preconditionFailure("no chunk is larger than the largest")
        }
        return UnsafeRawBufferPointer(rebasing: room[..<size])
    }
}
