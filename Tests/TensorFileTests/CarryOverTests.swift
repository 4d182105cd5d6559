// Additions on their way to another layout and into an ordinary file, compared by h5py, object for object.

import ContentsFixture
import Foundation
import TensorFile
import Testing

@Suite struct CarryOverTests {
    @Test func nothingAddedIsNothingCopied() throws {
        let (old, new) = (try WrittenFile(), try WrittenFile(frames: 9))
        let file = try PagedFile(new.layout)
        let report = try AddedContents.carryOver(from: PagedFile(old.layout), old.expected, into: file, new.expected)
        #expect(report == CarryOverReport())
        #expect(new.problem(of: file) == nil)
        #expect(!file.wasTensorTouched)
        #expect(try AddedContents.summary(file, new.expected) == [])
    }

    @Test(.enabled(if: !Client.here.isEmpty, noClients), arguments: Client.here, [9, 0])
    func whatClientsWroteIsCarriedOver(_ client: Client, frames: Int) throws {
        let timestamps = client.name != "netCDF4"
        let old = try WrittenFile(timestamps: timestamps)
        try client.add(old)
        let new = try WrittenFile(frames: frames, timestamps: timestamps)
        let (from, to) = (try old.bytes(), try PagedFile(new.layout))
        let report = try AddedContents.carryOver(from: from, old.expected, into: to, new.expected)
        let problem = new.problem(of: to)
        #expect(problem == nil, "\(problem.map { "\($0)" } ?? "")")
        #expect(!from.wasTensorTouched && !to.wasTensorTouched)
        // Only what was selected in frames that are no more is lost.
        #expect(report.lostReferences == (client.name.hasPrefix("h5py") && frames == 0 ? 1 : 0))
        #expect(report.leftOut == [] && report.renamed == [:])
        try to.store(at: new.path)
        try client.check(new)
        if python != nil { try compare(old.path, new.path) }
        #expect(
            try AddedContents.summary(from, old.expected).map(\.path).sorted()
                == AddedContents.summary(to, new.expected).map(\.path).sorted())
    }

    @Test(.enabled(if: !Client.here.isEmpty, noClients), arguments: Client.here)
    func anExportIsAnOrdinaryFile(_ client: Client) throws {
        let old = try WrittenFile(timestamps: client.name != "netCDF4")
        try client.add(old)
        let path = old.beside("export.h5")
        let report = try AddedContents.export(from: old.bytes(), old.expected, toNewFile: path)
        #expect(report.lostReferences <= 1 && report.leftOut == [])
        if python != nil { try compare(old.path, path) }
        // Never onto a file that is there.
        let error = #expect(throws: TensorFileError.self) {
            _ = try AddedContents.export(from: old.bytes(), old.expected, toNewFile: path)
        }
        #expect(error?.code == .libraryFailed)
        if python != nil { try compare(old.path, path) }
    }

    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func namesThatAreTakenGetASuffix() throws {
        let old = try WrittenFile()
        try old.write(
            """
            import h5py, sys
            with h5py.File(sys.argv[1], 'r+') as f:
                f['last_timestamps'], f['last_timestamps_1'] = 'mine', 'too'
                f['soft'] = h5py.SoftLink('/last_timestamps')
            """)
        let new = try WrittenFile(timestamps: true)
        let to = try PagedFile(new.layout)
        let report = try AddedContents.carryOver(from: old.bytes(), old.expected, into: to, new.expected)
        #expect(report.renamed == ["last_timestamps": "last_timestamps_2"])
        #expect(report.note.contains("'last_timestamps' is now 'last_timestamps_2'"))
        #expect(new.problem(of: to) == nil)
        try to.store(at: new.path)
        try new.write(
            """
            import h5py, sys
            with h5py.File(sys.argv[1]) as f:
                assert f['last_timestamps_2'][()] == b'mine' and f['last_timestamps_1'][()] == b'too'
                assert f['last_timestamps'].shape == (5,)
            """)
    }

    /// That libhdf5 can close a file that it cannot write, and is of use afterwards. Calls that fail while it copies
    /// can crash it: DamageTests has those.
    @Test func whatFailsIsTheCause() throws {
        let (old, new) = (try WrittenFile(), try WrittenFile(frames: 9))
        for (reads, writes) in [(0, nil), (3, nil), (nil, 0), (nil, 2)] as [(Int?, Int?)] {
            let (from, to) = (try PagedFile(old.layout), try PagedFile(new.layout))
            (from.callsUntilFailure, to.callsUntilFailure) = (reads, writes)
            let error = #expect(throws: TensorFileError.self) {
                _ = try AddedContents.carryOver(from: from, old.expected, into: to, new.expected)
            }
            #expect(error?.code == .fileUnreadable)
            #expect(error?.cause is PagedFile.Failure)
        }
        let to = try PagedFile(new.layout)
        _ = try AddedContents.carryOver(from: PagedFile(old.layout), old.expected, into: to, new.expected)
        #expect(new.problem(of: to) == nil)
    }

    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func theSummaryNamesWhatWasAdded() throws {
        let file = try WrittenFile(timestamps: true)
        try #require(Client.here.first { $0.name == "h5py" }).add(file)
        let list = try AddedContents.summary(file.bytes(), file.expected)
        func text(_ path: String) throws -> String {
            let object = try #require(list.first { $0.path == path })
            return "\(object.kind) \(object.shape.map { "\($0)" } ?? "-") \(object.type ?? "-") "
                + "\(object.bytes.map { "\($0)" } ?? "-") \(object.attributes) \(object.target ?? "-")"
        }
        #expect(try text("/confidence") == "dataset [1000] float64 8000 31 -")
        #expect(try text("/strings") == "dataset [3] string 48 0 -")
        #expect(try text("/fixed") == "dataset [2] string[3] 6 0 -")
        #expect(try text("/ragged") == "dataset [20] sequence(int32) 320 0 -")
        #expect(try text("/table") == "dataset [5] {x: float32[2, 2], name: string, r: reference} 200 0 -")
        #expect(try text("/types/level") == "datatype - enum(int8) - 0 -")
        #expect(try text("/refs") == "dataset [4] reference 32 0 -")
        #expect(try text("/regions") == "dataset [2] region reference 24 0 -")
        #expect(try text("/scalar") == "dataset [] int64 8 0 -")
        #expect(try text("/null") == "dataset - float32 0 0 -")
        #expect(try text("/sparse") == "dataset [1000000, 1000] float64 800000 0 -")
        #expect(try text("/group") == "group - - - 0 -")
        #expect(try text("/group/hard") == "hardLink - - - 0 /confidence")
        #expect(try text("/group/tensor") == "hardLink - - - 0 /data")
        #expect(try text("/group/cycle") == "hardLink - - - 0 /group")
        #expect(try text("/group/soft") == "softLink - - - 0 /chunked")
        #expect(try text("/group/external") == "externalLink - - - 0 other.h5:/x")
        #expect(!list.contains { $0.path == "/data" || $0.path == "/last_timestamps" })
    }
}

