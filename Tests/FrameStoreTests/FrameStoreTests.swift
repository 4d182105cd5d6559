// What a frame store promises, one thing at a time.

import Foundation
import FrameStore
import SanitizerFixture
import Testing

@Suite(.serialized) struct FrameStoreTests {
    @Test func oneComputationForManyThreads() {
        let store = FrameStore(memoryTarget: 1 << 20)
        let computations = Level()
        let good = Level()
        concurrently(32) { _ in
            let frame = try? store.frame(key(5), byteCount: 10_000) { bytes in
                computations.add(1)
                _ = eventually { store.statistics.joined == 31 }
                fill(key(5), bytes)
            }
            if let frame, frame.bytes.count == 10_000, isWhole(key(5), frame.bytes) { good.add(1) }
        }
        #expect(computations.value == 1)
        #expect(good.value == 32)
        let statistics = store.statistics
        #expect(statistics.computed == 1 && statistics.joined == 31 && statistics.hits == 0)
        #expect(statistics.framesHeld == 1 && statistics.bytesHeld == 12_288 && statistics.computingNow == 0)
    }

    @Test func anErrorGoesToAllWhoWaitAndIsForgotten() throws {
        let store = FrameStore(memoryTarget: 1 << 20)
        let computations = Level()
        let failures = Level()
        concurrently(16) { _ in
            do {
                _ = try store.frame(key(5), byteCount: 10_000) { _ in
                    computations.add(1)
                    _ = eventually { store.statistics.joined == 15 }
                    throw Failure(number: 7)
                }
            } catch { if error as? Failure == Failure(number: 7) { failures.add(1) } }
        }
        #expect(computations.value == 1)
        #expect(failures.value == 16)
        #expect(store.statistics.bytesHeld == 0 && store.statistics.framesHeld == 0)
        #expect(store.statistics.failed == 1 && store.statistics.computed == 0)
        let frame = try store.frame(key(5), byteCount: 10_000) { fill(key(5), $0) }
        #expect(isWhole(key(5), frame.bytes))
    }

    @Test func aFailedRequestStillServesThoseWhoWaitForItsOtherFrames() throws {
        let store = FrameStore(memoryTarget: 1 << 20, computeLimit: 1)
        let other = Level()
        let failed = Level()
        let asked = Guarded<[Int]>([])
        let first = start {
            do {
                _ = try store.frames([key(0), key(1), key(2)], byteCount: 4096) { which, bytes in
                    asked.withLock { $0.append(which.frame) }
                    if which.frame == 0 {
                        _ = eventually { store.statistics.joined == 1 }
                        throw Failure(number: 0)
                    }
                    fill(which, bytes)
                }
            } catch { failed.add(1) }
        }
        #expect(eventually { store.statistics.computingNow == 1 })
        let second = start {
            let frame = try? store.frame(key(2), byteCount: 4096) { _ in throw Failure(number: 2) }
            if let frame, isWhole(key(2), frame.bytes) { other.add(1) }
        }
        first.wait()
        second.wait()
        #expect(failed.value == 1 && other.value == 1)
        // Frame 1, which nobody else wanted, was not computed.
        #expect(asked.withLock { $0 } == [0, 2])
        #expect(store.statistics.framesHeld == 1 && store.statistics.bytesHeld == 4096)
    }

    @Test func leastRecentlyUsedGoesFirst() throws {
        let store = FrameStore(memoryTarget: 3 * 4096)
        var computed: [Int] = []
        func ask(_ frame: Int) throws {
            let frame = try store.frame(key(frame), byteCount: 4096) {
                computed.append(frame)
                fill(key(frame), $0)
            }
            #expect(frame.bytes.count == 4096)
        }
        for frame in [0, 1, 2, 0, 3, 0, 2, 3, 1, 0, 4, 2] { try ask(frame) }
        // 3 takes the place of 1, 1 of 0, 0 of 2, 4 of 3, 2 of 1.
        #expect(computed == [0, 1, 2, 3, 1, 0, 4, 2])
        #expect(store.statistics.evictions == 5)
        #expect(store.statistics.hits == 4)
        #expect(store.statistics.peakBytes == 3 * 4096)
    }

    @Test func heldFramesStayWhole() throws {
        let store = FrameStore(memoryTarget: 4 * 8192)
        var held: Frame? = try store.frame(key(0), byteCount: 8192) { fill(key(0), $0) }
        for frame in 1..<50 { _ = try store.frame(key(frame), byteCount: 8192) { fill(key(frame), $0) } }
        #expect(store.statistics.evictions == 46)
        // It could not be let go: it is still found.
        _ = try store.frame(key(0), byteCount: 8192) { _ in throw Failure(number: 0) }
        store.drop(tensor: 1)
        #expect(store.statistics.framesHeld == 1 && store.statistics.bytesHeld == 8192)
        for frame in 100..<150 { _ = try store.frame(key(frame), byteCount: 8192) { fill(key(frame), $0) } }
        let bytes = try #require(held).bytes
        #expect(isWhole(key(0), bytes))
        // Dropped: it is computed anew, into other memory.
        let again = try store.frame(key(0), byteCount: 8192) { fill(key(7), $0) }
        #expect(isWhole(key(7), again.bytes) && isWhole(key(0), bytes))
        held = nil
        #expect(store.statistics.peakBytes <= 4 * 8192)
    }

