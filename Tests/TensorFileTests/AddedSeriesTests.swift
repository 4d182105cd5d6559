// Added datasets of one dimension as curves.

import Foundation
import TensorFile
import Testing

/// A file in memory.
private final class MemoryBytes: RandomAccessFile {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func size() -> Int64 { Int64(bytes.count) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) {
        buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
    }
    func write(_ new: UnsafeRawBufferPointer, at offset: Int64) { fatalError("read only") }
    func setSize(_ size: Int64) {}
}

@Suite struct AddedSeriesTests {
    /// A file whose times are an addition, as far as `expectation` says: of as many frames as there are `values`.
    private func file(_ values: [Int64]) throws -> (MemoryBytes, FileExpectation) {
        let layout = try FileLayout.make(
            TensorFileDescription(
                frameCount: values.count, frameShape: [1, 1, 2], elementType: .float32, hasLastTimestamps: true))
        var bytes = layout.head + [UInt8](repeating: 0, count: 8 * values.count)
        for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        bytes += layout.tail
        let expected = FileExpectation(
            dataOffset: layout.dataOffset, frameCount: values.count, tailOffset: layout.map.datasets[1].offset,
            hasLastTimestamps: false, frameShape: [1, 1, 2], elementType: .float32)
        return (MemoryBytes(bytes), expected)
    }

    private func code(_ body: () throws -> Void) -> TensorFileError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? TensorFileError)?.code }
    }

    @Test func `few values are told as they are`() throws {
        let (bytes, expected) = try file([5, -3, 8])
        let series = try AddedContents.series(bytes, expected, dataset: "/last_timestamps", points: 3)
        #expect(series.count == 3 && series.values == [5, -3, 8] && series.minimum == nil)
    }

    @Test func `many are thinned to the least and the greatest of each part`() throws {
        let values = (0..<100_000).map { Int64($0 * 7919 % 100_003) }
        let (bytes, expected) = try file(values)
        let series = try AddedContents.series(bytes, expected, dataset: "/last_timestamps", points: 1000)
        let parts = (0..<1000).map { values[$0 * 100..<$0 * 100 + 100] }
        #expect(series.count == 100_000 && series.values == nil)
        #expect(series.minimum == parts.map { $0.min().map { Double($0) } })
        #expect(series.maximum == parts.map { $0.max().map { Double($0) } })
    }

    @Test func `what is none is not found`() throws {
        let (bytes, expected) = try file([1, 2])
        for path in ["/nothing", "/data", "", "/", "/last_timestamps/x", "last"] {
            #expect(
                code { _ = try AddedContents.series(bytes, expected, dataset: path, points: 5) } == .notFound, "\(path)"
            )
        }
    }
}
