// The runs that are measured. What they need beforehand is made by the function that returns the run.

import Foundation
import Recordings
import Tensors

/// All frames of `preprocessing`/`window`, one after the other into one buffer: for histograms decoding, counting and
/// expansion to float32.
func frames(of recording: Recording, _ preprocessing: String, window: String) throws -> () throws -> Work {
    let index = try TimeIndex.build(recording)
    let spec = try TensorSpec(preprocessing: preprocessing, window: window, registry: .standard)
    let plan = try TensorPlan(spec: spec, recording: recording, index: index)
    let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 4096)
    return {
        var checksum: UInt64 = 0
        for i in 0..<plan.frameCount {
            try plan.render(frame: i, into: frame)
            for k in stride(from: 2, to: frame.count, by: 4099) { checksum = checksum &* 31 &+ UInt64(frame[k]) }
        }
        return Work(events: index.eventCount, bytes: recording.status.size, checksum: checksum)
    }
}

/// All events into bytes that count per polarity and pixel.
func counts(of recording: Recording) throws -> () throws -> Work {
    let index = try TimeIndex.build(recording)
    let reader = EventReader(recording, index)
    let pixels = recording.geometry.width * recording.geometry.height
    let plane = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 2 * pixels)
    guard let counters = plane.baseAddress else { return { Work(events: 0, bytes: 0, checksum: 0) } }
    return {
        plane.update(repeating: 0)
        var sink = CountingSink(counters: counters, width: recording.geometry.width, pixels: pixels)
        try reader.events(in: .min ..< .max, into: &sink)
        let checksum = plane.reduce(0 as UInt64) { $0 &* 31 &+ UInt64($1) }
        return Work(events: index.eventCount, bytes: recording.status.size, checksum: checksum)
    }
}

struct CountingSink: EventSink {
    let counters: UnsafeMutablePointer<UInt8>
    let width: Int
    let pixels: Int

    @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        let counter = counters + (polarity &* pixels &+ y &* width &+ x)
        counter.pointee = counter.pointee &+ 1
    }
}

/// The index of a recording as if it had never been seen.
func scan(_ recording: Recording) throws -> Work {
    let index = try TimeIndex.build(recording)
    return Work(
        events: index.eventCount, bytes: recording.status.size,
        checksum: UInt64(truncatingIfNeeded: index.lastTime &* 31 &+ index.eventCount))
}

/// The sum of the file's 64 bit words, mapped whole and present.
func sum(of recording: Recording) throws -> () throws -> Work {
    let size = Int(recording.status.size)
    let address = mmap(nil, size, PROT_READ, MAP_SHARED | MAP_POPULATE, recording.file.descriptor, 0)
    guard let address, address != MAP_FAILED else {
        throw CocoaError(.fileReadUnknown, userInfo: [NSLocalizedDescriptionKey: "mmap of \(recording.path) failed"])
    }
    let lines = UnsafeRawBufferPointer(start: address, count: size & ~63).bindMemory(to: SIMD8<UInt64>.self)
    return {
        var (a, b, c, d) = (SIMD8<UInt64>(), SIMD8<UInt64>(), SIMD8<UInt64>(), SIMD8<UInt64>())
        var i = 0
        while i &+ 4 <= lines.count {
            a &+= lines[i]
            b &+= lines[i &+ 1]
            c &+= lines[i &+ 2]
            d &+= lines[i &+ 3]
            i &+= 4
        }
        return Work(events: 0, bytes: Int64(size), checksum: (a &+ b &+ c &+ d).wrappedSum())
    }
}