    @Test func droppedMemoryIsReturned() throws {
        let store = FrameStore(memoryTarget: 1 << 20)
        for tensor in 1...2 as ClosedRange<UInt64> {
            for frame in 0..<10 {
                _ = try store.frame(key(frame, tensor: tensor), byteCount: 20_000) { fill(key(0), $0) }
            }
        }
        #expect(store.statistics.framesHeld == 20)
        store.drop(tensor: 1)
        #expect(store.statistics.framesHeld == 10 && store.statistics.bytesHeld == 10 * 20_480)
        _ = try store.frame(key(3, tensor: 2), byteCount: 20_000) { _ in throw Failure(number: 3) }
        store.drop(tensor: 2)
        store.drop(tensor: 3)
        let statistics = store.statistics
        #expect(statistics.framesHeld == 0 && statistics.bytesHeld == 0 && statistics.bytesScratch == 0)
        #expect(statistics.bytesPooled <= statistics.target / 4)
    }

    @Test func whatIsDroppedWhileComputedIsNotKept() throws {
        let store = FrameStore(memoryTarget: 1 << 20)
        let frame = try store.frame(key(1), byteCount: 4096) {
            store.drop(tensor: 1)
            fill(key(1), $0)
        }
        #expect(isWhole(key(1), frame.bytes))
        var computed = false
        _ = try store.frame(key(1), byteCount: 4096) { _ in computed = true }
        #expect(computed)
        #expect(store.statistics.framesHeld == 2)
    }

