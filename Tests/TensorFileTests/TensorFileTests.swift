// The layout by itself: sizes, the map, limits, determinism.

import Foundation
import RandomFixture
import Synchronization
import TensorFile
import Testing

@Suite struct TensorFileTests {
    @Test func headIsOneBlockAndSizeIsExact() throws {
        let layout = try FileLayout.make(description(frames: 3))
        #expect(layout.dataOffset == 4096)
        #expect(layout.head.count == 4096)
        #expect(layout.map.datasets[0].blockBytes == 2 * 24 * 32 * 4)
        #expect(layout.size == 4096 + 3 * 6144 + Int64(layout.tail.count))
        // By the format specification: signature, version 0, offsets and lengths of 8 bytes, end of file at byte 40.
        #expect(layout.head.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0]))
        #expect(layout.head[13] == 8 && layout.head[14] == 8)
        #expect(layout.head[40..<48].reversed().reduce(0) { $0 << 8 | Int64($1) } == layout.size)
        // The heap of variable-length strings.
        #expect(layout.tail.starts(with: Array("GCOL".utf8)))
    }

    @Test func headDoesNotGrowWithTheNumberOfFrames() throws {
        let shape = [2, 720, 1280]
        for frames in [1_000, 1_000_000, 1_000_000_000] {
            let layout = try FileLayout.make(description(frames: frames, shape: shape, timestamps: true))
            #expect(layout.head.count == 4096 && layout.dataOffset == 4096)
            #expect(layout.size == 4096 + Int64(frames) * (7_372_800 + 8) + Int64(layout.tail.count))
            let last = layout.dataOffset + Int64(frames) * 7_372_800 - 1
            #expect(
                layout.map.pieces(in: last..<(last + 3)) == [
                    .block(dataset: 0, index: frames - 1, range: 7_372_799..<7_372_800),
                    .block(dataset: 1, index: 0, range: 0..<2),
                ])
        }
    }

    @Test func tooMuchIsAnErrorNotATrap() throws {
        for (frames, shape) in [
            (Int.max, [2, 720, 1280]), (1 << 40, [2, 4096, 4096]), (1, [Int.max, Int.max, Int.max]),
            (0, [Int.max, 2, 2]),
            (Int.max / 8, [1, 1, 1]),
        ] {
            let error = #expect(throws: TensorFileError.self) {
                _ = try FileLayout.make(description(frames: frames, shape: shape, timestamps: true))
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func nonsenseIsRefused() throws {
        let descriptions = [
            description(frames: -1), description(frames: 1, shape: []), description(frames: 1, shape: [2, 0, 5]),
            description(frames: 1, shape: [-2, 3, -5]), description(frames: 1, extra: [("", .int64(1))]),
            description(frames: 1, extra: [("a\0b", .int64(1))]),
            description(frames: 1, extra: [("a", .fixedString("é"))]),
            description(frames: 1, extra: [("a", .variableString("x\0y"))]),
            description(frames: 1, extra: [("a", .int64Array(Array(0..<9_000)))]),
        ]
        for description in descriptions {
            let error = #expect(throws: TensorFileError.self) { _ = try FileLayout.make(description) }
            #expect(error?.code == .invalidDescription)
        }
    }

    @Test func whatTheLibrarySaysIsTheCause() throws {
        let error = #expect(throws: TensorFileError.self) {
            _ = try FileLayout.make(description(frames: 1, extra: [("delta_t", .int64(1))]))
        }
        #expect(error?.code == .libraryFailed)
        #expect(error?.message.contains("delta_t") == true)
        let stack = try #require(error?.cause as? HDF5ErrorStack)
        #expect(stack.lines.contains { $0.contains("already exists") })
        // And the library works as before.
        #expect(try FileLayout.make(description(frames: 1)).head.count == 4096)
    }

    @Test func equalDescriptionsGiveEqualBytes() throws {
        let first = try FileLayout.make(description(frames: 7, timestamps: true))
        usleep(1_100_000)  // were there a time in the file, it would differ by now
        let second = try FileLayout.make(description(frames: 7, timestamps: true))
        #expect(first.head == second.head && first.tail == second.tail && first.map == second.map)
    }

    @Test func eightThreadsMakeTheSame() throws {
        let expected = try (1...4).map { try FileLayout.make(description(frames: $0 * 10)) }
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for round in 0..<25 {
                let which = (thread + round) % 4
                let layout = try? FileLayout.make(description(frames: (which + 1) * 10))
                let bad = try? FileLayout.make(description(frames: 1, extra: [("mode", .bool(true))]))
                if layout?.head != expected[which].head || layout?.tail != expected[which].tail || bad != nil {
                    wrong.withLock { $0 += 1 }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test func makingIsFast() throws {
        let clock = ContinuousClock()
        let many = description(frames: 1_000_000, shape: [2, 720, 1280])
        let times = try (0..<50).map { _ in try clock.measure { _ = try FileLayout.make(many) } }.sorted()
        print("one make of a layout: median \(times[25]), slowest \(times[49])")
        #expect(times[25] < .milliseconds(100))
    }

    /// Random ranges are tiled exactly, in order, and the bytes are those of the whole file.
    @Test(arguments: [
        (frames: 0, shape: [1, 3, 5], kind: ElementKind.uint8, timestamps: true),
        (frames: 1, shape: [1, 1, 1], kind: .int8, timestamps: false),
        (frames: 1, shape: [1, 1, 1], kind: .uint8, timestamps: true),
        (frames: 9, shape: [1, 3, 5], kind: .uint8, timestamps: true),
        (frames: 5, shape: [2, 24, 32], kind: .float32, timestamps: false),
        (frames: 4, shape: [2, 24, 33], kind: .float32, timestamps: true),
    ])
    func piecesTileTheFile(_ c: (frames: Int, shape: [Int], kind: ElementKind, timestamps: Bool)) throws {
        let layout = try FileLayout.make(
            description(frames: c.frames, shape: c.shape, c.kind, timestamps: c.timestamps))
        let whole = bytes(of: layout, c.kind, in: 0..<layout.size)
        #expect(whole.count == Int(layout.size))
        var generator = SplitMix(seed: 7)
        for _ in 0..<300 {
            let ends = (0..<2).map { _ in Int64.random(in: -50...layout.size + 50, using: &generator) }.sorted()
            let clipped = (ends[0]..<ends[1]).clamped(to: 0..<layout.size)
            let pieces = layout.map.pieces(in: ends[0]..<ends[1])
            #expect(pieces.allSatisfy { $0.count > 0 })
            #expect(pieces.reduce(0) { $0 + $1.count } == clipped.count)
            let expected = clipped.isEmpty ? [] : Array(whole[Int(clipped.lowerBound)..<Int(clipped.upperBound)])
            #expect(bytes(of: layout, c.kind, in: ends[0]..<ends[1]) == expected)
        }
        #expect(layout.map.pieces(in: layout.size..<Int64.max).isEmpty)
        #expect(layout.map.pieces(in: Int64.min..<0).isEmpty)
        #expect(layout.map.pieces(in: Int64.min..<Int64.max).reduce(0) { $0 + Int64($1.count) } == layout.size)
    }
}
