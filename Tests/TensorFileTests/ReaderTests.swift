// The file as other programs read it: h5dump, h5ls, and h5py when python3 has it.

import Foundation
import TensorFile
import Testing

@Suite struct ReaderTests {
    @Test(.enabled(if: hasHDF5Tools, "hdf5-tools are not installed"))
    func toolsSeeTheExactTypes() throws {
        let folder = try Folder()
        let layout = try FileLayout.make(description(frames: 3, timestamps: true))
        let path = try folder.materialise(layout, .float32)
        let list = try #require(try run("h5ls", "-r", path))
        #expect(list.code == 0)
        #expect(list.output.contains("/data                    Dataset {3, 2, 24, 32}"))
        #expect(list.output.contains("/last_timestamps         Dataset {3}"))

        let dump = try #require(try run("h5dump", "-B", "-p", "-A", path))
        #expect(dump.code == 0)
        let text = dump.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for expected in [
            "DATASET \"data\" { DATATYPE H5T_IEEE_F32LE DATASPACE SIMPLE { ( 3, 2, 24, 32 ) / ( 3, 2, 24, 32 ) }",
            "STORAGE_LAYOUT { CONTIGUOUS SIZE 18432 OFFSET 4096 }", "FILLVALUE { FILL_TIME H5D_FILL_TIME_NEVER",
            "ALLOCATION_TIME { H5D_ALLOC_TIME_EARLY }", "FILTERS { NONE }", "OFFSET 22528", "SUPERBLOCK_VERSION 0",
            "ATTRIBUTE \"events_to_tensor\" { DATATYPE H5T_STRING { STRSIZE 11; STRPAD H5T_STR_NULLPAD; "
                + "CSET H5T_CSET_ASCII; CTYPE H5T_C_S1; } DATASPACE SCALAR DATA { (0): \"timesurface\" }",
            "ATTRIBUTE \"mode\" { DATATYPE H5T_STRING { STRSIZE H5T_VARIABLE; STRPAD H5T_STR_NULLTERM; "
                + "CSET H5T_CSET_UTF8; CTYPE H5T_C_S1; } DATASPACE SCALAR DATA { (0): \"delta_t\" }",
            "ATTRIBUTE \"delta_t\" { DATATYPE H5T_STD_U32LE DATASPACE SCALAR DATA { (0): 4000000000 }",
            "ATTRIBUTE \"n_events\" { DATATYPE H5T_STD_I64LE DATASPACE SCALAR DATA { (0): -1 }",
            "ATTRIBUTE \"shape\" { DATATYPE H5T_STD_I64LE DATASPACE SIMPLE { ( 3 ) / ( 3 ) } DATA { (0): 2, 24, 32 }",
            "ATTRIBUTE \"max_incr_per_pixel\" { DATATYPE H5T_IEEE_F64LE DATASPACE SCALAR DATA { (0): 63.75 }",
            "ATTRIBUTE \"store_as_uint8\" { DATATYPE H5T_ENUM { H5T_STD_I8LE; \"FALSE\" 0; \"TRUE\" 1; } "
                + "DATASPACE SCALAR DATA { (0): TRUE }",
            "ATTRIBUTE \"time_shift\" { DATATYPE H5T_STD_I64LE DATASPACE SCALAR DATA { (0): -9223372036854775808 }",
        ] {
            #expect(text.contains(expected), "\(expected)")
        }
    }

