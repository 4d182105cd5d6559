// Tensor files of packed chunks, read by HDF5's own tools; and what happens when their bytes cannot be written.

import Foundation
import TensorFile
import Testing

@Suite struct StoredTensorFileTests {
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

    private func fill(_ stored: StoredTensorFile, _ description: TensorFileDescription) throws {
        let bytes = description.frameShape.reduce(description.elementType.size, *)
        for frame in 0..<description.frameCount {
            let chunk = [UInt8](repeating: UInt8(frame), count: bytes)
            try chunk.withUnsafeBytes { try stored.write($0, frame: frame, isPacked: false) }
        }
    }

    @Test(.enabled(if: hasHDF5Tools, noClients), arguments: [0, 1, 3]) func isReadBack(_ frames: Int) throws {
        let folder = try Folder()
        let description = description(frames: frames, shape: [1, 2, 3], .uint8, timestamps: true)
        let memory = Memory()
        let stored = try StoredTensorFile(description, filter: .deflate(level: 4), in: memory)
        try fill(stored, description)
        try stored.finish(times: [(0..<frames).map { Int64($0 * 1000) }])
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
            let stored = try StoredTensorFile(description, filter: filter, in: memory)
            try fill(stored, description)
            try stored.finish(times: [[]])
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
            let stored = try StoredTensorFile(description, filter: nil, in: memory)
            defer { stored.abandon() }
            try fill(stored, description)
            try stored.finish(times: [(0..<20).map { Int64($0) }])
        }
        #expect(error?.cause is Memory.Full)
        _ = try FileLayout.make(description)
    }

    @Test func framesTooLargeForAChunk() {
        let description = description(frames: 1, shape: [4, 40_000, 40_000])
        #expect(throws: TensorFileError.self) { try StoredTensorFile(description, filter: nil, in: Memory()) }
    }
}
