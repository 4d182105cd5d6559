// Files with added contents: a tensor file on disk that other programs write to, taken back without its tensor.

import ContentsFixture
import Foundation
import TensorFile
import Testing

/// A tensor file on disk, to be written to.
final class WrittenFile {
    let layout: FileLayout
    let expected: FileExpectation
    let path: String
    private let folder: Folder

    init(frames: Int = 5, shape: [Int] = [2, 24, 32], timestamps: Bool = false) throws {
        layout = try FileLayout.make(description(frames: frames, shape: shape, timestamps: timestamps))
        expected = FileExpectation(
            dataOffset: layout.dataOffset, frameCount: frames,
            tailOffset: layout.map.tailOffset, hasLastTimestamps: timestamps, frameShape: shape, elementType: .float32)
        folder = try Folder()
        path = try folder.materialise(layout, .float32)
    }

    /// Another file's path in the same folder.
    func beside(_ name: String) -> String { folder.path + "/" + name }

    /// Has a Python script, whose first argument is the file's path, write to it.
    func write(_ script: String, _ arguments: String...) throws {
        let result = try #require(try runPython(script, [path] + arguments))
        try #require(result.code == 0, "\(result.output.suffix(3000))")
    }

    /// What is on disk now, without the tensor.
    func bytes() throws -> PagedFile { try PagedFile(path: path, computed: expected.computedRange) }

    /// The check's error; nil when the file passes.
    func problem(of file: PagedFile) -> TensorFileError? {
        do throws(TensorFileError) {
            try AddedContents.verify(file, expected)
            return nil
        } catch {
            return error
        }
    }
}

/// A program that adds to a file.
struct Client: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether it is installed.
    let isHere: Bool
    let add: @Sendable (WrittenFile) throws -> Void
    /// Reads what it added, wherever it is now; throws when that is not what it was.
    let check: @Sendable (WrittenFile) throws -> Void

    var testDescription: String { name }

    /// One that is a script for `WrittenFile.write`.
    init(_ name: String, module: String, _ script: String, check: String? = nil) {
        self.name = name
        isHere = hasModule(module)
        add = { try $0.write(script) }
        self.check = { file in if let check { try file.write(check) } }
    }

    init(
        _ name: String, isHere: Bool, add: @escaping @Sendable (WrittenFile) throws -> Void,
        check: @escaping @Sendable (WrittenFile) throws -> Void
    ) {
        self.name = name
        self.isHere = isHere
        self.add = add
        self.check = check
    }

    /// Those that are installed.
    static let here = all.filter(\.isHere)
}

