// Frames computed ahead of readers.

import Foundation
import FrameStore
import Synchronization
import Testing

@Suite struct PrefetchTests {
    private static let size = 4096

    private func fill(_ key: FrameKey, _ memory: UnsafeMutableRawBufferPointer) {
        memory.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: key.frame))
    }

    private func key(_ frame: Int) -> FrameKey { FrameKey(tensor: 1, frame: frame) }

    /// Waits until `condition` holds; false when it does not within ten seconds.
    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<10_000 {
            if condition() { return true }
            usleep(1000)
        }
        return false
    }

    @Test func aFrameComputedAheadIsAHit() throws {
        let store = FrameStore(memoryTarget: 100 * Self.size)
        store.prefetch(key(3), byteCount: Self.size) { fill($0, $1) }
        #expect(eventually { store.statistics.computed == 1 })
        let frame = try store.frame(key(3), byteCount: Self.size) { _ in Issue.record("computed twice") }
        #expect(frame.bytes.allSatisfy { $0 == 3 })
        #expect(store.statistics.prefetched == 1)
    }

    @Test func aReaderJoinsTheComputationAhead() throws {
        let store = FrameStore(memoryTarget: 100 * Self.size)
        let go = DispatchSemaphore(value: 0)
        store.prefetch(key(5), byteCount: Self.size) {
            go.wait()
            fill($0, $1)
        }
        #expect(eventually { store.statistics.computingNow == 1 })
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { go.signal() }
        let frame = try store.frame(key(5), byteCount: Self.size) { _ in Issue.record("computed twice") }
        #expect(frame.bytes.allSatisfy { $0 == 5 })
    }

    @Test func guessesTakeAQuarterOfTheMemoryAtMost() throws {
        let store = FrameStore(memoryTarget: 16 * Self.size, computeLimit: 2)
        for frame in 0..<8 {
            let before = store.statistics
            store.prefetch(key(frame), byteCount: Self.size) { fill($0, $1) }
            if frame < 4 { #expect(eventually { store.statistics.computed == before.computed + 1 }) }
        }
        usleep(50_000)
        #expect(store.statistics.computed == 4)
        // Asked for, they are no guesses any more, and there is room for others.
        for frame in 0..<4 { _ = try store.frame(key(frame), byteCount: Self.size) { _ in } }
        store.prefetch(key(9), byteCount: Self.size) { fill($0, $1) }
        #expect(eventually { store.statistics.computed == 5 })
    }

    @Test func aFailureAheadIsLeftToTheReader() throws {
        struct Broken: Error {}
        let store = FrameStore(memoryTarget: 100 * Self.size)
        store.prefetch(key(1), byteCount: Self.size) { _, _ in throw Broken() }
        #expect(eventually { store.statistics.failed == 1 })
        let frame = try store.frame(key(1), byteCount: Self.size) { memory in fill(key(1), memory) }
        #expect(frame.bytes.allSatisfy { $0 == 1 })
    }

    @Test func requestsGoFirst() throws {
        let store = FrameStore(memoryTarget: 100 * Self.size, computeLimit: 1)
        let order = Mutex<[Int]>([])
        let go = DispatchSemaphore(value: 0)
        store.prefetch(key(0), byteCount: Self.size) { key, _ in
            go.wait()
            order.withLock { $0.append(key.frame) }
        }
        #expect(eventually { store.statistics.computingNow == 1 })
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            _ = try? store.frame(FrameKey(tensor: 1, frame: 7), byteCount: Self.size) { _ in
                order.withLock { $0.append(7) }
            }
            done.signal()
        }
        usleep(20_000)
        store.prefetch(key(1), byteCount: Self.size) { key, _ in order.withLock { $0.append(key.frame) } }
        go.signal()
        done.wait()
        #expect(eventually { order.withLock { $0.count } == 3 })
        #expect(order.withLock { $0 } == [0, 7, 1])
    }

    @Test func nothingIsLeftOfWrongGuesses() throws {
        let store = FrameStore(memoryTarget: 8 * Self.size)
        for frame in 0..<200 { store.prefetch(key(frame), byteCount: Self.size) { fill($0, $1) } }
        for frame in 1000..<1200 { _ = try store.frame(key(frame), byteCount: Self.size) { fill(key(frame), $0) } }
        #expect(eventually { store.statistics.computingNow == 0 })
        #expect(store.statistics.peakBytes <= 8 * Self.size)
        store.drop(tensor: 1)
        #expect(eventually { store.statistics.bytesHeld == 0 })
    }

    @Test func computationsElsewhereTakeNoTurns() throws {
        let store = FrameStore(memoryTarget: 100 * Self.size, computeLimit: 1)
        let (go, began) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let done = (0..<3).map { frame in
            start {
                _ = try? store.frame(FrameKey(tensor: 1, frame: frame), byteCount: Self.size, isElsewhere: true) {
                    began.signal()
                    go.wait()
                    fill(FrameKey(tensor: 1, frame: frame), $0)
                }
            }
        }
        for _ in 0..<3 { began.wait() }
        // One that reads ahead and hangs, too, keeps nobody else from reading ahead.
        store.prefetch(key(3), byteCount: Self.size, isElsewhere: true) { fill($0, $1) }
        store.prefetch(FrameKey(tensor: 2, frame: 1), byteCount: Self.size) { fill($0, $1) }
        #expect(eventually { store.statistics.computed == 2 })
        _ = try store.frame(FrameKey(tensor: 2, frame: 2), byteCount: Self.size) { fill(key(2), $0) }
        #expect(store.statistics.computed == 3 && store.statistics.computingNow == 0)
        for _ in 0..<3 { go.signal() }
        for one in done { one.wait() }
        #expect(store.statistics.computed == 6 && store.statistics.failed == 0)
    }
}
