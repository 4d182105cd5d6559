// Every word type of every encoding, in words written by hand from the formats' definitions.

import RandomFixture
import Recordings
import Testing

private let small = Geometry(width: 100, height: 50)

private func evt2(_ type: UInt32, _ ts: UInt32, _ x: UInt32, _ y: UInt32) -> UInt32 {
    type << 28 | ts << 22 | x << 11 | y
}

@Suite struct EVT2Tests {
    @Test func wordsAreTakenByType() {
        let payload = words(
            [
                evt2(1, 3, 1, 2), 0x8000_0010, evt2(0, 5, 7, 9), evt2(1, 63, 99, 49), 0x8000_0011, evt2(0, 0, 0, 0),
                0xA000_0001, 0xE000_0014, 0xF000_0000, evt2(1, 0, 100, 0), evt2(1, 0, 0, 50), 0x3000_0000, 0x9000_0000,
            ] as [UInt32])
        let decoded = decode(.evt2, payload + [1, 2, 3], small)
        // The shift is 0x10 * 64 us, so that the first time high is 0.
        #expect(decoded.events == [event(7, 9, 0, 5), event(99, 49, 1, 63), event(0, 0, 0, 64)])
        #expect(decoded.state.timeShift == 0x10 * 64)
        #expect(decoded.drops.beforeTimeHigh == 1)
        #expect(decoded.drops.outsideGeometry == 2)
        #expect(decoded.drops.unknownWords == 2)
        #expect(decoded.otherWords == 3)
        #expect(decoded.used == payload.count)
    }

    @Test func timeWrapsAtTwoToThe34() {
        let payload = words(
            [0x8FFF_FFFF, evt2(0, 1, 0, 0), 0x8000_0000, evt2(0, 2, 0, 0), 0x8000_0005, evt2(0, 0, 1, 1)] as [UInt32])
        #expect(decode(.evt2, payload, small).events.map(\.t) == [1, 64 + 2, 64 * 6])
    }

    @Test func timeMayRunBackwards() {
        let payload = words(
            [0x8000_0010, evt2(0, 0, 0, 0), 0x8000_0008, evt2(0, 1, 0, 0), 0x8000_0011, evt2(0, 0, 0, 0)] as [UInt32])
        #expect(decode(.evt2, payload, small).events.map(\.t) == [0, -8 * 64 + 1, 64])
    }
}

@Suite struct EVT21Tests {
    private func cd(_ polarity: UInt64, _ ts: UInt64, _ x: UInt64, _ y: UInt64, _ mask: UInt64) -> UInt64 {
        polarity << 60 | ts << 54 | x << 43 | y << 32 | mask
    }

    private func swapped(_ word: UInt64) -> UInt64 { word << 32 | word >> 32 }

    @Test func bothLayouts() {
        let normal: [UInt64] = [
            cd(1, 0, 0, 0, 0b111), 0x8000_0002_0000_0000, cd(1, 9, 32, 4, 0x8000_0001), cd(0, 10, 64, 4, 1 << 3),
            cd(0, 10, 96, 4, 0b11_1111), cd(1, 11, 0, 50, 0b11), 0xA000_0000_0000_0000, 0xE000_0000_0000_0000,
            0x4000_0000_0000_0000,
            0x8000_0003_FFFF_FFFF, cd(0, 0, 5, 6, 1),
        ]
        let expected = [
            event(32, 4, 1, 9), event(63, 4, 1, 9), event(67, 4, 0, 10), event(96, 4, 0, 10), event(97, 4, 0, 10),
            event(98, 4, 0, 10),
            event(99, 4, 0, 10), event(5, 6, 0, 64),
        ]
        for (format, payload) in [(RecordingFormat.evt21, words(normal)), (.evt21Legacy, words(normal.map(swapped)))] {
            let decoded = decode(format, payload, small)
            #expect(decoded.events == expected)
            #expect(decoded.drops.beforeTimeHigh == 3)
            #expect(decoded.drops.outsideGeometry == 4)
            #expect(decoded.drops.unknownWords == 1)
            #expect(decoded.otherWords == 2)
        }
    }
}

