// Recordings of given events, and what their event files hold.

import EventFiles
import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

/// A recording in a folder of its own, which goes with this.
final class Written {
    let folder: String
    let recording: Recording
    let index: TimeIndex

    /// - Parameter write: makes the file of this name in the folder.
    private init(_ name: String, _ write: (String) throws -> Void) throws {
        folder = NSTemporaryDirectory() + "evh5-events-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write(folder + "/" + name)
        recording = try Recording(path: folder + "/" + name)
        index = try IndexStore(directory: nil).index(of: recording)
    }

    convenience init(_ events: [Event], _ format: RecordingFormat, _ geometry: Geometry) throws {
        try self.init(format.isDAT ? "a_td.dat" : "a.raw") { path in
            var writer = try RecordingWriter(path: path, format: format, geometry: geometry)
            for event in events { try writer.append(event) }
            try writer.finish()
        }
    }

    /// As DAT, whose times are what they are.
    convenience init(anyOrder events: [Event], _ geometry: Geometry) throws {
        try self.init("a_td.dat") { path in
            // The writer takes events in order only.
            var writer = try RecordingWriter(path: path, format: .dat, geometry: geometry)
            try writer.finish()
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            for event in events {
                let pixel = UInt32(event.x) | UInt32(event.y) << 14 | UInt32(event.polarity) << 28
                for word in [UInt32(event.t), pixel] { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
            }
            try bytes.write(to: URL(fileURLWithPath: path))
        }
    }

    /// EVT2.1 with triggers and no events.
    convenience init(triggers: [(t: Int64, id: Int16, p: Int16)], _ geometry: Geometry) throws {
        try self.init("a.raw") { path in
            var writer = try RecordingWriter(path: path, format: .evt21, geometry: geometry)
            for (t, id, p) in triggers { try writer.append(Trigger(t: t, id: id, p: p)) }
            try writer.finish()
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func plan(_ spec: String, part: Int? = nil, isPacked: Bool = true) throws -> EventsPlan {
        let summary = RecordingSummary(recording, index)
        return try EventsPlan(
            EventsMeasure(EventsSpec(spec), summary, part: part), recording, index, isPacked: isPacked)
    }
}

extension EventsPlan {
    /// All bytes of each computed dataset that is kept in blocks, put together from them.
    func datasets() throws -> [Int: [UInt8]] {
        var result: [Int: [UInt8]] = [:]
        for kind in EventBlocks.allCases {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount(kind), alignment: 64)
            defer { memory.deallocate() }
            for block in 0..<count(kind) {
                // Over garbage, so that bytes that are not written show.
                memory.initializeMemory(as: UInt8.self, repeating: 0xA5)
                try render(kind, block, into: memory)
                for part in parts(ofBlock: block, kind) {
                    #expect(Int64(result[part.dataset]?.count ?? 0) == part.bytes.lowerBound)
                    result[part.dataset, default: []] += memory[part.offset..<part.offset + part.bytes.count]
                }
            }
        }
        return result
    }
}

func numbers<T: FixedWidthInteger>(_ bytes: [UInt8]?, _: T.Type) -> [T] {
    (bytes ?? []).withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<T>.size).map {
            T(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
        }
    }
}

let geometry = Geometry(width: 300, height: 200)

func scene(_ count: Int, until end: Int64, seed: UInt64) -> [Event] {
    var random = SplitMix(seed: seed)
    let times = (0..<count).map { _ in Int64.random(in: 0..<end, using: &random) }.sorted()
    return times.map {
        Event(
            x: Int.random(in: 0..<300, using: &random), y: Int.random(in: 0..<200, using: &random),
            polarity: Int.random(in: 0...1, using: &random), t: $0)
    }
}
