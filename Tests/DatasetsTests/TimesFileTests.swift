// Lists of times beside recordings: which file it is, what it holds, and what is none. NumPy's own files are for
// Tests/Integration.

import Datasets
import Foundation
import Tensors
import Testing

@Suite struct TimesFileTests {
    private let folder = NSTemporaryDirectory() + "evh5-times-\(UUID().uuidString)"

    private func within<R>(_ body: () throws -> R) throws -> R {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body()
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
    }

    private func read(_ window: String, _ recording: String = "up_td.dat") throws -> WindowTimes? {
        try TimesFile.read(
            TensorSpec(preprocessing: "histo", window: window), beside: folder + "/" + recording)
    }

    /// A `.npy` as numpy writes it.
    private func npy<T: BitwiseCopyable>(_ type: String, _ shape: String, _ values: [T], version: UInt8 = 1) -> [UInt8]
    {
        var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
        let fixed = version == 1 ? 10 : 12
        text += String(repeating: " ", count: 63 - (fixed + text.utf8.count) % 64) + "\n"
        let length = [UInt8(text.utf8.count), 0] + (version == 1 ? [] : [0, 0])
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8)
            + values.flatMap { withUnsafeBytes(of: $0, Array.init) }
    }

    @Test func theFirstNameThatExists() throws {
        try within {
            let names = [
                "x.csv", "up_x.csv", "up_x.txt", "up_x.npy", "up_td.dat_x.csv", "up_td.dat_x.txt", "up_td.dat_x.npy",
            ]
            for (i, name) in names.enumerated() where i > 0 {
                try write(name, name.hasSuffix("npy") ? npy("<i8", "1,", [Int64(i)]) : Array("\(i)".utf8))
                #expect(try read("5ms,at=x")?.starts == [Int64(i)])
            }
            try write("x.csv", Array("7".utf8))
            #expect(try read("5ms,at=x.csv")?.starts == [7])
            #expect(try read("5ms") == nil && read("5ms,at=trigger0") == nil)
            let missing = #expect(throws: ListFileError.self) { try read("5ms,at=y") }
            #expect(missing?.code == .missing && missing?.description.contains("up_y.npy") == true)
            let labels = #expect(throws: ListFileError.self) { try read("5ms,at=labels") }
            #expect(labels?.code == .missing && labels?.description.contains("up_bbox.npy") == true)
        }
    }

    @Test func textAndArrays() throws {
        try within {
            for (text, starts, ends) in [
                ("", [], nil), ("# nothing\n\n", [], nil), ("5\n6\r\n6", [5, 6, 6], nil),
                ("-3 # early\n1e3\n", [-3, 1000], nil),
                ("1,2\n3;4\n5\t6\n7   8\n", [1, 3, 5, 7], [2, 4, 6, 8]),
                ("1.000000000000000000e+06\n", [1_000_000], nil),
            ] as [(String, [Int64], [Int64]?)] {
                try write("up_x.txt", Array(text.utf8))
                let times = try read("5ms,at=x")
                #expect(times?.starts == starts && times?.ends == ends, "\(text)")
            }
            for version in [1, 2, 3] as [UInt8] {
                for bytes in [
                    npy("<i8", "2, 2", [1, 4, 3, 4] as [Int64], version: version),
                    npy("<u8", "2, 2", [1, 4, 3, 4] as [UInt64], version: version),
                    npy("<i4", "2, 2", [1, 4, 3, 4] as [Int32], version: version),
                    npy("<u4", "2, 2", [1, 4, 3, 4] as [UInt32], version: version),
                    npy("<f8", "2, 2", [1, 4, 3, 4] as [Double], version: version),
                ] {
                    try write("up_x.npy", bytes)
                    let times = try read("between=x")
                    #expect(times?.starts == [1, 3] && times?.ends == [4, 4])
                }
            }
            try write("up_x.npy", npy("<i8", "0,", [] as [Int64]))
            #expect(try read("between=x")?.starts == [])
        }
    }

    @Test func whatIsNoListSaysWhere() throws {
        try within {
            for (text, word) in [
                ("1\n2\n1\n", "line 3"), ("a\n", "line 1"), ("1 2\n3\n", "line 2"), ("1 2 3\n", "line 1"),
                ("1\n0x5\n", "line 2"), ("nan\n", "line 1"), ("inf\n", "line 1"), ("1.5\n", "line 1"),
                ("2 1\n", "line 1"), ("9007199254740994.0\n", "line 1"), ("1152921504606846976\n", "line 1"),
                ("-9223372036854775808\n", "line 1"), (String(repeating: "1", count: 50), "line 1"),
            ] {
                try write("up_x.txt", Array(text.utf8))
                let error = #expect(throws: ListFileError.self) { try read("5ms,at=x") }
                #expect(error?.code == .unusable && error?.description.contains(word) == true, "\(text)")
            }
            let good = npy("<i8", "2,", [1, 2] as [Int64])
            for bytes in [
                [], Array(good.prefix(11)), Array(good.prefix(40)), Array(good.dropLast()),
                npy("<i8", "2, 3", [Int64](repeating: 0, count: 6)),
                npy("<i8", "", [1] as [Int64]), npy("<i8", "-1,", [] as [Int64]), npy(">i8", "1,", [1] as [Int64]),
                npy("|O", "1,", [1] as [Int64]), npy("<i8", "99999999999999999999,", [] as [Int64]),
                npy("<i8", "9223372036854775807, 2", [] as [Int64]), npy("<f8", "1,", [Double.nan]),
                npy("<f8", "1,", [0.5]), npy("<u8", "1,", [UInt64.max]), npy("<i8", "1,", [Int64.min]),
                npy("<i8", "2,", [2, 1] as [Int64]),
            ] as [[UInt8]] {
                try write("up_x.npy", bytes)
                let error = #expect(throws: ListFileError.self) { try read("5ms,at=x") }
                #expect(error?.code == .unusable)
            }
            try FileManager.default.removeItem(atPath: folder + "/up_x.npy")
            try FileManager.default.createDirectory(atPath: folder + "/up_x.npy", withIntermediateDirectories: false)
            #expect(throws: ListFileError.self) { try read("5ms,at=x") }
        }
    }
}