@Suite struct EVT3Tests {
    private let hd = Geometry(width: 1280, height: 720)

    @Test func wordsAreTakenByType() {
        let payload = words(
            [
                0x0001, 0x2001, 0x4FFF,  // before any time: ignored
                0x8003, 0x2005,  // no row yet: dropped
                0x0064, 0x6010, 0x2005, 0x2806,  // row 100, time 16
                0x3820, 0x4001, 0x4800, 0x5081,  // 32, 55, 56, 63
                0x4003, 0x51F0,  // 64, 65; 80...83, and a bit that means nothing
                0xA001, 0xE014, 0xF000, 0x7000,
                0x1000, 0xB000,
            ] as [UInt16])
        let decoded = decode(.evt3, payload, hd)
        // The first time high is 3, the shift (3 - 1) * 4096.
        let t: Int64 = 4096 + 16
        #expect(
            decoded.events == [
                event(5, 100, 0, t), event(6, 100, 1, t), event(32, 100, 1, t), event(55, 100, 1, t),
                event(56, 100, 1, t),
                event(63, 100, 1, t), event(64, 100, 1, t), event(65, 100, 1, t), event(80, 100, 1, t),
                event(81, 100, 1, t),
                event(82, 100, 1, t), event(83, 100, 1, t),
            ])
        #expect(decoded.drops.beforeTimeHigh == 13)
        #expect(decoded.drops.withoutAddress == 1)
        #expect(decoded.drops.unknownWords == 2)
        #expect(decoded.otherWords == 4)
        #expect(decoded.state.timeShift == 2 * 4096)
    }

    @Test func aChangeOfTimeHighSetsTheLowPartToZero() {
        let payload = words(
            [0x8001, 0x0000, 0x6123, 0x2000, 0x8001, 0x2001, 0x8002, 0x2002, 0x6001, 0x2003] as [UInt16])
        #expect(decode(.evt3, payload, hd).events.map(\.t) == [4096 * 0 + 0x1123 - 0, 0x1123, 0x2000, 0x2001])
    }

    @Test func timeHighZeroHasNoShift() {
        let payload = words([0x8000, 0x0000, 0x6123, 0x2000] as [UInt16])
        #expect(decode(.evt3, payload, hd).events.map(\.t) == [0x123])
    }

    @Test func fallingBy2048IsAWrap() {
        func times(_ first: UInt16, _ second: UInt16) -> [Int64] {
            let decoded = decode(.evt3, words([0x8000 | first, 0, 0x2000, 0x8000 | second, 0x2000]), hd)
            return decoded.events.map { $0.t + decoded.state.timeShift }
        }
        #expect(times(4095, 0) == [4095 << 12, 4096 << 12])
        #expect(times(2050, 2) == [2050 << 12, 4098 << 12])
        #expect(times(2050, 3) == [2050 << 12, 3 << 12])
    }

    @Test func damageDropsOnlyWhatIsOutside() {
        let payload = words(
            [
                0x8001, 0x4001,  // no row, no base
                0x02D0, 0x2000, 0x22FF,  // row 720 is outside
                0x02CF, 0x2500, 0x24FF,  // column 1280 is outside
                0x4001,  // no base yet
                0x34F8, 0x4FFF, 0x4FFF, 0x8002, 0x50FF,  // 8 of 12 are inside
                0x3000, 0x5001, 0x8003, 0x5001,  // vectors of 8 alone
            ] as [UInt16])
        let decoded = decode(.evt3, payload, hd)
        #expect(
            decoded.events == [event(1279, 719, 0, 4096)] + (1272..<1280).map { event($0, 719, 0, 4096) }
                + [event(0, 719, 0, 8192), event(8, 719, 0, 3 * 4096)])
        #expect(decoded.drops.outsideGeometry == 3 + 4 + 12 + 8)
        #expect(decoded.drops.withoutAddress == 2)
    }

    @Test func theOriginBitMakesARowOutside() {
        // Row words have 12 bits for OpenEB too: the upper one is of another sensor.
        let decoded = decode(.evt3, words([0x8001, 0x0801, 0x2001] as [UInt16]), hd)
        #expect(decoded.events.isEmpty)
        #expect(decoded.drops.outsideGeometry == 1)
    }

    @Test func vectorsWithoutEndStayOutside() {
        let payload = words([0x8001, 0x0000, 0x3000] + [UInt16](repeating: 0x4FFF, count: 10_000))
        let decoded = decode(.evt3, payload, hd)
        #expect(decoded.events.count == 1280)
        #expect(decoded.drops.outsideGeometry == 120_000 - 1280)
    }
}

