// Frames kept as counts: what is made of them are the frame's own bytes, whatever part is asked for.

import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct KeptTests {
    private let geometry = Geometry(width: 37, height: 23)
    private var events: [Event] { randomEvents(20_000, in: geometry, until: 5000, seed: 3) }

    private func part(_ plan: TensorPlan, _ kept: [UInt8], _ range: Range<Int>) -> [UInt8] {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count + 6, alignment: 4)
        defer { target.deallocate() }
        target.initializeMemory(as: UInt8.self, repeating: 0xA5)
        let start = kept.withUnsafeBytes { plan.expand($0, range, into: target) }
        return Array(target[start..<start + range.count])
    }

    @Test(
        arguments: PreprocessingRegistry.standard.names + [
            "histo,dtype=uint8", "histo,downsample=2", "histo,max_incr_per_pixel=20", "histo,max_incr_per_pixel=300",
            "histo,max_incr_per_pixel=0.3",
        ])
    func anyPartIsThatOfTheFrame(_ text: String) throws {
        let plan = try plan(text, "1ms", geometry, events)
        var random = SplitMix(seed: 8)
        for frame in 0..<plan.frameCount {
            let whole = try plan.bytes(frame)
            var kept = [UInt8](repeating: 0xA5, count: plan.keptBytes)
            try kept.withUnsafeMutableBytes { try plan.renderKept(frame: frame, into: $0) }
            #expect(part(plan, kept, 0..<plan.frameBytes) == whole)
            for _ in 0..<50 {
                let ends = (0..<2).map { _ in Int.random(in: 0...plan.frameBytes, using: &random) }.sorted()
                #expect(part(plan, kept, ends[0]..<ends[1]) == Array(whole[ends[0]..<ends[1]]))
            }
        }
    }

    @Test func onlyCountsThatFitAByteAreKeptAsCounts() throws {
        #expect(try plan("histo", "1ms", geometry, events).keptBytes == 2 * 37 * 23)
        for text in ["histo,max_incr_per_pixel=300", "histo,dtype=uint8", "timesurface", "histo_quantized"] {
            let plan = try plan(text, "1ms", geometry, events)
            #expect(plan.keepsWholeFrames && plan.keptBytes == plan.frameBytes)
        }
    }

    @Test func whatIsNoFrameIsRefused() throws {
        let plan = try plan("histo", "1ms", geometry, events)
        for (frame, count) in [(-1, plan.keptBytes), (plan.frameCount, plan.keptBytes), (0, plan.frameBytes)] {
            var memory = [UInt8](repeating: 0, count: count)
            #expect(throws: TensorError.self) {
                try memory.withUnsafeMutableBytes { try plan.renderKept(frame: frame, into: $0) }
            }
        }
    }
}
