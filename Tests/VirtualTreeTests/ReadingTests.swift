// Bytes: a virtual file is the same however it is read.

import Foundation
import Tensors
import Testing
import VirtualTree

@Suite struct ReadingTests {
    private let frame = 2 * 8 * 16 * 4

    private func source() throws -> Source {
        let source = try Source()
        try source.write("a.raw", evt2(line(500, step: 2_000)))
        return source
    }

    @Test func framesAreWhatTheDefinitionSays() throws {
        let bytes = try source().tree().bytes("histo/50ms/a.h5")
        #expect(bytes.starts(with: [0x89] + Array("HDF\r\n".utf8)))
        // The last event is at 998 ms: 20 frames of 25 events; the tensor begins at byte 4096.
        var expected = [Float](repeating: 0, count: 20 * frame / 4)
        for e in line(500, step: 2_000) {
            let plane = e.t / 50_000 * 2 + e.p
            let row = plane * 8 + e.y
            expected[row * 16 + e.x] += 0.2
        }
        let tensor = bytes[4096..<4096 + 20 * frame].withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(zip(tensor, expected).allSatisfy { abs($0 - min($1, 1)) < 2e-6 })
        #expect(tensor.contains { $0 > 0 })
    }

    @Test func anyRequestSizeGivesTheSameBytes() throws {
        let source = try source()
        let tree = try source.tree()
        let whole = try tree.bytes("timesurface/10ms/a.h5")
        #expect(Int64(whole.count) == (try tree.walk("timesurface/10ms/a.h5").attributes.size))
        for chunk in [511, 4096, 5000, 65536] {
            #expect(try tree.bytes("timesurface/10ms/a.h5", chunk: chunk) == whole)
        }
        // Another mount with hardly any memory, whose folder for caches cannot be made.
        let poor = try source.tree {
            $0.memoryTarget = 2 << 20
            $0.cacheDirectory = "/proc/nowhere"
        }
        #expect(try poor.bytes("timesurface/10ms/a.h5", chunk: 5000) == whole)
    }

    @Test func manyReadersSeeTheSame() async throws {
        let tree = try source().tree { $0.memoryTarget = 700_000 }
        let whole = try tree.bytes("event_cube/10ms/a.h5")
        let same = await withTaskGroup(of: Bool.self) { group in
            for i in 0..<8 {
                group.addTask { (try? tree.bytes("event_cube/10ms/a.h5", chunk: 3000 + 777 * i)) == whole }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(same)
    }

    @Test func writingIsRefused() throws {
        let tree = try source().tree()
        let inode = try tree.walk("histo/50ms/a.h5").attributes.inode
        for flags in [O_RDWR, O_WRONLY, O_RDONLY | O_TRUNC] {
            let failure = #expect(throws: FileSystemError.self) { try tree.open(inode, flags: flags) }
            #expect(failure?.errno == EROFS)
        }
    }

    @Test func forgottenInodesAreStaleAndStayTheSameNumber() throws {
        let tree = try source().tree()
        let inode = try tree.walk("histo/50ms/a.h5").attributes.inode
        tree.forget(inode, 1)
        #expect(throws: FileSystemError.self) { try tree.attributes(inode) }
        #expect(try tree.walk("histo/50ms/a.h5").attributes.inode == inode)
    }

    @Test func eventCountsAsWindows() throws {
        let tree = try source().tree()
        // 500 events: 7 frames of 64 and an incomplete one that is dropped; their last times follow the tensor.
        let bytes = try tree.bytes("histo/64ev/a.h5")
        let times = stride(from: 63, to: 448, by: 64).map { Int64($0 * 2_000) }
        let expected = times.withUnsafeBytes { Array($0) }
        let after = Array(bytes[(4096 + 7 * frame)...])
        #expect((0...after.count - expected.count).contains { Array(after[$0..<$0 + expected.count]) == expected })
    }

    @Test func aNameThatMeansSomethingElseTodayIsNotTakenFromTheCache() throws {
        let source = try source()
        let cache = source.path + "-cache"
        func frames(_ meaning: String) throws -> [UInt8] {
            let registry = try PreprocessingRegistry(adding: [(name: "mine", component: meaning)])
            let tree = try source.tree(registry) { $0.cacheDirectory = cache }
            defer { tree.catalog.finish() }
            return Array(try tree.bytes("mine/50ms/a.h5")[4096..<4096 + 20 * frame])
        }
        let five = try frames("histo")
        let ten = try frames("histo,max_incr_per_pixel=10")
        #expect(five != ten)
        #expect(try frames("histo") == five)
        #expect(try frames("timesurface") != five)
    }
}

@Suite struct MemoryTargetTests {
    @Test func aFrameThatDoesNotFitIsRefusedWhenItIsOpened() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(500, step: 2_000), geometry: "2048x2048"))
        let tree = try source.tree { $0.memoryTarget = 16 << 20 }
        // 32 MiB a frame; a byte for each count; a plane of float32 besides.
        for (path, errno) in [
            ("timesurface/50ms/a.h5", EFBIG), ("histo/50ms/a.h5", 0), ("diff,downsample=2/50ms/a.h5", 0),
            ("event_cube,dtype=uint8,num_utbins=1/50ms/a.h5", EFBIG),
            ("histo_quantized,downsample=2048/50ms/a.h5", 0),
        ] as [(String, Int32)] {
            let inode = try tree.walk(path).attributes.inode
            var failure: FileSystemError?
            do throws(FileSystemError) {
                let opened = try tree.open(inode, flags: O_RDONLY)
                defer { tree.release(opened.handle) }
                #expect(try tree.read(opened.handle, offset: 4096, size: 100).count == 100)
            } catch { failure = error }
            #expect((failure?.errno ?? 0) == errno, "\(path)")
            if let failure { #expect(failure.message.contains("--memory-target")) }
        }
    }

    @Test func tinyFramesAreReadInAnyPieces() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(2000, step: 50)))
        let tree = try source.tree()
        for path in [
            "histo,downsample=4/1ms/a.h5", "diff,downsample=8/30us/a.h5", "timesurface,downsample=8/20ev/a.h5",
        ] {
            let whole = try tree.bytes(path)
            for chunk in [1, 13, 4096, 70_000] where chunk > 1 || whole.count < 20_000 {
                #expect(try tree.bytes(path, chunk: chunk) == whole, "\(path) by \(chunk)")
            }
        }
    }
}
