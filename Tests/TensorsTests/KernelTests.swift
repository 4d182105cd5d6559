// Frames worked out by hand.

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

    @Test func aFrameWithoutEventsIsZero() throws {
        let late = [Event(x: 0, y: 0, polarity: 1, t: 1001)]
        for name in PreprocessingRegistry.standard.names {
            #expect(try plan(name, "100us", geometry, late).bytes(3).allSatisfy { $0 == 0 }, "\(name)")
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