/// Clients that write HDF5 files.
private let all = [
    Client("hdf5-tools", isHere: hasHDF5Tools, add: addByTools, check: checkByTools),
    Client("h5py", module: "h5py", "libver = None\n" + richScript),
    Client("h5py latest", module: "h5py", "libver = 'v110'\n" + richScript),
    Client(
        "PyTables", module: "tables",
        """
        import sys, tables, numpy as np
        with tables.open_file(sys.argv[1], 'r+') as f:
            class Event(tables.IsDescription):
                name = tables.StringCol(16)
                t = tables.Int64Col()
                xy = tables.Float32Col(shape=(2, 3))
            g = f.create_group('/', 'events', 'a title')
            t = f.create_table(g, 'table', Event, filters=tables.Filters(5, 'zlib'))
            for i in range(5000):
                t.row['name'], t.row['t'] = f'event {i}', i
                t.row.append()
            t.flush()
            t.cols.t.create_index()
            v = f.create_vlarray(g, 'ragged', tables.Int32Atom())
            for i in range(50): v.append(list(range(i)))
            s = f.create_vlarray(g, 'objects', tables.ObjectAtom())
            s.append({'a': [1, 2]})
            f.create_earray(g, 'growing', obj=np.arange(1000), filters=tables.Filters(9, 'blosc'))
            f.create_carray(g, 'lzo', obj=np.arange(1000), filters=tables.Filters(9, 'bzip2'))
            f.create_soft_link('/', 'soft', '/events/table')
            f.create_hard_link('/', 'hard', '/events/table')
            f.root.data.attrs.note = 'pickled'
            f.root.data.attrs.thing = {'a': 1}
        """,
        check: """
            import sys, tables
            with tables.open_file(sys.argv[1]) as f:
                t = f.root.events.table
                assert t.nrows == 5000 and t[4999]['name'] == b'event 4999' and f.root.hard.nrows == 5000
                assert [r['t'] for r in t.where('t > 4990')] == list(range(4991, 5000)) and t.cols.t.is_indexed
                assert list(f.root.events.ragged[7]) == list(range(7)) and f.root.events.objects[0] == {'a': [1, 2]}
                assert f.root.events.growing[999] == 999 and f.root.soft().nrows == 5000
                assert f.root.data.attrs.note == 'pickled' and f.root.data.attrs.thing == {'a': 1}
            """),
    Client(
        "netCDF4", module: "netCDF4",
        """
        import sys, netCDF4, numpy as np
        with netCDF4.Dataset(sys.argv[1], 'r+') as f:
            f.createDimension('time', None)
            f.createDimension('x', 7)
            t = f.createVariable('time', 'f8', ('time',))
            v = f.createVariable('speed', 'f4', ('time', 'x'), zlib=True)
            v.units = 'm/s'
            v[0:20] = np.arange(140).reshape(20, 7)
            s = f.createVariable('label', str, ('x',))
            for i in range(7): s[i] = 'label ' * i
            g = f.createGroup('more')
            c = g.createCompoundType(np.dtype([('a', 'i4'), ('b', 'f8')]), 'pair')
            p = g.createVariable('pairs', c, ('x',))
            vl = f.createVLType(np.int32, 'ragged_t')
            r = g.createVariable('ragged', vl, ('x',))
            for i in range(7): r[i] = np.arange(i + 1, dtype='i4')
        """,
        check: """
            import sys, netCDF4
            with netCDF4.Dataset(sys.argv[1]) as f:
                assert f['speed'].dimensions == ('time', 'x') and f['speed'][19, 6] == 139 and f['speed'].units == 'm/s'
                assert f['label'][2] == 'label label ' and list(f['more/ragged'][6]) == list(range(7))
                assert 'pair' in f['more'].cmptypes and f.dimensions['time'].isunlimited() and len(f.dimensions['x']) == 7
            """),
]

/// Another tensor file's datasets, as they are and repacked into compressed chunks, copied by h5copy.
@Sendable private func addByTools(_ file: WrittenFile) throws {
    let other = try WrittenFile(frames: 40, shape: [1, 4, 4], timestamps: true)
    let packed = other.beside("packed.h5")
    try runTool("h5repack", "-f", "SHUF", "-f", "GZIP=6", "-l", "CHUNK=1x1x4x4", other.path, packed)
    for (from, source, target) in [
        (other.path, "/data", "/copied/plain"), (other.path, "/last_timestamps", "/times"),
        (packed, "/data", "/copied/deep/packed"), (packed, "/", "/all"),
    ] {
        try runTool("h5copy", "-p", "-i", from, "-o", file.path, "-s", source, "-d", target)
    }
}

@Sendable private func checkByTools(_ file: WrittenFile) throws {
    for (a, b) in [
        ("/copied/plain", "/copied/deep/packed"), ("/all/data", "/copied/plain"), ("/times", "/all/last_timestamps"),
    ] {
        try runTool("h5diff", file.path, file.path, a, b)
    }
    let dump = try #require(
        try run("h5dump", "-d", "/copied/deep/packed", "-s", "39,0,3,3", "-c", "1,1,1,1", "-p", file.path))
    #expect(dump.code == 0 && dump.output.contains("COMPRESSION DEFLATE { LEVEL 6 }"))
    #expect(dump.output.contains("(39,0,3,3): \(element(39, 15))"))
    #expect(dump.output.contains("\"delta_t\""))
}

private func runTool(_ program: String, _ arguments: String...) throws {
    let result = try #require(try run(program, arguments))
    try #require(result.code == 0, "\(program): \(result.output)")
}

