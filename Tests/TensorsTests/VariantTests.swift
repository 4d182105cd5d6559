// Frames of a recording with each variant of the kernels against frames with the decoders in Swift: every
// preprocessing, to the bit.

import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

@Suite struct FrameVariantTests {
    private static let texts =
        OracleTests.cases.map(\.text) + [
            "stacked_histogram", "stacked_histogram,num_bins=3,wraps=false", "mixed_density_stack", "voxel_grid",
            "voxel_grid,origin=window,norm=nonzero", "event_volume", "event_count", "event_count,dtype=uint16",
            "event_count,dtype=float32", "event_image", "exponential_timesurface,tau=1ms", "tore",
            "tore,k=1,max_time=2ms", "ergo12",
        ]

    /// The recording of a stream of EVT3, EVT2 or DAT written here, with rows, single events, vectors and damage.
    private func recording(_ format: RecordingFormat, _ folder: String) throws -> Recording {
        var random = SplitMix(seed: 5)
        func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
        var bytes: [UInt8]
        func put<T: FixedWidthInteger>(_ word: T) { withUnsafeBytes(of: word.littleEndian) { bytes += Array($0) } }
        var t = 4096 * 3
        switch format {
        case .evt3:
            bytes = Array("% evt 3.0\n% geometry 100x60\n% end\n".utf8)
            put(UInt16(0x8000 | t >> 12))
            for _ in 0..<6000 {
                t += below(5)
                put(UInt16(0x8000 | t >> 12 & 0xFFF))
                put(UInt16(0x6000 | t & 0xFFF))
                put(UInt16(below(62)))
                for _ in 0..<below(4) { put(UInt16(0x2000 | below(2) << 11 | below(103))) }
                if below(3) == 0 {
                    put(UInt16(0x3000 | below(2) << 11 | 32 * below(4)))
                    for word in [0x4000, 0x4000, 0x5000] { put(UInt16(word | below(4096) & below(4096))) }
                }
                if below(50) == 0 { put(UInt16(below(65536))) }
            }
        case .evt2:
            bytes = Array("% evt 2.0\n% geometry 100x60\n% end\n".utf8)
            for _ in 0..<6000 {
                t += below(5)
                put(UInt32(0x8000_0000 | t >> 6))
                for _ in 0..<below(6) {
                    put(UInt32(below(2) << 28 | (t & 63) << 22 | below(103) << 11 | below(62)))
                }
            }
        default:
            bytes = Array("% Version 2\n% geometry 100x60\n".utf8) + [12, 8]
            t = 4096
            for _ in 0..<20_000 {
                t += below(2)
                put(UInt64(below(2) << 28 | below(62) << 14 | below(103)) << 32 | UInt64(t))
            }
        }
        let path = folder + "/\(format).raw"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return try Recording(path: path)
    }

    @Test(
        .enabled(if: KernelVariant.best != .plain, "this processor has none but the plain kernels"),
        arguments: [RecordingFormat.evt3, .evt2, .dat])
    func framesAreTheSame(_ format: RecordingFormat) throws {
        let folder = NSTemporaryDirectory() + "evh5-tensors-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let recording = try recording(format, folder)
        // Segments so small that most of a frame's are wholly inside.
        let layout = TimeIndex.Layout(segmentSize: 2048, segmentLimit: 1 << 18, chunkSize: 1 << 16)
        let index = try TimeIndex.build(recording, layout: layout)
        #expect(index.eventCount > 9000)
        let before = KernelVariant.current
        defer { KernelVariant.current = before }
        var nonempty = 0
        for text in Self.texts {
            for (shift, window) in [
                ("", "3ms,start_ts=4ms"), (",downsample=2", "3ms"), (",downsample=8", "2500us,start_ts=4ms"),
                ("", "4000ev"),
            ] {
                let spec = try TensorSpec(preprocessing: text + shift, window: window)
                let plan = try TensorPlan(spec: spec, recording: recording, index: index)
                #expect(plan.frameCount > 1)
                for frame in 0..<min(4, plan.frameCount) {
                    func bytes(_ variant: KernelVariant) throws -> [UInt8] {
                        KernelVariant.current = variant
                        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 64)
                        defer { memory.deallocate() }
                        try plan.render(frame: frame, into: memory)
                        return Array(memory)
                    }
                    let plain = try bytes(.plain)
                    for variant in KernelVariant.available where variant != .plain {
                        #expect(plain == (try bytes(variant)), "\(variant) \(text)\(shift) \(window) frame \(frame)")
                    }
                    nonempty += plain.contains { $0 != 0 } ? 1 : 0
                }
            }
        }
        #expect(nonempty > 150)
    }
}
