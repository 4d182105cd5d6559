// The check of files that users wrote to: what clients write passes, what is torn or touches the tensor does not.

import ContentsFixture
import Foundation
import TensorFile
import Testing

@Suite struct VerifyTests {
    @Test func whatNobodyWroteToPasses() throws {
        for (frames, timestamps) in [(5, false), (5, true), (0, false), (0, true)] {
            let file = try WrittenFile(frames: frames, timestamps: timestamps)
            let bytes = try PagedFile(file.layout)
            #expect(file.problem(of: bytes) == nil)
            #expect(!bytes.wasTensorTouched)
            #expect(file.problem(of: try file.bytes()) == nil)
        }
    }

    @Test func whatFailsIsTheCause() throws {
        let file = try WrittenFile()
        let bytes = try PagedFile(file.layout)
        var calls = 0
        while true {
            bytes.callsUntilFailure = calls
            guard let problem = file.problem(of: bytes) else { break }
            #expect(problem.code == .fileUnreadable)
            #expect(problem.cause as? PagedFile.Failure == PagedFile.Failure())
            #expect(problem.message.contains("the test's disk is broken"))
            calls += 1
        }
        #expect(calls > 5)
        bytes.callsUntilFailure = nil
        #expect(file.problem(of: bytes) == nil)
    }

    /// Every length but the right one, and every byte of the superblock that the check is for.
    @Test func truncationsAreSeenInTheSuperblock() throws {
        let file = try WrittenFile(timestamps: true)
        let whole = try PagedFile(file.layout)
        for length in [0, 1, 8, 47, 48, 95, 96, 4095, 4096, whole.length - 1, whole.length + 1, whole.length * 2] {
            let cut = whole.copy()
            try cut.setSize(length)
            #expect(file.problem(of: cut)?.code == .invalidFile, "\(length)")
        }
        // Signature, versions, sizes of offsets and lengths, base address, end of file, driver information, root group.
        for offset in [0, 1, 7, 8, 9, 10, 12, 13, 14, 24, 31, 40, 47, 48, 55, 64, 71] as [Int64] {
            let changed = whole.copy()
            changed[offset] ^= 0x80
            #expect(file.problem(of: changed)?.code == .invalidFile, "\(offset)")
        }
    }

    @Test(.enabled(if: !Client.here.isEmpty, noClients), arguments: Client.here)
    func whatClientsWritePasses(_ client: Client) throws {
        let file = try WrittenFile(timestamps: client.name != "netCDF4")
        try client.add(file)
        try client.check(file)
        let bytes = try file.bytes()
        let problem = file.problem(of: bytes)
        #expect(problem == nil, "\(problem.map { "\($0)" } ?? "")")
        #expect(!bytes.wasTensorTouched)
    }

    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func theTensorMustStay() throws {
        for (script, code) in [
            ("del f['data']", TensorFileError.Code.tensorChanged),
            ("f.move('data', 'tensor')", .tensorChanged),
            ("f.move('last_timestamps', 'group/x')", .tensorChanged),
            ("del f['data']; f['data'] = np.zeros((5, 2, 24, 32), 'f4')", .tensorChanged),
            ("f.move('data', 'other'); f['data'] = h5py.SoftLink('/other')", .tensorChanged),
            ("f.move('data', 'other'); f.create_group('data')", .tensorChanged),
            ("f['more'] = f['data']", nil),
            ("f['more'] = f['data']; del f['more']", nil),
            ("f['data'].attrs['x'] = 1; del f['data'].attrs['mode']", nil),
        ] as [(String, TensorFileError.Code?)] {
            let file = try WrittenFile(timestamps: true)
            try file.write("import h5py, numpy as np, sys\nwith h5py.File(sys.argv[1], 'r+') as f: \(script)")
            let problem = file.problem(of: try file.bytes())
            #expect(problem?.code == code, "\(script): \(problem.map { "\($0)" } ?? "passes")")
        }
    }

    /// Chunks and contiguous bytes that are said to be where the tensor is, or past the end.
    @Test(.enabled(if: python != nil, "no h5py: set EVH5_PYTHON to a python that has it"))
    func rawDataMustBeOutsideTheTensor() throws {
        for (script, name) in [
            ("d = f.create_dataset('x', data=np.arange(40000), chunks=(10,))", "chunked"),
            ("d = f.create_dataset('x', data=np.arange(100), chunks=(100,))", "one chunk"),
            ("d = f.create_dataset('x', data=np.arange(1000))", "contiguous"),
        ] {
            let file = try WrittenFile(frames: 50)
            try file.write(
                """
                import h5py, numpy as np, sys
                with h5py.File(sys.argv[1], 'r+') as f:
                    \(script)
                    f['address'] = np.uint64(d.id.get_offset() or d.id.get_chunk_info(d.id.get_num_chunks() - 1).byte_offset)
                """)
            let dump = try #require(
                try runPython(
                    "import h5py, sys; print(h5py.File(sys.argv[1])['address'][()])", [file.path]))
            let address = try #require(UInt64(dump.output.trimmingCharacters(in: .whitespacesAndNewlines)))
            let bytes = try file.bytes()
            #expect(file.problem(of: bytes) == nil, "\(name)")
            // Its bytes in the file's metadata, replaced everywhere but in the dataset that tells them.
            let targets = [
                UInt64(file.layout.dataOffset), UInt64(file.layout.map.tailOffset - 1), UInt64(bytes.length - 1),
                UInt64(bytes.length), UInt64(1) << 62, UInt64.max - 1,
            ]
            for target in targets {
                let changed = bytes.copy()
                #expect(changed.replace(address, by: target) >= 2)
                let problem = file.problem(of: changed)
                #expect(problem?.code == .invalidFile, "\(name), \(target): \(problem.map { "\($0)" } ?? "passes")")
                #expect(!changed.wasTensorTouched)
            }
        }
    }
}
