// Lists of hot pixels beside recordings: what they hold, and what is none. NumPy's own files are for Tests/Integration.

import Datasets
import Recordings
import Testing

@Suite struct PixelsFileTests {
    private func text(_ text: String) throws -> [[Int32]] {
        try PixelsFile.pixels(Array(text.utf8), "a_hot.txt").pixels.map { [$0.x, $0.y] }
    }

    /// A `.npy` as numpy writes it.
    private func npy<T: BitwiseCopyable>(_ type: String, _ shape: String, _ values: [T], fortran: Bool = false)
        -> [UInt8]
    {
        var text = "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(shape)), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
            + values.flatMap { withUnsafeBytes(of: $0, Array.init) }
    }

    private func array(_ bytes: [UInt8]) throws -> [[Int32]] {
        try PixelsFile.pixels(bytes, "a_hot.npy").pixels.map { [$0.x, $0.y] }
    }

    @Test func text() throws {
        #expect(try text("") == [] && text("# none\n\n") == [])
        #expect(try text("3 4\n5 6\n") == [[3, 4], [5, 6]])
        #expect(try text("3,4\r\n5;6 # bright\n  7\t8\n") == [[3, 4], [5, 6], [7, 8]])
        // As metavision_active_pixel_detection writes them, and as numpy.savetxt does.
        #expect(try text("% Date 2024-05-01\n% geometry 320x320\n319 0\n0 319\n") == [[319, 0], [0, 319]])
        #expect(try text("1.2e+01,3.000e+00\n") == [[12, 3]])
    }

    @Test(arguments: [
        ("3 4\nx 5\n", "line 2"), ("3\n", "line 1"), ("# a\n1 2 3\n", "line 2"), ("1 2\n-1 2\n", "line 2"),
        ("1 2\n3 -4\n", "line 2"), ("99999999999 2\n", "line 1"), ("1.5 2\n", "line 1"), ("x,y\n", "line 1"),
        ("nan 1\n", "line 1"), ("1 9223372036854775808\n", "line 1"),
    ])
    func textThatIsNoneSaysWhere(_ bad: String, _ word: String) {
        let error = #expect(throws: ListFileError.self) { try text(bad) }
        #expect(error?.code == .unusable && error?.description.contains(word) == true)
    }

    @Test func arrays() throws {
        #expect(try array(npy("<i8", "2, 2", [3, 4, 5, 6] as [Int64])) == [[3, 4], [5, 6]])
        #expect(try array(npy("<u8", "2, 2", [3, 4, 5, 6] as [UInt64])) == [[3, 4], [5, 6]])
        #expect(try array(npy("<i4", "2, 2", [3, 4, 5, 6] as [Int32])) == [[3, 4], [5, 6]])
        #expect(try array(npy("<u2", "2, 2", [3, 4, 5, 6] as [UInt16])) == [[3, 4], [5, 6]])
        #expect(try array(npy("|u1", "2, 2", [3, 4, 5, 6] as [UInt8])) == [[3, 4], [5, 6]])
        // Columns, as numpy.argwhere's transpose or numpy.array of two lists turned gives them.
        #expect(try array(npy("<i8", "2, 2", [3, 5, 4, 6] as [Int64], fortran: true)) == [[3, 4], [5, 6]])
        #expect(try array(npy("<i8", "0, 2", [] as [Int64])) == [])
    }

    @Test func masks() throws {
        let mask: [UInt8] = [0, 1, 0, 0, 0, 255]
        for type in ["|b1", "|u1"] {
            let pixels = try PixelsFile.pixels(npy(type, "2, 3", mask), "a_hot.npy")
            #expect(pixels.pixels.map { [$0.x, $0.y] } == [[1, 0], [2, 1]])
            #expect(pixels.size == Geometry(width: 3, height: 2))
            #expect(try array(npy(type, "2, 3", mask, fortran: true)) == [[0, 1], [2, 1]])
        }
        // Two pixels wide it can only be one of bool.
        #expect(try array(npy("|b1", "3, 2", mask)) == [[1, 0], [1, 2]])
        #expect(try array(npy("|u1", "3, 2", mask)) == [[0, 1], [0, 0], [0, 255]])
    }

    @Test func arraysThatAreNone() {
        let good = npy("<i8", "2, 2", [1, 2, 3, 4] as [Int64])
        for (bytes, word) in [
            ([], ".npy"), (Array(good.prefix(40)), "cut off"), (Array(good.dropLast()), "fewer elements"),
            (npy("<i8", "2, 2", [1, 2, 3, -4] as [Int64]), "element 1"),
            (npy("<u8", "1, 2", [1, UInt64.max]), "element 0"),
            (npy("<i8", "1, 2", [1 << 40, 2] as [Int64]), "element 0"),
            (npy("<f8", "1, 2", [1, 2] as [Double]), "<f8"), (npy("<i8", "4,", [1, 2, 3, 4] as [Int64]), "shape"),
            (npy("<i8", "2, 3", [Int64](repeating: 0, count: 6)), "shape"),
            (npy("<i8", "99999999, 2", [] as [Int64]), "4194304"),
            (npy("|b1", "20000, 3", [UInt8](repeating: 0, count: 60000)), "no sensor"),
            (npy("|u1", "9223372036854775807, 9223372036854775807", [] as [UInt8]), "no sensor"),
            (npy("|b1", "100, 100", [UInt8](repeating: 0, count: 99)), "fewer elements"),
        ] as [([UInt8], String)] {
            let error = #expect(throws: ListFileError.self) { try array(bytes) }
            #expect(error?.description.contains(word) == true, "\(word): \(error?.description ?? "")")
        }
    }

    @Test func theListIsACompanion() {
        #expect(
            ListOrigin.hotPixels("hot").names(of: "up_td.dat") == [
                "up_td.dat_hot.npy", "up_td.dat_hot.txt", "up_td.dat_hot.csv", "up_hot.npy", "up_hot.txt", "up_hot.csv",
                "hot",
            ])
        let missing = ListOrigin.hotPixels("hot").missing(of: "up_td.dat")
        #expect(
            missing.code == .missing && missing.description.contains("hot pixels")
                && missing.description.contains("up_hot.npy"))
    }
}
