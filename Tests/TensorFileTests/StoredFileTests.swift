// Files of packed chunks, read by HDF5's own tools; and what happens when their bytes cannot be written.

import Foundation
import TensorFile
import Testing

@Suite struct StoredFileTests {
    /// Bytes in memory, up to a limit.
    private final class Memory: RandomAccessFile {
        struct Full: Error {}
        var bytes: [UInt8] = []
        var limit = Int.max

        func size() throws -> Int64 { Int64(bytes.count) }
        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws {
            buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
        }
        func write(_ source: UnsafeRawBufferPointer, at offset: Int64) throws {
            guard Int(offset) + source.count <= limit else { throw Full() }
            if bytes.count < Int(offset) + source.count { try setSize(offset + Int64(source.count)) }
            bytes.replaceSubrange(Int(offset)..<Int(offset) + source.count, with: source)
        }
        func setSize(_ size: Int64) throws {
            guard size <= limit else { throw Full() }
            bytes = Array(bytes.prefix(Int(size))) + [UInt8](repeating: 0, count: max(0, Int(size) - bytes.count))
        }
    }

    private func begin(
        _ description: TensorFileDescription, _ filters: [ChunkFilter], _ memory: Memory
    ) throws -> StoredFile {
        try StoredFile(
            [description.stored(filters: filters).data], rootAttributes: description.rootAttributes, in: memory)
    }

    private func fill(_ stored: StoredFile, _ description: TensorFileDescription) throws {
        let bytes = description.frameShape.reduce(description.elementType.size, *)
        for frame in 0..<description.frameCount {
            let chunk = [UInt8](repeating: UInt8(frame), count: bytes)
            try chunk.withUnsafeBytes { try stored.write($0, dataset: 0, at: [frame, 0, 0, 0], isPacked: false) }
        }
    }

    private func finish(_ stored: StoredFile, _ description: TensorFileDescription, _ times: [Int64]) throws {
        let dataset = try #require(try description.stored(filters: []).times.first)
        try stored.finish([(dataset, times.withUnsafeBytes { [UInt8]($0) })])
    }

    @Test(.enabled(if: hasHDF5Tools, noClients), arguments: [0, 1, 3]) func isReadBack(_ frames: Int) throws {
        let folder = try Folder()
        let description = description(frames: frames, shape: [1, 2, 3], .uint8, timestamps: true)
        let memory = Memory()
        let stored = try begin(description, [.deflate(level: 4)], memory)
        try fill(stored, description)
        try finish(stored, description, (0..<frames).map { Int64($0 * 1000) })
        let path = folder.path + "/a.h5"
        try Data(memory.bytes).write(to: URL(fileURLWithPath: path))
        let dump = try #require(try run("h5dump", "-p", path))
        #expect(dump.code == 0)
        #expect(dump.output.contains("( \(frames), 1, 2, 3 ) / ( H5S_UNLIMITED, 1, 2, 3 )"))
        #expect(
            dump.output.contains("COMPRESSION DEFLATE { LEVEL 4 }") && dump.output.contains("CHUNKED ( 1, 1, 2, 3 )"))
        #expect(dump.output.contains("CHUNKED ( 1 )"))
        if frames == 3 {
            #expect(dump.output.contains("(2,0,0,0): 2, 2, 2") && dump.output.contains("(0): 0, 1000, 2000"))
        }
    }

    @Test func equalTensorsAreEqualBytes() throws {
        func made() throws -> [UInt8] {
            let description = description(frames: 20)
            let memory = Memory()
            let filter = ChunkFilter(number: 32015, name: "of a plugin", values: [3])
            let stored = try begin(description, [filter], memory)
            try fill(stored, description)
            try stored.finish()
            return memory.bytes
        }
        #expect(try made() == made())
    }

    /// Wherever it happens, it is told, and libhdf5 goes on to serve others.
    @Test(arguments: [0, 100, 2000, 5000, 20_000, 60_000, 120_000]) func noRoom(_ limit: Int) throws {
        let description = description(frames: 20, timestamps: true)
        let memory = Memory()
        memory.limit = limit
        let error = #expect(throws: TensorFileError.self) {
            let stored = try begin(description, [], memory)
            defer { stored.abandon() }
            try fill(stored, description)
            try finish(stored, description, (0..<20).map { Int64($0) })
        }
        #expect(error?.cause is Memory.Full)
        _ = try FileLayout.make(description)
    }

    /// Groups, compounds, single values, several filters, a last chunk that goes beyond the end, and none at all.
    @Test(.enabled(if: hasHDF5Tools, noClients)) func severalDatasets() throws {
        let folder = try Folder()
        let memory = Memory()
        let pair = DatasetType.compound(size: 4, [CompoundMember("a", 0, .uint16), CompoundMember("b", 2, .uint8)])
        func dataset(_ path: String, _ type: DatasetType, _ count: Int, filters: [ChunkFilter] = []) -> StoredDataset {
            StoredDataset(
                DatasetDescription(path, type, shape: [count], blockBytes: 1, attributes: [("of", .int64(7))]),
                chunk: [2], filters: filters)
        }
        let stored = try StoredFile(
            [
                dataset("one/pairs", pair, 3, filters: [.shuffle(elementBytes: 4), .deflate(level: 4)]),
                dataset("one/below/numbers", .number(.int16), 0),
            ], rootAttributes: [("version", .variableString("1.0"))], in: memory)
        for (start, bytes) in [(0, [1, 0, 2, 0, 3, 0, 4, 0]), (2, [5, 0, 6, 0, 9, 9, 9, 9])] as [(Int, [UInt8])] {
            try bytes.withUnsafeBytes { try stored.write($0, dataset: 0, at: [start], isPacked: false) }
        }
        let value = StoredDataset(DatasetDescription("two/value", .number(.int32), shape: [], blockBytes: 4))
        try stored.finish([(value, [42, 0, 0, 0])])
        let path = folder.path + "/a.h5"
        try Data(memory.bytes).write(to: URL(fileURLWithPath: path))
        let dump = try #require(try run("h5dump", "-p", path))
        #expect(dump.code == 0)
        for words in [
            "( 3 ) / ( H5S_UNLIMITED )", "( 0 ) / ( H5S_UNLIMITED )", "PREPROCESSING SHUFFLE",
            "COMPRESSION DEFLATE { LEVEL 4 }", "(2): {", "(0): 42", "GROUP \"below\"", "CONTIGUOUS",
        ] { #expect(dump.output.contains(words), "\(words)") }
        #expect(!dump.output.contains("(3)"))
    }

    @Test func framesTooLargeForAChunk() {
        let description = description(frames: 1, shape: [4, 40_000, 40_000])
        #expect(throws: TensorFileError.self) { try begin(description, [], Memory()) }
    }
}
