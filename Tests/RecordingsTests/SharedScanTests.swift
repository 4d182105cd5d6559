// A scan that many wait for: it is made once, it ends when nobody wants it, and whoever gives up leaves the others
// waiting.

import Files
import Foundation
import Recordings
import Synchronization
import Testing

/// A giver of requests whose requests are interrupted when the test says so.
private final class Giver: RequestGiver {
    let interrupted = Mutex<Set<Int>>([])
    /// Threads that are waiting.
    let waiting = Atomic(0)

    func isInterrupted(_ request: OpaquePointer) -> Bool {
        interrupted.withLock { $0.contains(Int(bitPattern: request)) }
    }
    func willWait() { waiting.add(1, ordering: .relaxed) }
    func didWait() { waiting.subtract(1, ordering: .relaxed) }
}

@Suite struct SharedScanTests {
    private func request(_ number: Int) -> OpaquePointer { OpaquePointer(bitPattern: number)! }

    /// A recording of so many bytes that its scan has a thread of its own and takes a while.
    private func recording(_ bytes: Int) throws -> Recording {
        let path = NSTemporaryDirectory() + "evh5-scan-\(UUID().uuidString).raw"
        defer { unlink(path) }
        var data = Data("% evt 2.0\n% geometry 64x64\n% end\n".utf8)
        var block = Data()
        for i in 0..<(1 << 18) {
            let word: UInt32 = i % 4 == 0 ? 8 << 28 | UInt32(i / 4) : UInt32(i & 63) << 22 | UInt32(i % 64) << 11
            withUnsafeBytes(of: word.littleEndian) { block.append(contentsOf: $0) }
        }
        while data.count < bytes { data.append(block) }
        try data.write(to: URL(fileURLWithPath: path))
        return try Recording(path: path)
    }

    @Test func whoGivesUpLeavesTheOthersWaiting() throws {
        let recording = try recording(96 << 20)
        let store = IndexStore(directory: nil)
        let giver = Giver()
        giver.interrupted.withLock { $0 = [1] }
        let results = Mutex<[Int: Result<TimeIndex, RecordingError>]>([:])
        let group = DispatchGroup()
        for number in 1...20 {
            group.enter()
            Thread.detachNewThread {
                let result = LongWait.answering(request(number), of: giver) { () -> Result<TimeIndex, RecordingError> in
                    do throws(RecordingError) { return .success(try store.index(of: recording)) } catch {
                        return .failure(error)
                    }
                }
                results.withLock { $0[number] = result }
                group.leave()
            }
        }
        group.wait()
        let all = results.withLock { $0 }
        let expected = try TimeIndex.build(recording)
        for number in 2...20 { #expect(try all[number]!.get() == expected) }
        // The first may have been served before it was asked whether it still waits.
        if case .failure(let error) = all[1]! { #expect(error.code == .interrupted) }
        #expect(giver.waiting.load(ordering: .relaxed) == 0)
    }

    @Test func aScanThatNobodyWantsEndsAndTheNextOneWorks() throws {
        let recording = try recording(64 << 20)
        let store = IndexStore(directory: nil)
        let giver = Giver()
        giver.interrupted.withLock { $0 = [1] }
        for _ in 0..<5 {
            LongWait.answering(request(1), of: giver) { _ = try? store.index(of: recording) }
            #expect(!LongWait.isInterrupted)
        }
        #expect(try store.index(of: recording) == TimeIndex.build(recording))
    }
}
