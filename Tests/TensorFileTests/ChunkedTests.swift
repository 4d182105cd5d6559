// Datasets in chunks: their index against the one that libhdf5 writes, files of them as h5py reads them, and what must
// still hold of them after others wrote.

import ContentsFixture
import Foundation
import TensorFile
import Testing

private let record = DatasetType.compound(
    size: 16, [CompoundMember("id", 0, .uint64), CompoundMember("ts", 8, .int64)])

/// `count` numbers in chunks of 4, which are twice as long as their elements need, as records in chunks of 3, and some
/// that are contiguous.
private func description(_ count: Int) -> FileDescription {
    FileDescription(
        datasets: [
            DatasetDescription(
                "a/numbers", .number(.int64), shape: [count], blockBytes: 32,
                chunks: ChunkedStorage(elements: 4, byteCount: 32), attributes: [("offset", .variableASCII("0"))]),
            DatasetDescription("plain", .number(.int64), shape: [5], blockBytes: 8),
            DatasetDescription(
                "a/packed", record, shape: [count], blockBytes: 200,
                chunks: ChunkedStorage(elements: 3, byteCount: 100, filter: .ecf)),
            DatasetDescription(
                "a/none", record, shape: [0], blockBytes: 48, chunks: ChunkedStorage(elements: 3, byteCount: 48)),
        ],
        rootAttributes: [("version", .variableString("1.0")), ("geometry", .variableString("640x480"))])
}

/// A file of that description on disk; element i of the numbers is 3 i, of the others 7 i, and the packed bytes are
/// those of their place.
final class ChunkedFile {
    let layout: FileLayout
    let expected: FileExpectation
    let path: String
    private let folder: Folder

    init(_ count: Int) throws {
        layout = try FileLayout.make(description(count))
        expected = description(count).expectation(layout)
        folder = try Folder()
        path = folder.path + "/a.h5"
        try Data(bytes(0..<layout.size)).write(to: URL(fileURLWithPath: path))
    }

    func bytes(_ range: Range<Int64>) -> [UInt8] {
        layout.map.pieces(in: range).flatMap { piece -> [UInt8] in
            switch piece {
            case .metadata(let range): Array(layout.head[Int(range.lowerBound)..<Int(range.upperBound)])
            case .chunkIndex(let number, let range): layout.map.indexes[number].bytes(in: range)
            case .block(let dataset, let index, let range):
                range.map { byte in
                    let place = index * layout.map.datasets[dataset].blockBytes + byte
                    if dataset == 2 { return UInt8(truncatingIfNeeded: place) }
                    let value = Int64(place / 8 * (dataset == 0 ? 3 : 7))
                    return UInt8(truncatingIfNeeded: value >> Int64(8 * (place % 8)))
                }
            }
        }
    }

    func python(_ script: String) throws -> (code: Int32, output: String) {
        try #require(try runPython("import h5py, numpy as np, sys\n" + script, [path]))
    }

    func problem() throws -> TensorFileError? {
        let bytes = try PagedFile(path: path, computed: expected.computedRange)
        defer { #expect(!bytes.wasTensorTouched) }
        do throws(TensorFileError) {
            try AddedContents.verify(bytes, expected)
            return nil
        } catch { return error }
    }
}

private let noPython: Comment = "no h5py: set EVH5_PYTHON to a python that has it"

@Suite struct ChunkedTests {
    /// 4 * 64 * 64 elements and more: an index of three levels.
    static let counts = [0, 1, 4, 5, 255, 256, 257, 4 * 64 * 64, 4 * 64 * 64 + 1, 100_003]

    @Test(arguments: counts) func `everything has its place`(_ count: Int) throws {
        let map = try FileLayout.make(description(count)).map
        let chunks = [(count + 3) / 4, 0, (count + 2) / 3, 0]
        #expect(map.datasets.map(\.byteCount) == [Int64(32 * chunks[0]), 40, Int64(100 * chunks[2]), 0])
        #expect(map.indexes.count == (count == 0 ? 0 : 2))
        var end = map.dataOffset
        for dataset in map.datasets {
            #expect(dataset.offset == end)
            end = dataset.end
        }
        for index in map.indexes {
            #expect(index.offset == end)
            end = index.end
        }
        #expect(end == map.tailOffset && map.size == end && map.dataOffset % 4096 == 0)
        #expect(description(count).computedBytes == map.size - map.dataOffset)
        #expect(map.pieces(in: 0..<map.size).reduce(0) { $0 + Int64($1.count) } == map.size)
    }

