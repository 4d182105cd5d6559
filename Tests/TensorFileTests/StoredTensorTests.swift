// Reading tensors of files that others wrote: attributes of every type, elements of every type, files that are none.

import Foundation
import TensorFile
import Testing

@Suite struct StoredTensorTests {
    @Test(arguments: [ElementKind.float32, .uint8, .int8])
    func `reads what was written`(_ kind: ElementKind) throws {
        let folder = try Folder()
        let layout = try FileLayout.make(description(frames: 4, shape: [2, 3, 5], kind, timestamps: true))
        let tensor = try StoredTensor(path: folder.materialise(layout, kind))
        #expect(tensor.frameCount == 4 && tensor.frameShape == [2, 3, 5] && tensor.elementType == kind.rawValue)
        for frame in 0..<4 {
            #expect(try tensor.frame(frame) == (0..<30).map { Float(element(frame, $0)) })
            #expect(try tensor.time(of: frame, in: "last_timestamps") == Int64(frame + 1) * 1000 - 1)
        }
        #expect(try tensor.time(of: 4, in: "last_timestamps") == nil)
        #expect(throws: TensorFileError.self) { try tensor.frame(4) }
        #expect(throws: TensorFileError.self) { try tensor.frame(-1) }
    }

    @Test func `reads attributes of every type`() throws {
        let file = try WrittenFile(frames: 2, shape: [1, 2, 2])
        try file.write(
            """
            import h5py, sys, numpy as np
            with h5py.File(sys.argv[1], "r+") as f:
                a = f["data"].attrs
                a["text"], a["bytes"], a["long"] = "straße", np.bytes_(b"abc"), "x" * 100000
                a["big"], a["half"], a["flags"] = np.array(-5, ">i4"), np.float16(0.5), np.array([True, False])
                a["table"], a["words"], a["nothing"] = np.zeros((2, 2), [("a", "i4")]), ["a", "b"], h5py.Empty("f4")
                a["many"] = np.arange(3000)
            """)
        var values: [String: StoredValue] = [:]
        for (name, value) in try StoredTensor(path: file.path).attributes { values[name] = value }
        #expect(values["events_to_tensor"] == .text("timesurface") && values["mode"] == .text("delta_t"))
        #expect(values["delta_t"] == .number(4_000_000_000) && values["n_events"] == .number(-1))
        #expect(values["shape"] == .numbers([1, 2, 2]) && values["max_incr_per_pixel"] == .number(63.75))
        #expect(values["store_as_uint8"] == .boolean(true) && values["split_polarity"] == .boolean(false))
        #expect(values["text"] == .text("straße") && values["bytes"] == .text("abc"))
        #expect(values["long"] == .text(String(repeating: "x", count: 100_000)))
        #expect(values["big"] == .number(-5) && values["half"] == .number(0.5))
        // What is no text, number or boolean, and what is larger than any attribute of a tensor.
        for name in ["flags", "table", "words", "nothing", "many"] { #expect(values[name] == nil, "\(name)") }
    }

    @Test func `a file that changed is refused`() throws {
        let file = try WrittenFile(frames: 2, shape: [1, 2, 2])
        let path = file.beside("mine.h5")
        let make = """
            import h5py, sys, numpy as np
            with h5py.File(sys.argv[2], "w") as f: f["data"] = np.ones((2, 1, int(sys.argv[3]), 2))
            """
        try file.write(make, path, "2")
        let tensor = try StoredTensor(path: path)
        #expect(try tensor.frame(1) == [1, 1, 1, 1] && tensor.elementType == "float64")
        #expect(throws: TensorFileError.self) { try tensor.time(of: 0, in: "last_timestamps") }
        try file.write(make, path, "3")
        #expect {
            try tensor.frame(1)
        } throws: {
            ($0 as? TensorFileError)?.code == .invalidFile
        }
    }

    @Test(arguments: [
        "f['values'] = np.zeros((1, 1, 1, 1))", "f['data'] = np.zeros((3, 4))", "f['data'] = np.zeros((3, 0, 4, 4))",
        "f['data'] = np.full((1, 1, 1, 1), b'abc')", "f.create_group('data')", "f['data'] = h5py.SoftLink('/nowhere')",
        "f.create_dataset('data', (1, 1, 1 << 20, 1 << 20), 'u1', chunks=(1, 1, 64, 64))", "f['data'] = 5",
    ])
    func `files without a tensor are refused`(_ content: String) throws {
        let file = try WrittenFile(frames: 2, shape: [1, 2, 2])
        let path = file.beside("mine.h5")
        try file.write("import h5py, sys, numpy as np\nwith h5py.File(sys.argv[2], 'w') as f: \(content)", path)
        #expect(throws: TensorFileError.self) { try StoredTensor(path: path) }
    }

    @Test func `what is no HDF5 file is refused`() throws {
        let folder = try Folder()
        try Data("no HDF5".utf8).write(to: URL(fileURLWithPath: folder.path + "/a.h5"))
        for name in ["a.h5", "missing.h5", ""] {
            #expect {
                try StoredTensor(path: folder.path + "/" + name)
            } throws: {
                ($0 as? TensorFileError)?.code == .libraryFailed
            }
        }
    }
}
