// What the tests of this folder share: temporary files, words written out by hand, reading everything of a recording.

import Files
import Foundation
import Recordings
import Testing

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "evh5-recordings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }
}

func append(_ bytes: [UInt8], to path: String) throws {
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
}

/// The encodings that have room for a sensor of 640x480.
let wideFormats = RecordingFormat.allCases.filter { $0 != .dat1 }

func words<T: FixedWidthInteger>(_ words: [T]) -> [UInt8] {
    words.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
}

/// A header without geometry for `format`, with `geometry` as the field of that name.
func header(_ format: RecordingFormat, _ geometry: String) -> [UInt8] {
    let text =
        switch format {
        case .evt2: "% evt 2.0\n% geometry \(geometry)\n% end\n"
        case .evt21: "% evt 2.1\n% endianness little\n% geometry \(geometry)\n% end\n"
        case .evt21Legacy: "% evt 2.1\n% geometry \(geometry)\n% end\n"
        case .evt3: "% evt 3.0\n% geometry \(geometry)\n% end\n"
        case .evt4: "% evt 4.0\n% geometry \(geometry)\n% end\n"
        case .dat: "% Version 2\n% geometry \(geometry)\n"
        case .dat1: "% Version 1\n% geometry \(geometry)\n"
        }
    return Array(text.utf8) + (format.isDAT ? [12, 8] : [])
}

struct Decoded: Equatable {
    var events: [Event] = []
    var drops = DropCounts()
    var otherWords: Int64 = 0
    var used = 0
    var state = DecoderState()
}

/// Everything `payload` holds, decoded `step` bytes at a time.
func decode(_ format: RecordingFormat, _ payload: [UInt8], _ geometry: Geometry, step: Int = .max) -> Decoded {
    var result = Decoded()
    var sink = EventCollector()
    var tally = CountingTally()
    payload.withUnsafeBytes { bytes in
        while result.used < bytes.count {
            var size = min(step, bytes.count - result.used)
            var used = 0
            // A piece may be too short for a word.
            while used == 0, size <= bytes.count - result.used {
                let piece = UnsafeRawBufferPointer(rebasing: bytes[result.used..<result.used + size])
                used = format.decode(piece, geometry: geometry, state: &result.state, into: &sink, tally: &tally)
                size += 1
            }
            if used == 0 { break }
            result.used += used
        }
    }
    result.events = sink.events
    result.drops = tally.drops
    result.otherWords = tally.otherWords
    return result
}

func event(_ x: Int, _ y: Int, _ p: Int, _ t: Int64) -> Event { Event(x: x, y: y, polarity: p, t: t) }

extension EventReader {
    func all(_ times: Range<Int64> = Int64.min / 2..<Int64.max / 2) throws -> [Event] {
        var sink = EventCollector()
        try events(in: times, into: &sink)
        return sink.events
    }
}

/// The folder of sample recordings and tools: EVH5_SHARED or ../shared of the repository; nil when it is absent.
let sharedFolder: String? = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let path =
        ProcessInfo.processInfo.environment["EVH5_SHARED"] ?? repository.deletingLastPathComponent().path + "/shared"
    return FileManager.default.fileExists(atPath: path + "/recordings") ? path : nil
}()

extension [Event] {
    /// Events that are earlier than the one before.
    var stepsBack: Int64 { Int64(zip(self, dropFirst()).filter { $1.t < $0.t }.count) }
}