    /// Any part of an index is that of the whole.
    @Test func `parts of an index`() throws {
        let index = try #require(try FileLayout.make(description(100_003)).map.indexes.first)
        let whole = index.bytes(in: 0..<index.byteCount)
        #expect(Int64(whole.count) == index.byteCount)
        let end = index.byteCount
        for range in [0..<1, 5..<2096, 2095..<2097, 2096..<4192, 2000..<10_000, end - 1..<end] as [Range<Int64>] {
            #expect(index.bytes(in: range) == Array(whole[Int(range.lowerBound)..<Int(range.upperBound)]))
        }
        #expect(index.bytes(in: end..<end + 9).isEmpty)
    }

    @Test(.enabled(if: python != nil, noPython), arguments: counts)
    func `libhdf5 reads it`(_ count: Int) throws {
        let file = try ChunkedFile(count)
        let result = try file.python(
            """
            count = \(count)
            with h5py.File(sys.argv[1]) as f:
                assert f.id.get_create_plist().get_version()[0] == 0
                assert np.array_equal(f['a/numbers'][:], 3 * np.arange(count)), f['a/numbers'][:]
                assert np.array_equal(f['plain'][:], 7 * np.arange(5))
                assert f['a/numbers'].attrs['offset'] == '0' and f['a/none'].shape == (0,)
                packed = f['a/packed']
                assert packed.chunks == (3,) and packed.maxshape == (None,)
                assert packed.id.get_storage_size() == (count + 2) // 3 * 100
                plist = packed.id.get_create_plist()
                assert plist.get_nfilters() == 1 and plist.get_filter(0)[:3] == (36559, 1, ())
                assert packed.id.get_num_chunks() == (count + 2) // 3
                for k in {0, 1, count // 6, (count + 2) // 3 - 1} if count > 3 else range((count + 2) // 3):
                    mask, data = packed.id.read_direct_chunk((3 * k,))
                    assert mask == 0 and data == bytes((100 * k + i) % 256 for i in range(100)), k
            """)
        #expect(result.code == 0, "\(result.output.suffix(2000))")
    }

    /// Of one node, which libhdf5 fills in order; of more it leaves some half empty.
    @Test(.enabled(if: python != nil, noPython), arguments: [1, 2, 63, 64])
    func `a node is as libhdf5 writes it`(_ chunks: Int) throws {
        let file = try ChunkedFile(4 * chunks - 1)
        let result = try file.python(
            """
            chunks = \(chunks)
            def node(path, addresses):
                raw = open(path, 'rb').read()
                at = [i for i in range(len(raw)) if raw[i:i + 6] == b'TREE\\x01\\x00' and raw[i + 6:i + 8] == chunks.to_bytes(2, 'little')]
                # That of the numbers is the first.
                found = bytearray(raw[at[0]:at[0] + 2096])
                for k in range(chunks):
                    place = 24 + 32 * k + 24
                    assert int.from_bytes(found[place:place + 8], 'little') == addresses[k]
                    found[place:place + 8] = bytes(8)
                # libhdf5 leaves the key behind the last chunk one too early, now and then.
                return bytes(found[:24 + 32 * chunks])
            def of(path):
                with h5py.File(path) as f:
                    return node(path, [f['a/numbers'].id.get_chunk_info(k).byte_offset for k in range(chunks)])
            with h5py.File(sys.argv[1] + '.2', 'w') as f:
                d = f.create_dataset('a/numbers', (4 * chunks - 1,), 'i8', chunks=(4,), maxshape=(None,))
                for k in range(chunks):
                    d[4 * k:4 * k + 4] = 1
            assert of(sys.argv[1]) == of(sys.argv[1] + '.2')
            """)
        #expect(result.code == 0, "\(result.output.suffix(2000))")
    }

