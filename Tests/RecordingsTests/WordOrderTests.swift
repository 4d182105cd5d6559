// Words that know better than their header: the order of EVT2.1's halves.

import Files
import RandomFixture
import Recordings
import Testing

@Suite struct WordOrderTests {
    private let geometry = Geometry(width: 320, height: 320)

    private enum Order: CaseIterable {
        case normal, legacy
        var format: RecordingFormat { self == .normal ? .evt21 : .evt21Legacy }
    }

    private func stored(_ word: UInt64, _ order: Order) -> UInt64 { order == .normal ? word : word << 32 | word >> 32 }

    private func timeHigh(_ high: Int, _ other: UInt64 = 0) -> UInt64 {
        UInt64(0x8000_0000 | high & 0x0FFF_FFFF) << 32 | other
    }

    /// Events as a sensor writes them: a clock every so many words, masks of a few pixels or of many.
    private func words21(
        _ count: Int, seed: UInt64, clocks: Int, pixels: Int, otherHalf: Bool = false, others: Int = 0
    ) -> ([UInt64], [Event]) {
        var random = SplitMix(seed: seed)
        func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
        var out: [UInt64] = []
        var events: [Event] = []
        let first = below(1 << 20)
        var high = first
        func half() -> UInt64 { otherHalf ? UInt64(below(1 << 32)) : 0 }
        for _ in 0..<others { out.append(0xE << 60 | UInt64(below(1 << 28)) << 32 | UInt64(below(1 << 32))) }
        out.append(timeHigh(high, half()))
        while out.count < count {
            for _ in 0..<below(clocks) {
                high += below(3)
                out.append(timeHigh(high, half()))
            }
            let (x, y, p, low) = (32 * below(10), below(320), below(2), below(64))
            var mask: UInt64 = 0
            for _ in 0...below(pixels) { mask |= 1 << UInt64(below(32)) }
            out.append(UInt64(p) << 60 | UInt64(low) << 54 | UInt64(x) << 43 | UInt64(y) << 32 | mask)
            for bit in 0..<32 where mask >> UInt64(bit) & 1 == 1 {
                events.append(event(x + bit, y, p, Int64((high - first) * 64 + low)))
            }
        }
        return (out, events)
    }

    /// Whatever the header says, the words are read in the order that they are in; where the two disagree there is a
    /// note.
    @Test(arguments: ["endianness=little", "endianness=legacy", ""]) func wordsAreBelieved(_ endianness: String) throws
    {
        let folder = try TemporaryFolder()
        let text = "% format EVT21;height=320;width=320;\(endianness)\n% end\n"
        for order in Order.allCases {
            for (seed, clocks) in [2, 8, 40].enumerated() {
                for pixels in [1, 4, 60] {
                    for others in [0, 300] {
                        let (made, events) = words21(
                            3000, seed: UInt64(seed), clocks: clocks, pixels: pixels, others: others)
                        let path = try folder.file("a.raw", Array(text.utf8) + words(made.map { stored($0, order) }))
                        let recording = try Recording(path: path)
                        #expect(recording.format == order.format)
                        #expect(recording.header.format == (endianness == "endianness=little" ? .evt21 : .evt21Legacy))
                        #expect(recording.notes.isEmpty == (recording.header.format == order.format))
                        #expect(recording.identity.format == order.format)
                        let index = try TimeIndex.build(recording)
                        #expect(try EventReader(recording, index).all() == events)
                        #expect(index.suspicions.isEmpty && index.format == order.format)
                    }
                }
            }
        }
    }

    /// Writers that put something into the other half of a clock word.
    @Test func clocksWithAnotherHalf() throws {
        let folder = try TemporaryFolder()
        let text = "% format EVT21;height=320;width=320;endianness=legacy\n% end\n"
        for pixels in [4, 60] {
            let (made, events) = words21(4000, seed: 5, clocks: 8, pixels: pixels, otherHalf: true)
            let path = try folder.file("a.raw", Array(text.utf8) + words(made))
            let recording = try Recording(path: path)
            #expect(recording.format == .evt21)
            #expect(try EventReader(recording, TimeIndex.build(recording)).all() == events)
        }
    }

