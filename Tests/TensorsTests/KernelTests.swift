// Frames worked out by hand.

import Foundation
import Recordings
import Tensors
import Testing

@Suite struct KernelTests {
    /// Four columns, two rows; a frame of 100 us.
    let geometry = Geometry(width: 4, height: 2)
    /// The last event opens the second frame, which makes the first one whole.
    let events = [
        Event(x: 0, y: 0, polarity: 1, t: 0), Event(x: 0, y: 0, polarity: 1, t: 25),
        Event(x: 3, y: 1, polarity: 0, t: 50),
        Event(x: 1, y: 0, polarity: 0, t: 75), Event(x: 1, y: 0, polarity: 1, t: 99),
        Event(x: 2, y: 1, polarity: 1, t: 101),
    ]

    private func frame(_ text: String) throws -> [Float] { try plan(text, "100us", geometry, events).values(0) }

    @Test func histogram() throws {
        #expect(try frame("histo") == [0, 0.2, 0, 0, 0, 0, 0, 0.2] + [0.4, 0.2, 0, 0, 0, 0, 0, 0])
        // Two by two pixels are one cell and an event weighs a quarter: 4 events of the first cell, 1 of the second.
        #expect(try frame("histo,downsample=2,max_incr_per_pixel=1") == [0.25, 0.25] + [0.75, 0])
        #expect(try frame("histo,dtype=uint8") == [0, 51, 0, 0, 0, 0, 0, 51] + [102, 51, 0, 0, 0, 0, 0, 0])
        #expect(try frame("histo,max_incr_per_pixel=1") == [0, 1, 0, 0, 0, 0, 0, 1] + [1, 1, 0, 0, 0, 0, 0, 0])
    }

    @Test func difference() throws {
        #expect(try frame("diff") == [0.4, 0, 0, 0, 0, 0, 0, -0.2])
    }

    @Test func timeSurface() throws {
        #expect(try frame("timesurface") == [0, 0.75, 0, 0, 0, 0, 0, 0.5] + [0.25, 0.99, 0, 0, 0, 0, 0, 0])
        // 255 * 0.5 = 127.5 goes to the even neighbour 128; 255 * 0.25 = 63.75; 255 * 0.99 = 252.45.
        #expect(try frame("timesurface,dtype=uint8") == [0, 191, 0, 0, 0, 0, 0, 128] + [64, 252, 0, 0, 0, 0, 0, 0])
    }

    @Test func multiChannelTimeSurface() throws {
        // Two bins of 50 us: 25 is in the middle of the first, 50 opens the second, 75 is its middle.
        let expected: [[Float]] = [
            [0, 0, 0, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0, 0, 0, 0],
            [0, 0.98, 0, 0, 0, 0, 0, 0],
        ]
        #expect(try frame("multi_channel_timesurface,num_utbins=2") == expected.flatMap { $0 })
    }

    @Test func eventCube() throws {
        // Two bins with centres at 25 and 75 us: 0 gives half to the first and loses the rest before it, 25 all, 50 a
        // half to each.
        let first: [[Float]] = [[0, 0, 0, 0, 0, 0, 0, 0.25], [0.75, 0, 0, 0, 0, 0, 0, 0]]
        let second: [[Float]] = [[0, 0.5, 0, 0, 0, 0, 0, 0.25], [0, Float(0.5 * (1 - 0.48)), 0, 0, 0, 0, 0, 0]]
        #expect(try frame("event_cube,num_utbins=2,max_incr_per_pixel=2") == (first + second).flatMap { $0 })
        let signed: [[Float]] = [[0.75, 0, 0, 0, 0, 0, 0, -0.25], [0, -0.24, 0, 0, 0, 0, 0, -0.25]]
        #expect(try frame("event_cube,num_utbins=2,max_incr_per_pixel=2,split_polarity=false") == signed.flatMap { $0 })
    }

