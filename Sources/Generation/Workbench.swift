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
    private var events = EventPacker()
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
        func roomBytes(_ chunk: ContentUnit.Chunk) -> Int {
            if case .ecf = source.datasets[chunk.dataset].packing { EventPacker.room } else { chunk.bytes.count }
        }
        let room = room.bytes(unit.chunks.reduce(0) { $0 + roomBytes($1) })
        var used = 0
        let chunks = unit.chunks.map { chunk in
            let bytes = roomBytes(chunk)
            let packed = pack(
                chunk, UnsafeRawBufferPointer(rebasing: memory[chunk.bytes]), source.datasets[chunk.dataset],
                deflate[chunk.dataset], into: UnsafeMutableRawBufferPointer(rebasing: room[used..<used + bytes]))
            // The next one begins where it is aligned again; it ends within the room, as none outgrows its own.
            if packed.isPacked { used += min(bytes, (packed.bytes.count + 63) & ~63) }
            return PackedUnit.Chunk(
                dataset: chunk.dataset, start: chunk.start, bytes: packed.bytes, isPacked: packed.isPacked)
        }
        return PackedUnit(chunks, storedBytes: unit.storedBytes)
    }

    private func pack(
        _ chunk: ContentUnit.Chunk, _ bytes: UnsafeRawBufferPointer, _ dataset: ChunkedDataset,
        _ deflate: DeflateMethod, into room: UnsafeMutableRawBufferPointer
    ) -> ChunkEncoder.Chunk {
        switch dataset.packing {
        case .compressed(let shuffle):
            encoder.encode(
                bytes, elementBytes: dataset.stored.description.type.size, shuffle: shuffle, deflate, into: room)
        case .ecf:
            ChunkEncoder.Chunk(
                bytes: events.pack(bytes, count: dataset.count(at: chunk.start), into: room), isPacked: true)
        case .none: ChunkEncoder.Chunk(bytes: bytes, isPacked: false)
        }
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
            guard case .compressed(let shuffle) = source.datasets[chunk.dataset].packing else { continue }
            methods[chunk.dataset] = encoder.deflateMethod(
                for: UnsafeRawBufferPointer(rebasing: memory[chunk.bytes]), shuffle: shuffle,
                quickCost: source.datasets[chunk.dataset].quickCost)
        }
        return methods
    }
}
