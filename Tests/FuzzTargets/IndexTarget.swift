// Index files: what is damaged is refused, and what is taken can be worked with, though no scan made it.

import Files
import RandomFixture
import Recordings

/// Input: a bit that asks for a checksum that fits, then the file (without one: its beginning as well).
enum IndexTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        let isMended = input.byte() & 1 == 1
        var file = Array(input.rest)
        if isMended {
            var head = Array("evh5tidx".utf8)
            withUnsafeBytes(of: IndexFile.version.littleEndian) { head += $0 }
            withUnsafeBytes(of: crc32(file).littleEndian) { head += $0 }
            file = head + file
        }
        guard let index = IndexFile.index(from: file) else { return nil }
        guard IndexFile.index(from: IndexFile.bytes(of: index)) == index else {
            return "another index when stored again"
        }
        _ = (index.contentsDigest, index.duration, index.rate, index.memorySize, index.drops.total)
        guard index.triggerCount >= index.triggers.count else { return "more triggers than were counted" }
        return use(index)
    }

    /// Reads a recording by an index that says anything of it; nothing may break. Events may be too many or missing: a
    /// segment that is wanted whole has as many as its words say, not as the index says.
    private static func use(_ index: TimeIndex) -> String? {
        guard let file = MemoryFile() else { return nil }
        let header = Array("% evt 3.0\n% geometry 64x48\n% end\n".utf8)
        let words: [UInt8] = (0..<200).flatMap { i -> [UInt8] in
            [0x10, 0x80, UInt8(i), 0x60, 3, 0, UInt8(i & 63), 0x28]
        }
        return header.withUnsafeBytes { header in
            words.withUnsafeBytes { words in
                guard file.set([header, words]), let recording = try? Recording(path: file.path) else { return nil }
                let reader = EventReader(recording, index)
                let (lowest, highest) = (index.lowestTime, index.highestTime)
                for times in [
                    Int64.min..<Int64.max, 0..<1000, min(lowest, highest)..<max(lowest, highest), Int64.min..<0,
                ] {
                    var counter = EventCounter()
                    try? reader.events(in: times, into: &counter)
                    guard let selection = try? reader.selection(of: times) else { continue }
                    var numbered = EventCounter()
                    try? reader.events(numbered: 1..<5, of: selection, into: &numbered)
                }
                _ = try? index.extended(to: recording)
                _ = try? index.checkUnchanged(in: recording)
                return nil
            }
        }
    }
}