@Suite struct EVT4Tests {
    @Test func wordsAreTakenByType() {
        let payload = words(
            [
                evt2(0xB, 0, 1, 1), evt2(0xC, 0, 1, 1), 0xE000_0007,  // dropped; the mask looks like a time high
                0xE000_0002, evt2(0xA, 1, 3, 4), evt2(0xB, 2, 5, 6), evt2(0xC, 3, 10, 7), 0x8000_0001,
                evt2(0xD, 4, 96, 8), 0xE000_00FF,
                evt2(0xD, 4, 0, 50), 0b111, 0x9000_0000, 0xFFFF_FFFF, 0x6000_0000, 0x7000_0000, 0x1000_0000,
                0xE000_0003,
                evt2(0xB, 0, 99, 49), evt2(0xB, 0, 100, 49), evt2(0xC, 0, 1, 1),
            ] as [UInt32])
        let decoded = decode(.evt4, payload, small)
        #expect(
            decoded.events == [
                event(3, 4, 0, 1), event(5, 6, 1, 2), event(10, 7, 0, 3), event(41, 7, 0, 3), event(96, 8, 1, 4),
                event(97, 8, 1, 4),
                event(98, 8, 1, 4), event(99, 8, 1, 4), event(99, 49, 1, 64),
            ])
        #expect(decoded.drops.beforeTimeHigh == 1 + 6)
        #expect(decoded.drops.outsideGeometry == 7 + 3 + 1)
        #expect(decoded.otherWords == 4)
        #expect(decoded.drops.unknownWords == 1)
        // The last vector has no mask.
        #expect(decoded.used == payload.count - 4)
        #expect(decoded.state.timeShift == 128)
    }
}

@Suite struct DATTests {
    private func record(_ t: UInt32, _ x: UInt32, _ y: UInt32, _ p: UInt32) -> [UInt32] { [t, p << 28 | y << 14 | x] }

    @Test func recordsAreTakenAsStored() {
        let payload = words(
            record(5, 99, 49, 1) + record(4, 0, 0, 0) + record(9, 100, 0, 1) + record(9, 0, 50, 1) + record(7, 1, 2, 1))
        let decoded = decode(.dat, payload + [0, 0], small)
        #expect(decoded.events == [event(99, 49, 1, 5), event(0, 0, 0, 4), event(1, 2, 1, 7)])
        #expect(decoded.drops.outsideGeometry == 2)
        #expect(decoded.used == payload.count)
    }

    @Test func timeWrapsAtTwoToThe32() {
        let payload = words(record(.max - 1, 0, 0, 0) + record(3, 0, 0, 0) + record(.max, 0, 0, 0) + record(1, 0, 0, 0))
        let range: Int64 = 1 << 32
        #expect(
            decode(.dat, payload, small).events.map(\.t) == [range - 2, range + 3, range + range - 1, 2 * range + 1])
    }
}

@Suite struct AnyStepTests {
    /// Wherever a stream is cut, the decoder goes on as if it were not.
    @Test(arguments: RecordingFormat.allCases) func decodingGoesOnFromAnyState(_ format: RecordingFormat) {
        var random = SplitMix(seed: 7)
        var payload = (0..<40_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        if format == .evt3 { payload[0...1] = [0x10, 0x80] }
        let geometry = Geometry(width: 1280, height: 720)
        let whole = decode(format, payload, geometry)
        for step in [8, 64, 4096 + 8, 12_345] { #expect(decode(format, payload, geometry, step: step) == whole) }
    }
}
