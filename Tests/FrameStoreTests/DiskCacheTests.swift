// What the disk cache promises: frames come back exactly, damage costs a computation and nothing else, bounds are kept.

import Foundation
import FrameStore
import Testing

@Suite(.serialized) struct DiskCacheTests {
    @Test(arguments: FrameKind.allCases, [4096, 4100, 40_000, 3_000_001, 4_000_000])
    func framesComeBackAfterARestart(kind: FrameKind, byteCount: Int) throws {
        let folder = try TemporaryFolder()
        let first = Daemon(folder.path)
        for number in 0..<3 { #expect(try first.read(number, kind, byteCount: byteCount)) }
        #expect(first.settle() && first.computed == 3 && first.figures.stored == 3 && first.figures.misses == 3)

        let second = Daemon(folder.path)
        for number in 0..<3 { #expect(try second.read(number, kind, byteCount: byteCount)) }
        #expect(second.computed == 0 && second.figures.hits == 3 && second.figures.misses == 0)
        #expect(second.settle() && second.figures.entries == 3)
        #expect(second.cache.heldBytes(second.key) == second.figures.bytes && second.figures.bytes > 0)
        #expect(first.problems.withLock { $0 } == [] && second.problems.withLock { $0 } == [])
    }

    @Test func countsAreMuchSmallerThanTheirFrames() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        for kind in [FrameKind.counts, .manyCounts, .sparse] {
            _ = try daemon.read(kind.hashValue & 0xFFFF, kind, byteCount: 2_000_000)
        }
        #expect(daemon.settle())
        for path in folder.entries { #expect(try contents(path).count < 600_000) }
    }

    @Test func anotherKeyOrSizeIsAMiss() throws {
        let folder = try TemporaryFolder()
        let first = Daemon(folder.path, key: "one")
        #expect(try first.read(7) && first.settle())
        let other = Daemon(folder.path, key: "another")
        #expect(try other.read(7))
        #expect(other.computed == 1 && other.figures.corrupt == 0)
        let longer = Daemon(folder.path, key: "one")
        #expect(try longer.read(7, byteCount: 50_000))
        #expect(longer.computed == 1)
    }

    @Test func aCollisionIsSeenByTheWholeKeyInside() throws {
        let folder = try TemporaryFolder()
        let one = Daemon(folder.path, key: "one")
        #expect(try one.read(0) && one.settle())
        let other = Daemon(folder.path, key: "two")
        #expect(try other.read(1) && other.settle())
        // The entry of "one" under the name of "two".
        let path = try #require(folder.entries.first { $0.contains(one.key.name) })
        let foreign = try #require(folder.entries.first { $0.contains(other.key.name) })
        try write(try contents(path), to: foreign)
        let again = Daemon(folder.path, key: "two")
        #expect(try again.read(1))
        #expect(again.computed == 1 && again.figures.corrupt == 1 && again.settle())
        #expect(try contents(foreign) != contents(path))
    }

    @Test(arguments: FrameKind.allCases) func damageAnywhereIsAMiss(kind: FrameKind) throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        #expect(try daemon.read(0, kind, byteCount: 4096) && daemon.settle())
        let path = try #require(folder.entries.first)
        let good = try contents(path)
        // Every byte of the header and the key, then some of the payload; then every kind of wrong length.
        let places =
            Array(0..<min(120, good.count)) + Array(stride(from: 120, to: good.count, by: 211)) + [good.count - 1]
        var damaged: [[UInt8]] = places.map { place in
            var bytes = good
            bytes[place] ^= 0x41
            return bytes
        }
        damaged += [0, 1, 8, 63, 64, 80, good.count / 2, good.count - 1].map { Array(good.prefix($0)) }
        damaged += [good + [0], Array(good.dropFirst()), [UInt8](repeating: 0, count: good.count)]
        for bytes in damaged {
            try write(bytes, to: path)
            let reader = Daemon(folder.path)
            #expect(try reader.read(0, kind, byteCount: 4096))
            #expect(reader.computed == 1 && reader.figures.corrupt == 1 && reader.figures.hits == 0)
            #expect(reader.settle())
            #expect(try contents(path) == good)
        }
    }

    @Test func aFolderInPlaceOfAnEntryIsAMiss() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        #expect(try daemon.read(0) && daemon.settle())
        let path = try #require(folder.entries.first)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let reader = Daemon(folder.path)
        #expect(try reader.read(0))
        #expect(reader.computed == 1 && reader.settle())
    }

