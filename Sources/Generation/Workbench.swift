// What a worker has to itself: memory for a unit, and what it takes to pack it.

/// A unit that is computed and packed.
struct PackedUnit {
    struct Chunk {
        let dataset: Int
        let start: [Int]
        let bytes: UnsafeRawBufferPointer
        let isPacked: Bool
    }

    let chunks: [Chunk]
    let storedBytes: Int64
    /// Where the chunks are, when that is memory of its own.
    private let memory: UnsafeMutableRawBufferPointer?

    init(_ chunks: [Chunk], storedBytes: Int64, memory: UnsafeMutableRawBufferPointer? = nil) {
        self.chunks = chunks
        self.storedBytes = storedBytes
        self.memory = memory
    }

    /// The same in memory of its own, to be freed by `free`.
    func copied() -> PackedUnit {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: chunks.reduce(0) { $0 + $1.bytes.count }, alignment: 16)
        var end = 0
        let chunks = chunks.map { chunk in
            let place = UnsafeMutableRawBufferPointer(rebasing: memory[end..<end + chunk.bytes.count])
            place.copyMemory(from: chunk.bytes)
            end += place.count
            return Chunk(
                dataset: chunk.dataset, start: chunk.start, bytes: UnsafeRawBufferPointer(place),
                isPacked: chunk.isPacked)
        }
        return PackedUnit(chunks, storedBytes: storedBytes, memory: memory)
    }

    func free() { memory?.deallocate() }
}

/// For one thread.
final class Workbench {
    private let encoder: ChunkEncoder
    private var memory = WorkMemory()
    private var room = WorkMemory()

    init(_ compression: ChunkCompression) { encoder = ChunkEncoder(compression) }

    /// Computes a unit and packs its chunks. They are valid until the next call.
    ///
    /// - Parameter deflate: how each dataset is packed best.
    func make(_ index: Int, of source: any ContentSource, _ deflate: [DeflateMethod]) throws -> PackedUnit {
        let unit = source.unit(index)
        let memory = memory.bytes(unit.byteCount)
        try source.render(index, into: memory)
        let room = room.bytes(unit.chunks.reduce(0) { $0 + $1.bytes.count })
        var used = 0
        let chunks = unit.chunks.map { chunk in
            let place = UnsafeMutableRawBufferPointer(rebasing: room[used..<used + chunk.bytes.count])
            let packed = encoder.encode(
                UnsafeRawBufferPointer(rebasing: memory[chunk.bytes]),
                elementBytes: source.datasets[chunk.dataset].stored.description.type.size,
                shuffle: source.datasets[chunk.dataset].shuffle, deflate[chunk.dataset], into: place)
            // The next one begins where it is aligned again; it ends within the room, as none grows.
            if packed.isPacked { used += min(chunk.bytes.count, (packed.bytes.count + 63) & ~63) }
            return PackedUnit.Chunk(
                dataset: chunk.dataset, start: chunk.start, bytes: packed.bytes, isPacked: packed.isPacked)
        }
        return PackedUnit(chunks, storedBytes: unit.storedBytes)
    }

    /// How each dataset of `source` is packed best, by the first chunks of its sample.
    func deflateMethods(for source: any ContentSource) throws -> [DeflateMethod] {
        var methods = source.datasets.map { _ in DeflateMethod.thorough }
        guard let sample = source.sample else { return methods }
        let unit = source.unit(sample)
        let memory = memory.bytes(unit.byteCount)
        try source.render(sample, into: memory)
        var seen: Set<Int> = []
        for chunk in unit.chunks where seen.insert(chunk.dataset).inserted {
            methods[chunk.dataset] = encoder.deflateMethod(
                for: UnsafeRawBufferPointer(rebasing: memory[chunk.bytes]),
                shuffle: source.datasets[chunk.dataset].shuffle, quickCost: source.datasets[chunk.dataset].quickCost)
        }
        return methods
    }
}