    @Test(.enabled(if: hasHDF5Tools, "hdf5-tools are not installed"))
    func oddFilesAreWhole() throws {
        let folder = try Folder()
        let long = (0..<200).map { ("attribute_\($0)", AttributeValue.variableString("text \($0)")) }
        let wide: [(name: String, value: AttributeValue)] = [
            ("long", .fixedString(String(repeating: "x", count: 64_000))),
            ("numbers", .int64Array(Array(0..<8_000))),
            ("text", .variableString(String(repeating: "é", count: 70_000))),
        ]
        let huge = (0..<9).map { ("long_\($0)", AttributeValue.fixedString(String(repeating: "x", count: 60_000))) }
        for (name, kind, description) in [
            ("none", ElementKind.float32, description(frames: 0)),
            ("none-timestamps", .float32, description(frames: 0, timestamps: true)),
            ("byte", .uint8, description(frames: 1, shape: [1, 1, 1], .uint8)),
            ("bytes", .int8, description(frames: 3, shape: [1, 1, 1], .int8, timestamps: true)),
            ("small", .float32, description(frames: 1, shape: [1, 5, 100], timestamps: true)),
            ("many", .uint8, description(frames: 2, shape: [1, 3, 3], .uint8, timestamps: true, extra: long)),
            ("wide", .uint8, description(frames: 2, shape: [1, 3, 3], .uint8, timestamps: true, extra: wide)),
            ("huge", .uint8, description(frames: 2, shape: [1, 3, 3], .uint8, timestamps: true, extra: huge)),
            (
                "bare", .uint8,
                TensorFileDescription(frameCount: 2, frameShape: [1, 3, 3], elementType: .uint8)
            ),
        ] {
            let layout = try FileLayout.make(description)
            if description.frameCount > 0 { #expect(layout.dataOffset % 4096 == 0) }
            if description.frameCount == 0 { #expect(Int64(layout.head.count) == layout.size) }
            if name == "many" || name == "wide" { #expect(layout.head.count > 4096 && layout.tail.count > 0) }
            if name == "huge" { #expect(layout.head.count == 4096 && layout.tail.count > 500_000) }
            let path = try folder.materialise(layout, kind, "\(name).h5")
            let dump = try #require(try run("h5dump", path))
            #expect(dump.code == 0, "\(name): \(dump.output.suffix(500))")
            for (attribute, _) in description.dataAttributes + description.rootAttributes {
                #expect(dump.output.contains("ATTRIBUTE \"\(attribute)\""), "\(name): \(attribute)")
            }
        }
    }

    /// A million frames of 1280 x 720, 7.4 TB, as a sparse file.
    @Test(.enabled(if: hasHDF5Tools && access("/dev/shm", W_OK) == 0, "no hdf5-tools, or /dev/shm is not writable"))
    func terabytesAreOpened() throws {
        let layout = try FileLayout.make(
            description(frames: 1_000_000, shape: [2, 720, 1280], timestamps: true))
        let path = "/dev/shm/evh5-tensorfile-\(UUID().uuidString).h5"
        defer { unlink(path) }
        #expect(FileManager.default.createFile(atPath: path, contents: Data(layout.head)))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(layout.map.tailOffset))
        try file.write(contentsOf: Data(layout.tail))
        try file.close()
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64 == layout.size)
        let dump = try #require(
            try run("h5dump", "-d", "/data", "-s", "999999,1,719,1279", "-c", "1,1,1,1", path))
        #expect(dump.code == 0)
        #expect(dump.output.contains("(999999,1,719,1279): 0"))
        #expect(dump.output.contains("( 1000000, 2, 720, 1280 )"))
        let list = try #require(try run("h5ls", "-v", path))
        #expect(list.output.contains("7372800000000 allocated bytes, 100.00% utilization"), "\(list.output)")
    }

    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func h5pySeesTheSame() throws {
        let folder = try Folder()
        for (frames, shape, kind) in [
            (5, [2, 24, 32], ElementKind.float32), (5, [1, 3, 5], .uint8), (2, [1, 1, 1], .int8),
            (0, [1, 1, 1], .uint8),
        ] {
            let layout = try FileLayout.make(description(frames: frames, shape: shape, kind, timestamps: true))
            let path = try folder.materialise(layout, kind)
            let script = """
                import h5py, numpy as np, sys
                f = h5py.File(sys.argv[1], 'r')
                shape = tuple(int(x) for x in sys.argv[2].split(','))
                d = f['data']
                assert d.shape == shape, d.shape
                assert d.dtype == np.dtype(sys.argv[3]), d.dtype
                assert d.chunks is None and d.compression is None
                if shape[0]:
                    assert d.id.get_offset() == 4096, d.id.get_offset()
                n = int(np.prod(shape[1:]))
                want = (np.arange(shape[0])[:, None] * 31 + np.arange(n)[None] * 7) % 127
                assert np.array_equal(d[...].reshape(shape[0], n), want)
                a = d.attrs
                assert a['events_to_tensor'].decode() == 'timesurface', a['events_to_tensor']
                assert isinstance(a['mode'], str) and a['mode'] == 'delta_t'
                assert a['delta_t'] == 4000000000 and a['delta_t'].dtype == np.uint32
                assert a['n_events'] == -1 and a['n_events'].dtype == np.int64
                assert a['shape'].dtype == np.int64 and tuple(a['shape']) == shape[1:]
                assert a['max_incr_per_pixel'] == 63.75 and a['max_incr_per_pixel'].dtype == np.float64
                assert a['store_as_uint8'].dtype == np.bool_ and bool(a['store_as_uint8'])
                assert not a['split_polarity'] and a['split_polarity'].dtype == np.bool_
                assert f.attrs['recording'] == 'straße/☂.raw'
                assert f.attrs['empty'] == '' and f.attrs['empty_fixed'] == b''
                assert f.attrs['none'].shape == (0,) and f.attrs['größe'] == 5
                assert f.attrs['time_shift'] == -2**63 and f.attrs['event_count'] == 2**63 - 1
                t = f['last_timestamps']
                assert t.dtype == np.int64 and list(t) == [1000 * (i + 1) - 1 for i in range(shape[0])]
                print('ok')
                """
            let dtype = [ElementKind.float32: "<f4", .uint8: "u1", .int8: "i1"][kind] ?? ""
            let text = ([frames] + shape).map(String.init).joined(separator: ",")
            let result = try #require(try run(python ?? "", "-c", script, path, text, dtype))
            #expect(result.output == "ok\n", "\(result.output)")
        }
    }

    /// Deleting `/data` must not let HDF5 give its bytes to another object.
    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func writersNeverReuseTheTensorsBytes() throws {
        let folder = try Folder()
        let layout = try FileLayout.make(description(frames: 50, timestamps: true))
        let path = try folder.materialise(layout, .float32)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let script = """
            import h5py, numpy as np, sys
            path, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
            with h5py.File(path, 'r+') as f:
                f['a'] = np.ones(1000)
                del f['data'], f['last_timestamps']
                f['b'] = np.full(20000, 2.5)
            with h5py.File(path, 'r+') as f:
                f.create_dataset('data', data=np.full((50, 2, 24, 32), 7, 'f4'))
                f.create_dataset('last_timestamps', data=np.full(50, 7))
                f.create_dataset('c', data=np.ones((100, 100)), chunks=(10, 10), compression='gzip')
                for i in range(300):
                    f.attrs['more %d' % i] = 'text' * i
                for name in ('a', 'b', 'data', 'last_timestamps'):
                    o = f[name].id.get_offset()
                    assert o >= last or o + f[name].nbytes <= first, (name, o)
            with h5py.File(path, 'r') as f:
                assert (f['data'][...] == 7).all() and (f['b'][...] == 2.5).all() and (f['c'][...] == 1).all()
                assert f.attrs['more 299'] == 'text' * 299
            print('ok')
            """
        let result = try #require(
            try run(
                python ?? "", "-c", script, path, "\(layout.dataOffset)", "\(layout.map.tailOffset)"))
        #expect(result.output == "ok\n", "\(result.output)")
        let after = try Data(contentsOf: URL(fileURLWithPath: path))
        let tensor = Int(layout.dataOffset)..<Int(layout.map.tailOffset)
        #expect(after[tensor] == before[tensor])
        #expect(after.count > before.count)
    }
}