    /// A camera of OpenMV: two words, both of which look like events in the wrong order too.
    @Test func twoWords() throws {
        let folder = try TemporaryFolder()
        let made: [UInt64] = [0x8000_0000_0000_0000, 0x1000_2807_0000_0001]
        for endianness in ["", ";endianness=little", ";endianness=legacy"] {
            let text = "% format EVT21;height=320;width=320\(endianness)\n% end\n"
            let recording = try Recording(path: folder.file("a.raw", Array(text.utf8) + words(made)))
            #expect(recording.format == .evt21)
            #expect(try EventReader(recording, TimeIndex.build(recording)).all() == [event(5, 7, 1, 0)])
        }
    }

    /// Where words do not tell, the header does.
    @Test func wordsThatDoNotTell() throws {
        let folder = try TemporaryFolder()
        var random = SplitMix(seed: 3)
        let noise = (0..<30_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let triggers = (0..<100).map { _ in 0xA100_0001_A100_0001 as UInt64 }
        for payload in [[], [1, 2, 3], [UInt8](repeating: 0, count: 4000), words(triggers), noise] {
            for (endianness, format) in [("little", RecordingFormat.evt21), ("legacy", .evt21Legacy)] {
                let text = "% format EVT21;height=320;width=320;endianness=\(endianness)\n% end\n"
                let recording = try Recording(path: folder.file("a.raw", Array(text.utf8) + payload))
                #expect(recording.format == format && recording.notes.isEmpty)
            }
        }
    }

    /// An empty recording is read by its header; when words come that disagree, it becomes another one.
    @Test func aRecordingThatGrowsTellsLater() throws {
        let folder = try TemporaryFolder()
        let text = "% evt 2.1\n% geometry 320x320\n% end\n"
        let path = try folder.file("a.raw", Array(text.utf8))
        let store = IndexStore(directory: folder.path + "/cache")
        let empty = try Recording(path: path)
        #expect(try empty.format == .evt21Legacy && store.index(of: empty).eventCount == 0)
        let (made, events) = words21(3000, seed: 9, clocks: 8, pixels: 3)
        try append(words(made), to: path)
        let grown = try Recording(path: path)
        let index = try store.index(of: grown)
        #expect(grown.format == .evt21 && index.eventCount == Int64(events.count))
        #expect(try EventReader(grown, index).all() == events)
        // Another process finds the same on disk.
        #expect(try IndexStore(directory: folder.path + "/cache").indexIfKnown(of: Recording(path: path)) == index)
    }

    /// Half a word lost in the middle: what follows is not taken for the other order, which would give every event
    /// another's pixels.
    @Test func halfAWordThatIsLost() throws {
        let folder = try TemporaryFolder()
        for (order, name) in [(Order.normal, "little"), (.legacy, "legacy")] {
            let text = "% format EVT21;height=320;width=320;endianness=\(name)\n% end\n"
            let (made, _) = words21(3000, seed: 4, clocks: 8, pixels: 3)
            for at in [40, 200, 1000] {
                var payload = words(made.map { stored($0, order) })
                payload.removeSubrange(8 * at..<8 * at + 4)
                let recording = try Recording(path: folder.file("a.raw", Array(text.utf8) + payload))
                #expect(recording.format == order.format && recording.notes.isEmpty)
                let index = try TimeIndex.build(recording)
                #expect(!index.suspicions.isEmpty)
            }
        }
    }

    @Test func settingsNameTheOrder() throws {
        let folder = try TemporaryFolder()
        let empty = try folder.file("a.raw", Array("% evt 2.1\n% geometry 320x320\n".utf8))
        #expect(try Recording(path: empty, hints: RecordingHints(encoding: .evt21)).format == .evt21)
        let (made, _) = words21(300, seed: 9, clocks: 8, pixels: 3)
        let bare = try folder.file("b.raw", words(made.map { stored($0, .legacy) }))
        for encoding in [RecordingEncoding.evt21, .evt21Legacy] {
            let recording = try Recording(path: bare, hints: RecordingHints(geometry: geometry, encoding: encoding))
            #expect(recording.format == .evt21Legacy && recording.notes.isEmpty == (encoding == .evt21Legacy))
        }
    }
}