/// Compares two files as h5py sees them: links in order, types, storage, raw values, attributes, what references refer
/// to and which paths lead to one object. The tensor's own datasets and the root's own attributes may differ.
private func compare(_ a: String, _ b: String) throws {
    let result = try #require(try runPython(compareScript, [a, b]))
    #expect(result.output == "equal\n", "\(result.output.suffix(3000))")
}

private let compareScript = """
    import h5py, numpy as np, sys
    a, b = h5py.File(sys.argv[1]), h5py.File(sys.argv[2])
    computed = ('/data', '/last_timestamps')
    lost = []

    def plain(file, value, path):
        'A value that can be compared: references by the path of what they refer to.'
        if isinstance(value, h5py.RegionReference):
            if not value: return None
            name = file[value].name
            shape = h5py.h5r.get_region(value, file.id)
            return ('region', name, shape.get_select_bounds(), shape.get_select_npoints())
        if isinstance(value, h5py.Reference):
            return ('object', file[value].name) if value else None
        if isinstance(value, np.ndarray):
            if value.dtype.fields or value.dtype.kind == 'O':
                return [plain(file, v, path) for v in value.reshape(-1)]
            return (value.dtype, value.shape, value.tobytes())
        if isinstance(value, np.void) and value.dtype.fields:
            return [plain(file, value[n], path) for n in value.dtype.names]
        if isinstance(value, h5py.Empty): return ('empty', value.dtype)
        return value

    def check(condition, *what):
        if not condition:
            print(*what)
            sys.exit(1)

    def attributes(x, y, path, isComputed):
        names = list(x.attrs)
        if not isComputed: check(names == list(y.attrs), path, 'attributes', names, list(y.attrs))
        for n in names:
            if path == '/' and n.startswith(('dropped', 'event', 'time', 'format')): continue
            if isComputed and n in ('shape', 'REFERENCE_LIST'): continue
            check(n in y.attrs, path, n, 'is not there')
            s, t = x.attrs.get_id(n), y.attrs.get_id(n)
            check(s.get_type() == t.get_type(), path, n, 'type')
            check(s.get_type().committed() == t.get_type().committed(), path, n, 'named type')
            check(s.shape == t.shape, path, n, 'shape')
            p, q = plain(a, x.attrs[n], path), plain(b, y.attrs[n], path)
            check(repr(p) == repr(q), path, n, p, q)

    seen = {}
    def compare(x, y, path):
        key = h5py.h5o.get_info(x.id).addr
        if key in seen:
            check(seen[key] == h5py.h5o.get_info(y.id).addr, path, 'is another object')
            return
        seen[key] = h5py.h5o.get_info(y.id).addr
        attributes(x, y, path, path in computed or path == '/')
        check(type(x) == type(y), path, 'kind')
        if path in computed: return
        if isinstance(x, h5py.Group):
            names = list(x)
            if path != '/' : check(names == list(y), path, 'links', names, list(y))
            check(set(names) == set(y) - {'last_timestamps', 'data'} | set(names) & {'last_timestamps', 'data'},
                  path, names, list(y))
            for n in names:
                p, q = x.get(n, getlink=True), y.get(n, getlink=True)
                check(type(p) == type(q), path, n, 'link')
                if isinstance(p, h5py.SoftLink): check(p.path == q.path, path, n)
                elif isinstance(p, h5py.ExternalLink): check((p.filename, p.path) == (q.filename, q.path), path, n)
                else: compare(x[n], y[n], path.rstrip('/') + '/' + n)
        elif isinstance(x, h5py.Dataset):
            p, q = x.id.get_create_plist(), y.id.get_create_plist()
            check((x.shape, x.maxshape, x.chunks) == (y.shape, y.maxshape, y.chunks), path, 'shape')
            check(x.id.get_type() == y.id.get_type(), path, 'type')
            check(x.id.get_type().committed() == y.id.get_type().committed(), path, 'named type')
            if x.id.get_type().committed():
                t, u = h5py.h5o.get_info(x.id.get_type()).addr, h5py.h5o.get_info(y.id.get_type()).addr
                check(seen.setdefault(t, u) == u, path, 'named type is another')
            check(p.get_layout() == q.get_layout() and p.get_nfilters() == q.get_nfilters(), path, 'storage')
            check([p.get_filter(i) for i in range(p.get_nfilters())] ==
                  [q.get_filter(i) for i in range(q.get_nfilters())], path, 'filters')
            if x.shape is None or x.size == 0 or p.get_external_count(): return
            if x.chunks and x.size > 10**7:
                check(x.id.get_num_chunks() == y.id.get_num_chunks(), path, 'chunks')
                for i in range(x.id.get_num_chunks()):
                    o = x.id.get_chunk_info(i).chunk_offset
                    check(x.id.read_direct_chunk(o) == y.id.read_direct_chunk(o), path, 'chunk', o)
                return
            if x.chunks and any(not h5py.h5z.filter_avail(p.get_filter(i)[0]) for i in range(p.get_nfilters())):
                for i in range(x.id.get_num_chunks()):
                    o = x.id.get_chunk_info(i).chunk_offset
                    check(x.id.read_direct_chunk(o) == y.id.read_direct_chunk(o), path, 'chunk', o)
                return
            v, w = plain(a, x[()], path), plain(b, y[()], path)
            if path == '/regions' and y.file['data'].shape in ((0, 2, 24, 32), None):
                check(w[1] is None and v[0] == w[0], path, w)
                return
            check(repr(v) == repr(w), path, v, w)

    compare(a, b, '/')
    if 'scale' in a and b['data'].shape:
        check(b['data'].dims[0]['time'] == b['scale'] and b['data'].dims[0].label == 'time', 'scale')
        check(b[b['scale'].attrs['REFERENCE_LIST'][0][0]] == b['data'], 'scale is used by')
    print('equal')
    """