    @Test(.enabled(if: python != nil, noPython))
    func `what others add passes, what they change does not`() throws {
        for (script, code) in [
            ("pass", nil),
            (
                "f['labels'] = np.arange(1000); f.create_dataset('b', data=np.arange(5000), chunks=(100,), compression='gzip')",
                nil
            ),
            ("f['a/more'] = 1; f['a/numbers'].attrs['x'] = np.arange(5000)", nil),
            ("[f['a/packed'].attrs.create(f'name {k}', 'x' * 100) for k in range(30)]", nil),
            ("del f['a/numbers']", TensorFileError.Code.tensorChanged),
            ("f['a/numbers'].resize((3,))", .tensorChanged),
            ("f.move('a/packed', 'a/other'); f.copy('a/numbers', 'a/packed')", .tensorChanged),
            (
                "del f['a/numbers']; f.create_dataset('a/numbers', (1000,), 'i8', chunks=(4,), maxshape=(None,))",
                .tensorChanged
            ),
            (
                "d = f['a/numbers']; del f['a/numbers']; f.create_dataset('a/numbers', (1000,), 'i8', chunks=(5,), maxshape=(None,))",
                .tensorChanged
            ),
            ("del f['a/numbers']; f['a/numbers'] = 3 * np.arange(1000)", .tensorChanged),
            (
                "del f['a/packed']; f.create_dataset('a/packed', (1000,), [('id', 'u8'), ('ts', 'i8')], chunks=(3,), maxshape=(None,))",
                .tensorChanged
            ),
        ] as [(String, TensorFileError.Code?)] {
            let file = try ChunkedFile(1000)
            let result = try file.python("with h5py.File(sys.argv[1], 'r+') as f: \(script)")
            #expect(result.code == 0, "\(script): \(result.output.suffix(1000))")
            let problem = try file.problem()
            #expect(problem?.code == code, "\(script): \(problem.map { "\($0)" } ?? "passes")")
        }
    }

    @Test func `what must hold comes back from text`() throws {
        let expectation = try ChunkedFile(1000).expected
        let text = try JSONEncoder().encode(expectation)
        let back = try JSONDecoder().decode(FileExpectation.self, from: text)
        #expect(back == expectation && back.chunkIndexes == expectation.chunkIndexes)
        // Without chunks it is the text that it was before there were any.
        let first = FileExpectation(
            dataOffset: 4096, tailOffset: 4104,
            datasets: [ComputedDataset(path: "a", type: .number(.int64), shape: [1])])
        let encoded = try JSONEncoder().encode(first)
        #expect(!String(decoding: encoded, as: UTF8.self).contains("chunks"))
        #expect(try JSONDecoder().decode(FileExpectation.self, from: encoded) == first)
    }

    @Test func `numbers of damaged states stop nothing`() {
        let numbers = [Int.min, -1, 0, 1, 3, Int.max]
        for count in numbers {
            for elements in numbers {
                for bytes in numbers {
                    let expectation = FileExpectation(
                        dataOffset: 4096, tailOffset: 8192,
                        datasets: [
                            ComputedDataset(
                                path: "a", type: record, shape: [count],
                                chunks: ChunkedStorage(elements: elements, byteCount: bytes))
                        ])
                    #expect(expectation.offsets.count == 1 && expectation.chunkIndexes.count <= 1)
                    #expect(expectation.chunkIndexes.allSatisfy { $0.root != 1 })
                }
            }
        }
    }

    @Test func `impossible chunks are an error`() {
        for (shape, elements, bytes) in [([5, 5], 4, 32), ([5], 0, 32), ([5], 4, 0), ([5], 4, 1 << 32)] {
            let description = FileDescription(
                datasets: [
                    DatasetDescription(
                        "a", .number(.int64), shape: shape, blockBytes: 8,
                        chunks: ChunkedStorage(elements: elements, byteCount: bytes))
                ])
            #expect(throws: TensorFileError.self) { try FileLayout.make(description) }
        }
    }
}
