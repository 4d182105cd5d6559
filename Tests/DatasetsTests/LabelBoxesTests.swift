// Boxes of label files, and what classes are called.

import Datasets
import Testing

@Suite struct LabelBoxesTests {
    /// A `.npy` of records of one descriptor.
    private func npy(_ descriptor: String, _ records: [[UInt8]]) -> [UInt8] {
        var header = "{'descr': [\(descriptor)], 'fortran_order': False, 'shape': (\(records.count),), }"
        header += String(repeating: " ", count: 63 - (header.utf8.count + 10) % 64) + "\n"
        let length = header.utf8.count
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(header.utf8)
            + records.flatMap { $0 }
    }

    private func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    @Test func `fields may be of any numbers`() throws {
        let file = npy(
            "('ts', '<i4'), ('x', '<f8'), ('y', '<i2'), ('w', '|u1'), ('h', '<f4'), ('class_id', '<i8'), ('confidence', '<f8')",
            [
                bytes(Int32(9)) + bytes(1.5) + bytes(Int16(-2)) + [200] + bytes(Float(0.25)) + bytes(Int64(-1))
                    + bytes(0.75),
                bytes(Int32(3)) + bytes(2.5) + bytes(Int16(7)) + [1] + bytes(Float(4)) + bytes(Int64(5)) + bytes(1.0),
            ])
        let boxes = try LabelBoxes(file)
        #expect(boxes.count == 2 && boxes.times == [3, 9])
        #expect(boxes[1].x == 1.5 && boxes[1].y == -2 && boxes[1].width == 200 && boxes[1].height == 0.25)
        #expect(
            boxes[1].classID == -1 && boxes[0].classID == 5 && boxes[0].trackID == nil && boxes[1].confidence == 0.75)
        #expect(
            boxes.indices(in: 3..<9) == 0..<1 && boxes.indices(in: 0..<100) == 0..<2
                && boxes.indices(in: 10..<20).isEmpty)
    }

    @Test func `what is no box is refused`() {
        let time = "('t', '<u8')"
        #expect(throws: LabelFileError.self) { try LabelBoxes(npy(time, [bytes(UInt64(1))])) }
        #expect(throws: LabelFileError.self) {
            try LabelBoxes(npy("\(time), ('x', '<U1'), ('y', '<f4'), ('w', '<f4'), ('h', '<f4')", []))
        }
        #expect(throws: LabelFileError.self) { try LabelBoxes([1, 2, 3]) }
    }

    @Test func `a dictionary of classes has numbers as keys`() {
        #expect(ClassNames.read(Array(#"{"0": "car", "12": "bike"}"#.utf8)) == [0: "car", 12: "bike"])
        #expect(ClassNames.read(Array(#"{"car": "0"}"#.utf8)) == nil)
        #expect(ClassNames.read(Array("[]".utf8)) == nil)
    }
}
