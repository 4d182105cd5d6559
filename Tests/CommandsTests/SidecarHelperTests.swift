// `evh5 sidecar-helper` as the daemon runs it: real sessions of a store, checked by the built binary.

import Commands
import Foundation
import SidecarStore
import TensorFile
import Testing

@Suite struct SidecarHelperTests {
    /// Runs the built binary, and keeps what it said.
    private struct Binary: SidecarHelper {
        let folder: TemporaryFolder

        /// The line that the binary prints.
        private struct Answer: Decodable {
            var note: String?
            var contents: [AddedObject]?
            var series: AddedSeries?
            var code: String?
            var errno: Int32?
            var message: String?
        }

        func verify(folder: String) throws(SidecarError) { _ = try ask(["verify", folder]) }

        func verify(folder: String, commit: Int) throws(SidecarError) {
            _ = try ask(["verify", folder, "--commit", "\(commit)"])
        }

        func carryOver(folder: String) throws(SidecarError) -> String { try ask(["carry-over", folder]).note ?? "" }

        func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject] {
            try ask(["contents", folder, "--commit", "\(commit)"]).contents ?? []
        }

        func series(
            folder: String, commit: Int, dataset: String, points: Int
        ) throws(SidecarError) -> AddedSeries {
            let answer = try ask([
                "series", folder, "--commit", "\(commit)", "--dataset", dataset, "--points", "\(points)",
            ])
            guard let series = answer.series else { throw SidecarError(.io, "no series") }
            return series
        }

        private func ask(_ arguments: [String]) throws(SidecarError) -> Answer {
            let answer: Answer
            do {
                let run = try Run.evh5(["sidecar-helper"] + arguments, in: folder)
                try #require(run.code == 0 && run.problems == "", "\(run.code): \(run.problems)")
                answer = try JSONDecoder().decode(Answer.self, from: Data(run.output.utf8))
            } catch {
                throw SidecarError(.io, "\(error)")
            }
            guard let code = answer.code else { return answer }
            throw SidecarError(
                SidecarError.Code(rawValue: code) ?? .io, errno: answer.errno, answer.message ?? "no reason")
        }
    }

    private let folder: TemporaryFolder
    private let store: SidecarStore

    init() throws {
        folder = try TemporaryFolder()
        store = SidecarStore(
            directory: folder.path + "/store", readOnly: false, helper: Binary(folder: folder), say: { _ in })
    }

    private func base(frames: Int) throws -> SidecarBase {
        let description = try TensorFileDescription(
            frameCount: frames, frameShape: [2, 8, 8], elementType: .float32
        ).file()
        let layout = try FileLayout.make(description)
        return SidecarBase(
            key: SidecarKey(recordingPath: "/recordings/a.raw", preprocessing: "histo", window: "50ms"),
            recording: RecordingState(device: 1, inode: 2, size: Int64(frames), modified: 3, headerDigest: 4),
            layout: layout, expectation: description.expectation(layout), programVersion: "test", tensorVersion: 1)
    }

    private func write<T: FixedWidthInteger>(_ number: T, at offset: Int64, to writer: SidecarWriter) throws {
        try withUnsafeBytes(of: number.littleEndian) { try writer.write($0, at: offset) }
    }

    /// Makes the file longer by 8 bytes that nothing uses, which is valid HDF5.
    private func grow(_ writer: SidecarWriter) throws {
        let size = writer.size
        try write(0xAFFE, at: size, to: writer)
        try write(size + 8, at: 40, to: writer)
    }

    @Test func aWholeSessionIsCommitted() throws {
        let writer = try store.openForWriting(base(frames: 5))
        defer { writer.close() }
        try grow(writer)
        #expect(try writer.commit(final: true)?.commit == 1)
    }

    @Test func damageIsRefusedWithItsReason() throws {
        let writer = try store.openForWriting(base(frames: 5))
        defer { writer.close() }
        try grow(writer)
        // The version of the root group's object header, right after the superblock.
        try write(UInt8(77), at: 96, to: writer)
        let error = #expect(throws: SidecarError.self) { _ = try writer.commit(final: true) }
        #expect(error?.code == .invalidResult)
        #expect(error?.message.contains("no valid HDF5 file") == true, "\(error?.message ?? "")")
    }

    @Test func aMovedTensorIsRefused() throws {
        let file = try base(frames: 5)
        let writer = try store.openForWriting(file)
        defer { writer.close() }
        try grow(writer)
        // Where /data is said to be.
        let place = try #require(
            (96..<4088).first { Array(file.layout.head[$0..<($0 + 8)]) == [0, 16, 0, 0, 0, 0, 0, 0] })
        try write(Int64(4096 + 8), at: Int64(place), to: writer)
        let error = #expect(throws: SidecarError.self) { _ = try writer.commit(final: true) }
        #expect(error?.code == .tensorChanged)
    }

    @Test func limitsGrowWithTheSidecar() {
        let (small, large) = (HelperLimits(bytes: 0), HelperLimits(bytes: 20_000_000_000))
        #expect(small.processorSeconds == 60 && small.seconds == 240 && small.memory == 1 << 30)
        #expect(large.processorSeconds == 2060 && large.memory > 40_000_000_000)
        // A folder that is not there has no bytes.
        #expect(HelperLimits(folder: "/nowhere/at/all").processorSeconds == 60)
    }
}
