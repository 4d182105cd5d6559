// Pieces of a reply that own their bytes.

/// Bytes on the heap that a reply can point into.
final class HeldBytes: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    /// How many of the bytes are in use.
    let count: Int

    /// Lets `fill` write up to `capacity` bytes; it returns how many it wrote.
    init(capacity: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Int) rethrows {
        memory = .allocate(byteCount: max(capacity, 1), alignment: 16)
        do { count = try fill(UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity])) } catch {
            memory.deallocate()
            throw error
        }
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(capacity: bytes.count) { memory in
            memory.copyBytes(from: bytes)
            return bytes.count
        }
    }

    deinit { memory.deallocate() }

    /// The part of the bytes in `range`, cut at their end.
    func piece(_ range: Range<Int>) -> ReadResult.Piece {
        let range = range.clamped(to: 0..<count)
        return ReadResult.Piece(bytes: UnsafeRawBufferPointer(rebasing: memory[range]), owner: self)
    }
}