/// Everything h5py can make, with `libver` as given.
let richScript = """
    import h5py, numpy as np, sys
    with h5py.File(sys.argv[1], 'r+', libver=libver) as f:
        f['confidence'] = np.linspace(0, 1, 1000)
        f['confidence'].attrs['model'] = 'resnet'
        f.create_dataset('chunked', data=np.arange(40000).reshape(200, 200), chunks=(10, 10), compression='gzip',
                         shuffle=True, fletcher32=True)
        f.create_dataset('lzf', data=np.arange(10000), compression='lzf')
        f.create_dataset('offset', data=np.arange(1000), scaleoffset=0)
        f.create_dataset('growing', shape=(0, 3), maxshape=(None, 3), dtype='i2', chunks=(64, 3))
        f['growing'].resize((1000, 3))
        f['growing'][:] = 7
        f.create_dataset('grows both', shape=(50, 50), maxshape=(None, None), dtype='i2', chunks=(7, 7))[:] = 5
        f.create_dataset('one chunk', data=np.arange(100), chunks=(100,), compression='gzip')
        f.create_dataset('sparse', shape=(10**6, 1000), dtype='f8', chunks=(1000, 100))
        f['sparse'][0, 0] = 1
        f.create_dataset('never written', shape=(10**6, 10**6), dtype='f8', chunks=(100, 100))
        f.create_dataset('late', shape=(100,), dtype='f8')
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_layout(h5py.h5d.COMPACT)
        h5py.h5d.create(f.id, b'compact', h5py.h5t.STD_I32LE, h5py.h5s.create_simple((10,)), dcpl).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.arange(10, dtype='i4'))
        f['strings'] = np.array(['one', 'two', 'drei €'], dtype=h5py.string_dtype())
        f.create_dataset('many strings', data=['text %d' % i for i in range(3000)], dtype=h5py.string_dtype(),
                         chunks=(100,), compression='gzip')
        f['fixed'] = np.array([b'one', b'two'])
        ragged = f.create_dataset('ragged', (20,), dtype=h5py.vlen_dtype('i4'))
        for i in range(20): ragged[i] = np.arange(i)
        pair = np.dtype([('x', 'f4', (2, 2)), ('name', h5py.string_dtype()), ('r', h5py.ref_dtype)])
        table = f.create_dataset('table', (5,), dtype=pair)
        for i in range(5): table[i] = (np.full((2, 2), i), 'row %d' % i, f['confidence'].ref)
        f['types/pair'] = pair
        f['types/level'] = h5py.enum_dtype({'low': 0, 'high': 1}, basetype='i1')
        f.create_dataset('typed', (3,), dtype=f['types/pair'])
        f['typed'].attrs.create('level', 1, dtype=f['types/level'])
        g = f.create_group('group/sub/deep', track_order=True)
        for i in range(40): g.create_dataset('d%d' % i, data=np.full(3, i))
        f['group/hard'] = f['confidence']
        f['group/soft'] = h5py.SoftLink('/chunked')
        f['group/dangling'] = h5py.SoftLink('/nothing/here')
        f['group/external'] = h5py.ExternalLink('other.h5', '/x')
        f['group/cycle'] = f['group']
        f['group/tensor'] = f['data']
        f['refs'] = np.array([f['confidence'].ref, f['group'].ref, f['data'].ref, h5py.Reference()],
                             dtype=h5py.ref_dtype)
        f['regions'] = np.array([f['chunked'].regionref[2:5, 3:7], f['data'].regionref[0, :, 1:3]],
                                dtype=h5py.regionref_dtype)
        f['scale'] = np.arange(f['data'].shape[0], dtype='f8')
        f['scale'].make_scale('time')
        f['data'].dims[0].attach_scale(f['scale'])
        f['data'].dims[0].label = 'time'
        f['data'].attrs['note'] = 'mine'
        f['data'].attrs['words'] = ['a', 'bb', 'ccc']
        f.attrs['tags'] = np.array(['a', 'b'], dtype=h5py.string_dtype())
        f.attrs['nothing'] = h5py.Empty('f4')
        for i in range(30): f['confidence'].attrs['many %d' % i] = 'text ' * i
        f['big attribute'] = 1
        if libver: f['big attribute'].attrs['big'] = np.arange(100000)
        f.create_dataset('outside', (100,), dtype='f8', external=[('raw.bin', 0, 800)])
        layout = h5py.VirtualLayout(shape=(10,), dtype='f8')
        layout[0:10] = h5py.VirtualSource('.', 'confidence', shape=(1000,))[0:10]
        f.create_virtual_dataset('virtual', layout)
        f['scalar'] = 5
        f['null'] = h5py.Empty('f4')
        f['zero'] = np.zeros((0, 3))
    """
