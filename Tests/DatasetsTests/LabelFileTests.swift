// Label files, cut and re-timed. That the results are numpy's own bytes is for Tests/Integration.

import Datasets
import Testing

@Suite struct LabelFileTests {
    /// A `.npy` of records (class as u1, time as `type`) as numpy writes it.
    private func npy<T: BitwiseCopyable>(_ type: String, _ times: [T], field: String = "ts") -> [UInt8] {
        var text =
            "{'descr': [('class_id', '|u1'), ('\(field)', '<\(type)')], 'fortran_order': False, 'shape': (\(times.count),), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
        for time in times { bytes += [5] + withUnsafeBytes(of: time, Array.init) }
        return bytes
    }

    @Test func allTypesOfTimes() throws {
        #expect(try LabelFile(npy("u8", [1, 20, 30] as [UInt64])).cut(to: 20..<31) == npy("u8", [0, 10] as [UInt64]))
        #expect(try LabelFile(npy("i8", [-1, 20, 31] as [Int64])).cut(to: 20..<31) == npy("i8", [0] as [Int64]))
        #expect(try LabelFile(npy("u4", [1, 20, 30] as [UInt32])).cut(to: 20..<30) == npy("u4", [0] as [UInt32]))
        #expect(try LabelFile(npy("i4", [-5, 5] as [Int32])).cut(to: 0..<Int64.max) == npy("i4", [5] as [Int32]))
        #expect(try LabelFile(npy("f8", [1, 20.5] as [Double])).cut(to: 20..<31) == npy("f8", [0.5] as [Double]))
        #expect(try LabelFile(npy("f4", [1, 20.5] as [Float])).cut(to: 20..<31) == npy("f4", [0.5] as [Float]))
        #expect(
            try LabelFile(npy("u8", [7] as [UInt64], field: "t")).cut(to: 8..<9)
                == npy("u8", [] as [UInt64], field: "t"))
    }

    @Test func whatIsNoLabelFileSaysSo() {
        let good = npy("u8", [1, 2] as [UInt64])
        for bytes in [
            [], Array("no numpy".utf8), Array(good.dropLast()), Array(good.prefix(20)),
            npy("u8", [1] as [UInt64], field: "when"),
        ] {
            #expect(throws: LabelFileError.self) { try LabelFile(bytes) }
        }
    }
}