    @Test func smallFramesAreNotKept() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        #expect(try daemon.read(0, byteCount: 2044))
        #expect(daemon.settle() && folder.entries.isEmpty && daemon.figures.misses == 0)
    }

    @Test func aFailedComputationIsNotKept() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        #expect(throws: Failure.self) {
            try daemon.store.frame(FrameKey(tensor: 1, frame: 0), byteCount: 9000, cached: daemon.key) { _ in
                throw Failure(number: 1)
            }
        }
        #expect(daemon.settle() && folder.entries.isEmpty)
    }

    @Test func theLimitHoldsAndTheOldestGo() throws {
        let folder = try TemporaryFolder()
        // An entry of noise takes 12 KiB on the disk: room for ten.
        let limit = 10 * 12_288
        func daemon() -> Daemon { Daemon(folder.path, limit: Int64(limit)) { $0.noteUseEvery = 0 } }
        let first = daemon()
        for number in 0..<8 {
            #expect(try first.read(number, .noise, byteCount: 8192) && first.settle())
            usleep(15_000)
        }
        #expect(folder.entries.count == 8)
        // Used again: frame 0 is now the youngest.
        let second = daemon()
        #expect(try second.read(0, .noise, byteCount: 8192))
        #expect(second.computed == 0)
        for number in 8..<12 {
            #expect(try second.read(number, .noise, byteCount: 8192) && second.settle())
            usleep(15_000)
        }
        #expect(folder.entries.count <= 10 && second.figures.evicted > 0)
        #expect(second.figures.bytes <= limit && second.figures.bytes == Int64(folder.entries.count * 12_288))
        let third = daemon()
        for number in [0, 11, 10, 9] { #expect(try third.read(number, .noise, byteCount: 8192)) }
        #expect(third.computed == 0)
        #expect(try third.read(1, .noise, byteCount: 8192))
        #expect(third.computed == 1)
    }

    @Test func aLimitBelowOneEntryKeepsNothing() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path, limit: 5000)
        for number in 0..<3 { #expect(try daemon.read(number, .noise)) }
        #expect(daemon.settle() && folder.entries.isEmpty && daemon.figures.dropped == 3)
    }

    @Test func theShareOfTheDiskStaysFree() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path) { $0.freeShare = 0.9999 }
        for number in 0..<3 { #expect(try daemon.read(number)) }
        #expect(daemon.settle() && folder.entries.isEmpty && daemon.figures.dropped == 3)
        #expect(daemon.problems.withLock { $0.count } == 1)
        #expect(daemon.figures.problem?.contains("free") == true)
    }

    @Test func indexesAndOtherFilesAreLeftAlone() throws {
        let folder = try TemporaryFolder()
        try write([1, 2, 3], to: folder.path + "/0123456789abcdef.evh5index")
        let daemon = Daemon(folder.path, limit: 3 * 12_288)
        for number in 0..<9 { #expect(try daemon.read(number, .noise, byteCount: 8192) && daemon.settle()) }
        #expect(daemon.figures.evicted > 0)
        #expect(try contents(folder.path + "/0123456789abcdef.evh5index") == [1, 2, 3])
    }

    @Test func unfinishedFilesOfTheDeadAreRemoved() throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path)
        #expect(try daemon.read(0) && daemon.settle())
        let entry = try #require(folder.entries.first)
        let (old, new) = (entry + ".1.2.tmp", entry + ".3.4.tmp")
        try write([1], to: old)
        try write([1], to: new)
        var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, old, &times, 0) == 0)
        let next = Daemon(folder.path)
        #expect(next.settle() && next.figures.entries == 1)
        #expect(access(old, F_OK) != 0 && access(new, F_OK) == 0)
    }

    @Test func waitingFramesHoldNoMemory() throws {
        let folder = try TemporaryFolder()
        // Memory for two frames: whoever waits to be stored gives way.
        let daemon = Daemon(folder.path, memory: 2 * 40_960)
        for number in 0..<200 { #expect(try daemon.read(number)) }
        #expect(daemon.settle())
        let figures = daemon.figures
        #expect(figures.stored + figures.dropped == 200 && figures.stored == folder.entries.count)
        #expect(daemon.store.statistics.peakBytes <= 2 * 40_960)
    }

    /// Whether storing takes its share of the processors or what nobody else wants, it is done.
    @Test(arguments: [0, 1 << 30]) func framesAreStoredWithoutBeingWaitedFor(mostWaiting: Int) throws {
        let folder = try TemporaryFolder()
        let daemon = Daemon(folder.path) { $0.mostWaiting = mostWaiting }
        for number in 0..<20 { #expect(try daemon.read(number)) }
        for _ in 0..<10_000 where daemon.figures.stored < 20 { usleep(2000) }
        #expect(daemon.figures.stored == 20 && folder.entries.count == 20)
    }

    /// Stores that evict each other's entries, and somebody who damages and removes them: all bytes stay right.
    @Test func manyStoresOnOneFolder() throws {
        let folder = try TemporaryFolder()
        let daemons = (0..<4).map { _ in
            Daemon(folder.path, limit: 20 * 12_288, memory: 4 * 8192) { $0.noteUseEvery = 0 }
        }
        let wrong = Level()
        concurrently(9) { number in
            if number == 8 {
                for round in 0..<60 {
                    for (index, path) in folder.entries.enumerated() where (index + round) % 7 == 0 {
                        if round % 2 == 0 { unlink(path) } else { truncate(path, off_t(round * 100)) }
                    }
                    usleep(3000)
                }
                return
            }
            for round in 0..<150 {
                let frame = (round * 7 + number * 3) % 40
                if (try? daemons[number / 2].read(frame, .noise, byteCount: 8192)) != true { wrong.add(1) }
                // On a busy machine nothing would be stored before all is read.
                if round % 50 == 0, !daemons[number / 2].settle() { wrong.add(1) }
            }
        }
        #expect(wrong.value == 0)
        for daemon in daemons { #expect(daemon.settle()) }
        #expect(daemons.contains { $0.figures.hits > 0 })
        // What they left counts for the next, which brings it within its limit when it stores a frame that none of them
        // had.
        let last = Daemon(folder.path, limit: 20 * 12_288)
        for frame in 0...40 { #expect(try last.read(frame, .noise, byteCount: 8192) && last.settle()) }
        #expect(last.figures.evicted > 0 && last.figures.bytes <= 20 * 12_288 && folder.entries.count <= 20)
    }

    private func blocks(of path: String) throws -> Int64 {
        Int64((try contents(path).count + 4095) / 4096 * 4096)
    }

    @Test func maintenanceCountsVerifiesAndClears() throws {
        let folder = try TemporaryFolder()
        let maintenance = CacheMaintenance(directory: folder.path)
        #expect(try maintenance.contents().frames == 0)
        let (one, two) = (Daemon(folder.path, key: "one"), Daemon(folder.path, key: "two"))
        for number in 0..<5 { #expect(try one.read(number) && two.read(number, .noise)) }
        #expect(one.settle() && two.settle())
        try write([1, 2, 3], to: folder.path + "/0123456789abcdef.evh5index")
        let contents = try maintenance.contents()
        #expect(contents.frames == 10 && contents.tensors == 2 && contents.indexes == 1 && contents.indexBytes == 4096)
        let sizes = try folder.entries.map { try blocks(of: $0) }
        #expect(contents.frameBytes == sizes.reduce(0, +))
        #expect(try maintenance.verify { _, _ in }.corrupt == 0)
        let (damaged, misplaced) = (folder.entries[0], folder.entries[1])
        try write([7], to: damaged)
        try FileManager.default.moveItem(atPath: misplaced, toPath: misplaced + "9")
        let outcome = try maintenance.verify { done, total in #expect(done <= total) }
        #expect(outcome.checked == 10 && outcome.corrupt == 2 && outcome.removed == 2 && outcome.problems.isEmpty)
        #expect(try maintenance.clear().removed == 9)
        #expect(try maintenance.contents().frames == 0 && maintenance.contents().indexes == 0)
    }
}