    @Test func memoryGoesBackToTheSystem() throws {
        let frameBytes = 8 << 20
        var bases: [UnsafeRawPointer] = []
        // How many of the frames' first pages the system still has. Other tests may map memory in the same places, so
        // this is not exact.
        func mappedFrames() -> Int {
            var state: UInt8 = 0
            return bases.count { base in
                mincore(UnsafeMutableRawPointer(mutating: base).alignedDown(toMultipleOf: 4096), 4096, &state) == 0
            }
        }
        do {
            let store = FrameStore(memoryTarget: 17 * frameBytes)
            for frame in 0..<16 {
                let frame = try store.frame(key(frame), byteCount: frameBytes) { fill(key(frame), $0) }
                bases.append(try #require(frame.bytes.baseAddress))
            }
            #expect(mappedFrames() == 16)
            store.drop(tensor: 1)
            #expect(mappedFrames() <= 8)
        }
        #expect(mappedFrames() <= 8)
    }

    @Test func steadyReadingReusesMemory() throws {
        let store = FrameStore(memoryTarget: 4 << 20)
        // So large that malloc maps it, as it does with the arrays that readers read frames into.
        let array = try #require(malloc(64 << 20))
        defer { free(array) }
        var bases: Set<UnsafeRawPointer> = []
        for frame in 0..<200 {
            let frame = try store.frame(key(frame), byteCount: 1_000_000) { fill(key(frame), $0) }
            let base = try #require(frame.bytes.baseAddress)
            // The sanitizers' malloc gives whole pages, other than the C library's.
            if !isSanitized { #expect(UInt(bitPattern: base) % 4096 == UInt(bitPattern: array) % 4096) }
            bases.insert(base)
        }
        #expect(bases.count <= 4)
    }

    @Test func noMoreComputationsAtOnceThanAllowed() {
        let store = FrameStore(memoryTarget: 1 << 20, computeLimit: 2)
        let running = Level()
        concurrently(8) { thread in
            for round in 0..<5 {
                _ = try? store.frame(key(thread * 10 + round), byteCount: 4096) { _ in
                    running.add(1)
                    usleep(2000)
                    running.add(-1)
                }
            }
        }
        #expect(running.peak == 2)
        #expect(store.statistics.computed == 40 && store.statistics.computingNow == 0)
    }

    @Test func whoeverWaitsLongestIsServedFirst() throws {
        let store = FrameStore(memoryTarget: 4 * 4096, patience: 60_000)
        var held = try (0..<4).map { number in try store.frame(key(number), byteCount: 4096) { fill(key(number), $0) } }
        let order = Guarded<[String]>([])
        let large = start {
            _ = try? store.frame(key(10), byteCount: 4 * 4096) { _ in order.withLock { $0.append("large") } }
        }
        #expect(eventually { store.statistics.waits == 1 })
        let small = start {
            _ = try? store.frame(key(11), byteCount: 4096) { _ in order.withLock { $0.append("small") } }
        }
        #expect(eventually { store.statistics.waits == 2 })
        held.removeLast()
        usleep(20_000)
        // There is room for the small one, but it came later.
        #expect(order.withLock { $0 } == [])
        held = []
        large.wait()
        small.wait()
        #expect(order.withLock { $0 } == ["large", "small"])
        #expect(store.statistics.overshoots == 0 && store.statistics.peakBytes <= 4 * 4096)
    }

    @Test func whatIsLargerThanAllMemoryIsServedAlone() throws {
        let store = FrameStore(memoryTarget: 4 * 4096, patience: 60_000)
        let held = Guarded<[Frame]>(
            try (0..<3).map { n in try store.frame(key(n), byteCount: 4096) { fill(key(n), $0) } })
        let large = start {
            let frame = try? store.frame(key(10), byteCount: 100 * 4096) { fill(key(10), $0) }
            if let frame, isWhole(key(10), frame.bytes) { held.withLock { $0 = [frame] } }
        }
        #expect(eventually { store.statistics.waits == 1 })
        #expect(store.statistics.computed == 3)
        held.withLock { $0 = [] }
        large.wait()
        #expect(store.statistics.framesHeld == 1 && store.statistics.overshoots == 1)
        // A large frame begins somewhat into its first page.
        #expect(store.statistics.bytes == 101 * 4096)
        held.withLock { $0 = [] }
        _ = try store.frame(key(1), byteCount: 4096) { fill(key(1), $0) }
        #expect(store.statistics.bytes <= 4 * 4096)
    }

    @Test func scratchCounts() throws {
        let store = FrameStore(memoryTarget: 10 * 4096)
        for frame in 0..<10 { _ = try store.frame(key(frame), byteCount: 4096) { fill(key(frame), $0) } }
        _ = try store.frame(key(20), byteCount: 4096, scratchBytes: 5 * 4096) { _ in
            #expect(store.statistics.bytesScratch == 5 * 4096)
            #expect(store.statistics.bytes <= 10 * 4096)
            #expect(store.statistics.framesHeld == 5)
        }
        #expect(store.statistics.bytesScratch == 0)
        _ = try? store.frame(key(21), byteCount: 4096, scratchBytes: 4096) { _ in throw Failure(number: 1) }
        #expect(store.statistics.bytesScratch == 0)
    }

    @Test func framesOfARequestAreComputedAtOnce() throws {
        let store = FrameStore(memoryTarget: 1 << 20, computeLimit: 3)
        let running = Level()
        let keys = (0..<5).map { key($0) }
        let frames = try store.frames(keys, byteCount: 4096, scratchBytes: 8192, atOnce: 2) { which, bytes in
            running.add(1)
            // The first waits for the second.
            if which.frame == 0 { #expect(eventually { running.peak == 2 }) }
            #expect(store.statistics.bytesScratch == 2 * 8192)
            fill(which, bytes)
            running.add(-1)
        }
        #expect(zip(keys, frames).allSatisfy { isWhole($0, $1.bytes) })
        #expect(running.peak == 2)
        #expect(store.statistics.computed == 5 && store.statistics.bytesScratch == 0)
    }

    @Test func anErrorOfOneEndsThoseComputedAtOnce() {
        let store = FrameStore(memoryTarget: 1 << 20, computeLimit: 3)
        #expect(throws: Failure(number: 3)) {
            _ = try store.frames((0..<6).map { key($0) }, byteCount: 4096, scratchBytes: 64, atOnce: 3) {
                if $0.frame == 3 { throw Failure(number: 3) }
                fill($0, $1)
            }
        }
        #expect(store.statistics.bytesScratch == 0 && store.statistics.computingNow == 0)
        for frame in 0..<6 {
            let again = try? store.frame(key(frame), byteCount: 4096) { fill(key(frame), $0) }
            #expect(again.map { isWhole(key(frame), $0.bytes) } == true)
        }
        #expect(store.statistics.framesHeld == 6)
    }

    @Test func oddRequests() throws {
        let store = FrameStore(memoryTarget: 0)
        #expect(try store.frames([], byteCount: 100) { _, _ in }.isEmpty)
        #expect(try store.frame(key(0), byteCount: 0) { fill(key(0), $0) }.bytes.isEmpty)
        let twice = try store.frames([key(1), key(1), key(2), key(1)], byteCount: 800) { fill($0, $1) }
        #expect(zip(twice, [1, 1, 2, 1]).allSatisfy { isWhole(key($1), $0.bytes) })
        #expect(store.statistics.joined == 2 && store.statistics.framesHeld == 2)
        for (count, keys) in [(-1, 1), (Int.max, 1), (Int.max / 2, 8)] {
            let error = #expect(throws: FrameStoreError.self) {
                _ = try store.frames((0..<keys).map { key($0) }, byteCount: count) { _, _ in }
            }
            #expect(error?.code == .tooLarge)
        }
        // More than the machine has, while nothing is held.
        let large = FrameStore(memoryTarget: 4096)
        let error = #expect(throws: FrameStoreError.self) {
            _ = try large.frame(key(9), byteCount: Int.max / 8) { _ in }
        }
        #expect(error?.code == .noMemory)
        #expect(large.statistics.bytes == 0 && large.statistics.framesHeld == 0)
    }
}
