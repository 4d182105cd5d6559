// Forward readers find their next frames computed; random ones cost nothing.

import Foundation
import Testing
import VirtualTree

@Suite struct ReadAheadTests {
    /// So large that each frame is kept alone.
    private let frame = 20 * 8 * 16 * 4

    /// - Parameter count: how many frames each read is of.
    private func read(_ frames: [Int], count: Int = 1) throws -> (computed: Int, asked: Int) {
        let source = try Source()
        try source.write("a.raw", evt2(line(500, step: 2_000)))
        let tree = try source.tree()
        let opened = try tree.open(tree.walk("event_cube,num_utbins=10/10ms/a.h5").attributes.inode, flags: O_RDONLY)
        defer { tree.release(opened.handle) }
        for index in frames {
            _ = try tree.read(opened.handle, offset: Int64(4096 + index * frame), size: count * frame)
        }
        usleep(50_000)
        return (tree.catalog.status().frames.computed, Set(frames.flatMap { $0..<$0 + count }).count)
    }

    @Test func aForwardReaderIsPreceded() throws {
        let (computed, asked) = try read([10, 11, 12, 13])
        #expect(computed > asked)
        #expect(computed <= asked + ProcessInfo.processInfo.activeProcessorCount)
    }

    /// As the columns of events are read: all of one slice, then of the next.
    @Test func whoReadsTheSameAgainStillMovesForward() throws {
        let (computed, asked) = try read([10, 10, 10, 11, 11, 11, 12, 12, 12], count: 2)
        #expect(computed > asked)
        #expect(computed <= asked + ProcessInfo.processInfo.activeProcessorCount)
    }

    @Test func whoReadsTheSameAgainAndAgainCostsNothing() throws {
        let (computed, asked) = try read([10, 10, 11, 10], count: 3)
        #expect(computed == asked)
    }

    @Test(arguments: [[40, 3, 77, 20, 5, 60], [90, 88, 86, 84], [5, 5, 5, 5]])
    func othersCostNothing(_ frames: [Int]) throws {
        let (computed, asked) = try read(frames)
        #expect(computed == asked)
    }
}
