// Files of any datasets: their map, and what must still hold of them, also as text.

import Foundation
import TensorFile
import Testing

private let record = DatasetType.compound(
    size: 16, [CompoundMember("id", 0, .uint64), CompoundMember("ts", 8, .int64)])

private func description(_ count: Int) -> FileDescription {
    FileDescription(
        datasets: [
            DatasetDescription("index", .number(.uint64), shape: [count + 1], blockBytes: 64),
            DatasetDescription("offset", .number(.int64), shape: [], blockBytes: 8),
            DatasetDescription("a/b/records", record, shape: [count], blockBytes: 160, attributes: [("n", .int64(1))]),
            DatasetDescription("a/x", .number(.uint16), shape: [count], blockBytes: 10),
            DatasetDescription("a/none", .number(.int16), shape: [0], blockBytes: 1),
            DatasetDescription("a/p", .number(.uint8), shape: [count], blockBytes: 5),
        ],
        rootAttributes: [("version", .variableString("1.0")), ("geometry", .variableString("640x480"))])
}

@Suite struct ManyDatasetsTests {
    @Test(arguments: [0, 1, 5, 1000]) func `datasets follow each other, each in blocks`(_ count: Int) throws {
        let map = try FileLayout.make(description(count)).map
        let sizes = [8 * (count + 1), 8, 16 * count, 2 * count, 0, count].map { Int64($0) }
        #expect(map.datasets.map(\.byteCount) == sizes)
        #expect(map.dataOffset % 4096 == 0 && map.datasets[0].offset == map.dataOffset)
        for (one, next) in zip(map.datasets, map.datasets.dropFirst()) { #expect(one.end == next.offset) }
        #expect(map.tailOffset == map.datasets[5].end)
        // Every byte of every dataset is in one block, at its place.
        for (number, dataset) in map.datasets.enumerated() {
            for byte in stride(from: 0, to: Int(dataset.byteCount), by: 7) {
                let at = dataset.offset + Int64(byte)
                let (index, rest) = byte.quotientAndRemainder(dividingBy: dataset.blockBytes)
                #expect(
                    map.pieces(in: at..<at + 1) == [.block(dataset: number, index: index, range: rest..<rest + 1)])
            }
        }
        #expect(map.pieces(in: 0..<map.size).reduce(0) { $0 + Int64($1.count) } == map.size)
    }

    @Test func `equal descriptions give equal bytes`() throws {
        let (one, other) = try (FileLayout.make(description(9)), FileLayout.make(description(9)))
        #expect(one.head == other.head && one.tail == other.tail && one.map == other.map)
    }

    @Test func `what must hold comes back from text`() throws {
        let description = description(9)
        let expectation = description.expectation(try FileLayout.make(description))
        let text = try JSONEncoder().encode(expectation)
        #expect(try JSONDecoder().decode(FileExpectation.self, from: text) == expectation)
        #expect(expectation.tensor == nil && expectation.offsets[4] == nil)
        #expect(expectation.offsets.compactMap(\.self).first == expectation.dataOffset)
    }

    /// As evh5 0.2 wrote it into committed states.
    @Test func `that of a tensor is the text that it was`() throws {
        let old =
            #"{"dataOffset":4096,"elementType":"float32","frameBytes":64,"frameCount":3,"frameShape":[1,4,4],"hasLastTimestamps":true,"tailOffset":4312}"#
        let expectation = try JSONDecoder().decode(FileExpectation.self, from: Data(old.utf8))
        #expect(expectation.datasets.map(\.path) == ["data", "last_timestamps"])
        #expect(expectation.tensor?.frameShape == [1, 4, 4] && expectation.offsets == [4096, 4288])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(expectation), as: UTF8.self) == old)
    }

    @Test func `too much is an error`() {
        for (shape, block) in [([Int.max, 2], 8), ([-1], 8), ([5], 0)] {
            let description = FileDescription(
                datasets: [DatasetDescription("a", .number(.uint64), shape: shape, blockBytes: block)])
            #expect(throws: TensorFileError.self) { try FileLayout.make(description) }
            if block > 0 { #expect(description.computedBytes == nil) }
        }
    }
}
