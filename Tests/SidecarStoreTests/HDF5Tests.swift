// Sessions of real HDF5 files, checked and carried over by libhdf5.

import Foundation
import SidecarFixture
import SidecarStore
import TensorFile
import Testing

/// A file in memory.
private final class MemoryBytes: RandomAccessFile {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func size() -> Int64 { Int64(bytes.count) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) {
        buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
    }
    func write(_ new: UnsafeRawBufferPointer, at offset: Int64) { fatalError("read only") }
    func setSize(_ size: Int64) {}
}

/// A writer's session, for libhdf5.
private final class SessionFile: RandomAccessFile {
    let writer: SidecarWriter

    init(_ writer: SidecarWriter) { self.writer = writer }

    func size() -> Int64 { writer.size }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws {
        try writer.read(into: buffer, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws { try writer.write(bytes, at: offset) }
    func setSize(_ size: Int64) throws { try writer.setSize(size) }
}

@Suite struct HDF5Tests {
    private let timestamps = (0..<3).flatMap { withUnsafeBytes(of: Int64($0 * 1000 + 7).littleEndian, Array.init) }

    /// Adds a dataset `/last_timestamps` to the writer's file: libhdf5 copies it from another tensor file, which has it
    /// beside its tensor.
    private func addDataset(_ writer: SidecarWriter, _ base: SidecarBase) throws {
        let other = try FileLayout.make(
            TensorFileDescription(
                frameCount: 3, frameShape: [1, 4, 4], elementType: .float32, hasLastTimestamps: true))
        var bytes = other.head
        bytes += [UInt8](repeating: 0, count: other.map.datasets[0].blockBytes * 3)
        bytes += timestamps
        bytes += other.tail
        let tensorOnly = FileExpectation(
            dataOffset: other.dataOffset, frameCount: 3, tailOffset: other.map.datasets[1].offset,
            hasLastTimestamps: false, frameShape: [1, 4, 4],
            elementType: .float32)
        let report = try AddedContents.carryOver(
            from: MemoryBytes(bytes), tensorOnly, into: SessionFile(writer), base.expectation)
        #expect(report.objects == 1)
    }

    private func names(_ file: SidecarFile) throws -> [String] {
        try AddedContents.summary(file, file.layout).map { "\($0)" }
    }

    @Test func additionsAreCheckedCommittedAndCarriedOver() throws {
        let place = try Place()
        let store = SidecarStore(directory: place.directory, readOnly: false, helper: InProcessSidecarHelper()) { _ in }
        let maintenance = SidecarMaintenance(directory: place.directory, helper: InProcessSidecarHelper())
        let base = try place.base()
        let writer = try store.openForWriting(base)
        try addDataset(writer, base)
        let first = try #require(try writer.commit(final: true))
        writer.close()
        let added = try names(SidecarFile(first))
        #expect(added.count == 1 && added[0].contains("last_timestamps"))
        #expect(maintenance.verify(try maintenance.list()[0]).problems == [])

        // The recording grew: more frames, the same addition.
        try write(pattern(150_000, 7), to: place.recording)
        let longer = try place.base(frames: 9)
        let second = try #require(try store.snapshot(longer))
        #expect(second.layout == longer.expectation && second.commit == 2)
        let file = SidecarFile(second)
        #expect(try names(file) == added)
        try AddedContents.verify(file, longer.expectation)
        #expect(try FileModel(second).bytes.contains(timestamps))
        let entry = try maintenance.list()[0]
        #expect(entry.commits.last?.note == "1 objects and 0 attributes carried over")
        #expect(maintenance.verify(entry).problems == [])
    }

    @Test func brokenFilesAreNotCommitted() throws {
        let place = try Place()
        let store = SidecarStore(directory: place.directory, readOnly: false, helper: InProcessSidecarHelper()) { _ in }
        let base = try place.base()
        var writer = try store.openForWriting(base)
        try addDataset(writer, base)
        _ = try writer.commit(final: true)
        // The root group's header, whose address is in the superblock, becomes nonsense.
        var address: Int64 = 0
        try withUnsafeMutableBytes(of: &address) { try writer.read(into: $0, at: 64) }
        try writer.apply([.write(address, pattern(40, 1))])
        let error = try #require(try failure { _ = try writer.commit(final: true) })
        #expect(error.code == .invalidResult || error.code == .tensorChanged)
        writer.close()
        #expect(try store.snapshot(base)?.commit == 1)

        // A file that has no tensor.
        writer = try store.openForWriting(base)
        let other = try FileLayout.make(
            TensorFileDescription(frameCount: 0, frameShape: [1, 4, 4], elementType: .float32))
        try writer.apply([
            .write(0, other.head.prefix(96) + [UInt8](repeating: 0, count: 4000)),
            .write(40, withUnsafeBytes(of: writer.size.littleEndian, Array.init)),
        ])
        #expect(try failure { _ = try writer.commit(final: true) } != nil)
        writer.close()
        #expect(try place.maintenance.list()[0].torn.count == 2)
    }
}
