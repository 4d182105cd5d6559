// The two components of a tensor's path: one spelling for each meaning, and numbers that no recording makes overflow.

import Recordings
import Tensors

/// Input: which recording, then `preprocessing/window`.
enum SpecTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        let kind = input.byte()
        let sides = String(decoding: input.rest, as: UTF8.self).split(separator: "/", maxSplits: 1)
        guard sides.count == 2 else { return nil }
        guard let spec = try? TensorSpec(preprocessing: String(sides[0]), window: String(sides[1])) else { return nil }
        let again = try? TensorSpec(preprocessing: spec.preprocessingText, window: spec.windowText)
        guard again?.preprocessingText == spec.preprocessingText, again?.windowText == spec.windowText else {
            return "\(spec.preprocessingText)/\(spec.windowText) is not read as it is written"
        }
        do { return try plan(spec, kind) } catch is TensorError { return nil } catch is RecordingError {
            return nil
        } catch {
            return "an error of no layer: \(error)"
        }
    }

    /// A recording of a few events, a little or very long, small or large.
    private static func plan(_ spec: TensorSpec, _ kind: UInt8) throws -> String? {
        guard let file = MemoryFile() else { return nil }
        let geometry = kind & 1 == 0 ? "64x48" : "1280x720"
        let header = Array("% evt 2.0\n% geometry \(geometry)\n% end\n".utf8)
        var words: [UInt32] = [0x8000_0001]
        for i in 0..<40 as Range<UInt32> {
            let step: UInt32 = kind & 2 == 0 ? 1 : 0x0600_0000
            words.append(0x8000_0000 | (1 &+ i &* step) & 0x0FFF_FFFF)
            words.append((i & 1) << 28 | (i & 63) << 22 | (i % 60) << 11 | i % 48)
        }
        return try header.withUnsafeBytes { header in
            try words.withUnsafeBytes { words in
                guard file.set([header, kind & 4 == 0 ? words : UnsafeRawBufferPointer(rebasing: words[..<0])]) else {
                    return nil
                }
                let recording = try Recording(path: file.path)
                let index = try TimeIndex.build(recording)
                let parts = try TensorPlan.partCount(spec, index)
                guard parts > 0 else { return "\(parts) parts" }
                for part in Set([0, parts / 2, parts - 1]) {
                    if let problem = try render(TensorPlan(spec: spec, recording: recording, index: index, part: part))
                    {
                        return problem
                    }
                }
                return nil
            }
        }
    }

    private static func render(_ plan: TensorPlan) throws -> String? {
        guard plan.frameCount >= 0, plan.frameBytes > 0 else {
            return "\(plan.frameCount) frames of \(plan.frameBytes) bytes"
        }
        guard plan.frameBytes <= 1 << 16, plan.frameCount > 0 else { return nil }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 64)
        defer { memory.deallocate() }
        for frame in Set([0, plan.frameCount / 2, plan.frameCount - 1]) { try plan.render(frame: frame, into: memory) }
        return nil
    }
}