    @Test func quantizedHistogram() throws {
        #expect(
            try plan("histo_quantized", "100us", geometry, events).bytes(0) == [0, 1, 0, 0, 0, 0, 0, 1] + [
                2, 1, 0, 0, 0, 0, 0, 0,
            ])
        #expect(try frame("histo_quantized,downsample=2") == [0.25, 0.25] + [0.75, 0])
        #expect(
            try frame("histo_quantized,normalization=true,negative_bit_length=7,total_bit_length=8")[8] == Float(1)
                / 127)
    }

    @Test func quantizedDifference() throws {
        #expect(try plan("diff_quantized", "100us", geometry, events).bytes(0) == [2, 0, 0, 0, 0, 0, 0, 255])
        // Two bits hold -2...1: the second on event does not count; normalised by 2.
        #expect(try frame("diff_quantized,negative_bit_length=2,normalization=true") == [0.5, 0, 0, 0, 0, 0, 0, -0.5])
        #expect(try frame("diff_quantized,downsample=2") == [0.5, -0.25])
    }

    /// Times from the first to the last event, 0 to 99 us, in two bins: 0, 25 and 49 are in the first.
    @Test func stackedHistogram() throws {
        let off: [[Float]] = [[0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 1]]
        let on: [[Float]] = [[2, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]]
        #expect(try frame("stacked_histogram,num_bins=2") == (off + on).flatMap { $0 })
        #expect(
            try frame("stacked_histogram,num_bins=1,count_cutoff=1")
                == [0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    }

    /// The whole, and its first half, in which the events of the first bin are too.
    @Test func mixedDensityStack() throws {
        let expected: [[Float]] = [[2, 0, 0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, -1]]
        #expect(try frame("mixed_density_stack,num_bins=2") == expected.flatMap { $0 })
        #expect(try frame("mixed_density_stack,num_bins=2,count_cutoff=1").max() == 1)
    }

    /// Moments at 0 and 100 us: an event at 25 is a quarter of the way.
    @Test func voxelGrid() throws {
        let expected: [[Float]] = [
            [1.75, Float(-0.25 + 0.01), 0, 0, 0, 0, 0, -0.5], [0.25, Float(-0.75 + 0.99), 0, 0, 0, 0, 0, -0.5],
        ]
        let found = try frame("voxel_grid,num_bins=2,origin=window")
        for (a, b) in zip(found, expected.flatMap { $0 }) { #expect(abs(a - b) < 1e-6) }
        // The values that are not 0: 2, 0, -1 with one moment only, of which 0 is none.
        let normalised = try frame("voxel_grid,num_bins=1,norm=nonzero")
        #expect(normalised == [1, 0, 0, 0, 0, 0, 0, -1])
        let unbiased = try frame("voxel_grid,num_bins=1,norm=nonzero_unbiased")
        #expect(abs(unbiased[0] - Float(0.5.squareRoot())) < 1e-6 && unbiased[7] == -unbiased[0])
    }

    /// Centres at 25 and 75 us. What the first event lacks goes to the second bin.
    @Test func eventVolume() throws {
        let found = try frame("event_volume,num_bins=2")
        let expected: [Float] = [1.5, 0, 0, 0, 0, 0, 0, -0.5, 0.5, 0, 0, 0, 0, 0, 0, -0.5]
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-6) }
    }

    @Test func eventCount() throws {
        for type in ["uint8", "uint16", "float32"] {
            #expect(
                try frame("event_count,dtype=\(type)") == [0, 1, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0])
        }
        var many = (0..<70_000).map { Event(x: 1, y: 1, polarity: 1, t: Int64($0)) }
        many.append(Event(x: 0, y: 0, polarity: 0, t: 100_001))
        for (type, greatest) in [("uint8", Float(255)), ("uint16", 65535), ("float32", 70_000)] {
            #expect(try plan("event_count,dtype=\(type)", "100ms", geometry, many).values(0)[8 + 5] == greatest)
        }
    }

    @Test func eventImage() throws {
        let expected: [[Float]] = [
            [2, 1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 1], [0.25, 0.99, 0, 0, 0, 0, 0, 0],
            [0, 0.75, 0, 0, 0, 0, 0, 0.5],
        ]
        #expect(try frame("event_image") == expected.flatMap { $0 })
    }

    @Test func exponentialTimeSurface() throws {
        let found = try frame("exponential_timesurface,tau=50us")
        let ages: [Int: Double] = [1: 25, 7: 50, 8: 75, 9: 1]
        for cell in 0..<16 { #expect(abs(found[cell] - Float(ages[cell].map { exp(-$0 / 50) } ?? 0)) < 1e-6) }
    }

    @Test func tore() throws {
        func value(_ age: Double) -> Float { Float(max(0, log(min(age, 1000) + 1) - log(31))) }
        let found = try frame("tore,k=2,max_time=1ms,min_time=30us")
        let ages: [Int: Double] = [0: 75, 1: 1, 8: 100, 17: 25, 23: 50]
        for place in 0..<32 { #expect(abs(found[place] - value(ages[place] ?? 1000)) < 2e-6, "\(place)") }
        // Two by two pixels are one cell.
        let halved = try frame("tore,downsample=2,k=3,min_time=30us,max_time=1ms")
        let smaller: [Double] = [1, 1000, 75, 1000, 100, 1000, 25, 50, 1000, 1000, 1000, 1000]
        for (a, b) in zip(halved, smaller) { #expect(abs(a - value(b)) < 2e-6) }
    }

    @Test func ergo12() throws {
        let found = try frame("ergo12")
        let expected: [Int: Double] = [
            0 * 8 + 1: 1, 4 * 8 + 1: 1, 5 * 8 + 1: 2, 6 * 8: 25 / 99, 7 * 8 + 1: 1, 9 * 8: 25 / 99, 9 * 8 + 1: 1,
            10 * 8 + 1: 1, 10 * 8 + 7: 50 / 99, 11 * 8: 1,
        ]
        for place in 0..<96 { #expect(abs(found[place] - Float(expected[place] ?? 0)) < 1e-6, "\(place)") }
    }

    @Test func aFrameWithoutEventsIsZero() throws {
        let late = [Event(x: 0, y: 0, polarity: 1, t: 1001)]
        for name in PreprocessingRegistry.standard.names {
            // What there never was is as old as can be.
            let none = name == "tore" ? log(Float(5_000_001)) - log(Float(151)) : 0
            #expect(try plan(name, "100us", geometry, late).values(3).allSatisfy { abs($0 - none) < 2e-6 }, "\(name)")
        }
    }

    /// Time running backwards inside a frame of counted events, events outside the geometry, extreme times: no trap, no
    /// stray byte.
    @Test func strangeEventsDoNoHarm() throws {
        let strange = [
            Event(x: 0, y: 0, polarity: 1, t: 1000), Event(x: 1, y: 0, polarity: 0, t: Int64.min / 4),
            Event(x: 2, y: 1, polarity: 1, t: 5),
            Event(x: 65535, y: 65535, polarity: 1, t: 1001), Event(x: 3, y: 1, polarity: 255, t: 1001),
            Event(x: 3, y: 0, polarity: 0, t: Int64.max / 4), Event(x: 3, y: 1, polarity: 1, t: 900),
            Event(x: 0, y: 0, polarity: 0, t: 1100),
        ]
        for name in PreprocessingRegistry.standard.names {
            for suffix in ["", ",downsample=2"] {
                let counted = try plan(name + suffix, "4ev", geometry, strange)
                #expect(counted.frameCount == 2, "without start_ts all events count")
                #expect(try (0..<2).allSatisfy { try counted.values($0).allSatisfy { $0.isFinite } })
                let later = try plan(name + suffix, "4ev,start_ts=1us", geometry, strange)
                #expect(later.frameCount == 1, "events before start_ts do not count")
                #expect(try later.values(0).allSatisfy { $0.isFinite })
            }
        }
        #expect(
            try plan("timesurface,dtype=uint8", "4ev", geometry, strange).values(0).allSatisfy { $0 >= 0 && $0 <= 255 })
    }
}
