// Recordings whose words make no sense, and those that only look odd.

import Files
import Foundation
import RandomFixture
import Recordings
import Testing

@Suite struct SuspicionTests {
    private func suspicions(_ format: RecordingFormat, _ payload: [UInt8], _ geometry: String = "640x480") throws
        -> [String]
    {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: folder.file("a.raw", header(format, geometry) + payload))
        let index = try TimeIndex.build(recording)
        #expect((index.warning == nil) == index.suspicions.isEmpty)
        // Kept on disk, it says the same.
        // The store writes what it knows of short recordings later, at its end at the latest.
        #expect(
            try IndexStore(directory: folder.path + "/cache").index(of: recording).suspicions == index.suspicions)
        #expect(
            IndexStore(directory: folder.path + "/cache").indexIfKnown(of: recording)?.suspicions == index.suspicions)
        return index.suspicions
    }

    @Test(arguments: [RecordingFormat.evt3, .evt2, .dat]) func goodOnesAreNot(_ format: RecordingFormat) throws {
        #expect(try suspicions(format, sensorStream(format, 60_000, 1, oddity: 0)).isEmpty)
        #expect(try suspicions(format, []).isEmpty)
    }

    /// Every encoding read as every other one; but two words of EVT2 are one of EVT2.1, with an odd mask.
    @Test func wordsOfAnotherEncoding() throws {
        let made: [RecordingFormat: [UInt8]] = [
            .evt2: sensorStream(.evt2, 30_000, 1, oddity: 0), .evt3: sensorStream(.evt3, 30_000, 1, oddity: 0),
            .dat: sensorStream(.dat, 30_000, 1, oddity: 0),
        ]
        for (format, payload) in made {
            let others = wideFormats.filter {
                $0 != format && (format != .evt2 || ![.evt21, .evt21Legacy].contains($0))
            }
            for other in others {
                #expect(try !suspicions(other, payload).isEmpty, "\(format) as \(other)")
            }
        }
    }

    @Test func noise() throws {
        var random = SplitMix(seed: 1)
        let noise = (0..<40_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        for format in wideFormats { #expect(try !suspicions(format, noise).isEmpty) }
    }

    @Test func eventsOutside() throws {
        let payload = sensorStream(.evt2, 30_000, 1, oddity: 0)
        #expect(try suspicions(.evt2, payload, "600x480").contains { $0.contains("outside 600x480") })
        // One in a hundred is damage, not another sensor.
        #expect(try suspicions(.evt2, payload, "637x480").isEmpty)
    }

    @Test func oneTime() throws {
        let events = (0..<500).map { UInt32($0 % 640) << 11 | UInt32($0 % 480) }
        #expect(try suspicions(.evt2, words([0x8000_0000] + events)).contains { $0.contains("at one time") })
        #expect(try suspicions(.evt2, words([0x8000_0000] + events.prefix(50))).isEmpty)
        #expect(try suspicions(.evt2, words([0x8000_0000] + events + [0x8000_0001, 5])).isEmpty)
    }

    @Test func noEvents() throws {
        let clocks = (0..<1000).map { 0x8000_0000 | UInt32($0) }
        #expect(try suspicions(.evt2, words(clocks)).contains { $0.contains("no event in 1000 words") })
        #expect(try suspicions(.evt2, words(clocks.prefix(80).map { $0 })).isEmpty)
        #expect(try suspicions(.evt3, [UInt8](repeating: 0, count: 10_000)).contains { $0.contains("no event") })
        // A recording of triggers is what somebody wanted.
        let triggers = (0..<3000).map { 0xA000_0001 | UInt32($0 % 64) << 22 }
        #expect(try suspicions(.evt2, words(clocks + triggers)).isEmpty)
    }
}
