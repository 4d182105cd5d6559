// Frames are moved into large pages behind their readers' backs, and stay what they are.

import Foundation
import FrameStore
import SanitizerFixture
import Testing

/// Bytes of a large page, and whether this kernel moves memory into them; it may have none that are free.
private let largePage = 2 << 20
private let movesMemory: Bool = {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let memory = mmap(nil, 2 * largePage, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
        return false
    }
    defer { munmap(memory, 2 * largePage) }
    let rest = (largePage - Int(bitPattern: memory) % largePage) % largePage
    // Memory that nobody used yet cannot be moved. 25 is MADV_COLLAPSE.
    memset(memory, 1, 2 * largePage)
    return madvise(memory + rest, largePage, 25) == 0
}()

/// Bytes of large pages that the kernel says are behind the memory at `address`.
private func largeBytes(at address: UInt) throws -> Int {
    var isInside = false
    // Not by contentsOfFile, which takes the first page of such a file for all of it.
    let maps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps")).readToEnd() ?? Data()
    for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        let bounds = (words.first ?? "").split(separator: "-").map { UInt($0, radix: 16) }
        if bounds.count == 2, let from = bounds[0], let to = bounds[1] { isInside = (from..<to).contains(address) }
        if isInside, words.first == "AnonHugePages:" { return (Int(words[1]) ?? 0) * 1024 }
    }
    return 0
}

@Suite(.serialized, .enabled(if: movesMemory, "this kernel moves no memory into large pages, or has none free"))
struct LargePagesTests {
    @Test func framesThatStayAreMovedAndKeepTheirBytes() throws {
        let byteCount = 7_372_800
        let store = FrameStore(memoryTarget: 64 << 20)
        for frame in 0..<4 { _ = try store.frame(key(frame), byteCount: byteCount) { fill(key(frame), $0) } }
        #expect(eventually { store.framesInLargePages == 4 })
        for frame in 0..<4 {
            let held = try store.frame(key(frame), byteCount: byteCount) { _ in throw Failure(number: 1) }
            #expect(isWhole(key(frame), held.bytes))
            // Three and a half pages: the kernel tells those of neighbours too, as they are one mapping to it.
            let large = try largeBytes(at: UInt(bitPattern: held.bytes.baseAddress))
            #expect(large >= 3 * largePage)
        }
    }

    @Test func memoryThatWasMovedIsUsedAgainAsItIs() throws {
        let byteCount = 4 << 20
        // Room for two frames.
        let store = FrameStore(memoryTarget: 2 * (byteCount + 4096))
        for frame in 0..<2 { _ = try store.frame(key(frame), byteCount: byteCount) { fill(key(frame), $0) } }
        #expect(eventually { store.framesInLargePages == 2 })
        for frame in 2..<6 {
            let held = try store.frame(key(frame), byteCount: byteCount) { fill(key(frame), $0) }
            #expect(isWhole(key(frame), held.bytes))
            #expect(store.framesInLargePages == 2)
        }
        #expect(store.statistics.evictions == 4)
    }

    @Test func smallFramesAreLeftWhereTheyAre() throws {
        let store = FrameStore(memoryTarget: 64 << 20)
        for frame in 0..<4 { _ = try store.frame(key(frame), byteCount: 1 << 20) { fill(key(frame), $0) } }
        usleep(100_000)
        #expect(store.framesInLargePages == 0)
    }

    /// Readers and computations go on while frames are moved, fall out of memory and are dropped.
    @Test func readersSeeWholeFramesWhileTheyAreMoved() throws {
        let byteCount = 3 << 20
        let store = FrameStore(memoryTarget: 12 * byteCount)
        let broken = Level()
        concurrently(4) { number in
            for round in 0..<(isSanitized ? 50 : 200) {
                let frame = key((round * 7 + number * 3) % 20, tensor: UInt64(round / 50))
                guard let held = try? store.frame(frame, byteCount: byteCount, compute: { fill(frame, $0) }),
                    isWhole(frame, held.bytes)
                else {
                    broken.add(1)
                    continue
                }
                if round % 50 == 49 { store.drop(tensor: UInt64(round / 50)) }
            }
        }
        #expect(broken.value == 0)
        #expect(store.statistics.bytes <= store.statistics.target)
        #expect(store.statistics.overshoots == 0)
    }
}
