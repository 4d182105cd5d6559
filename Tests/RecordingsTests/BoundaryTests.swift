// Where boundaries of time are among the events: by every variant, against a walk over all events.

import Recordings
import Testing

@Suite struct BoundaryTests {
    private func with<R>(_ variant: KernelVariant, _ body: () throws -> R) rethrows -> R {
        let before = KernelVariant.current
        KernelVariant.current = variant
        defer { KernelVariant.current = before }
        return try body()
    }

    private struct Found: Equatable {
        var ordinals: [Int64]
        var times: [Int64]
    }

    /// By a walk: the first event at or after each boundary, and its time; -1 where there is none.
    private func walk(_ events: [Event], _ boundaries: BoundaryTimes, from first: Int, count: Int) -> Found {
        var found = Found(
            ordinals: Array(repeating: Int64(events.count), count: count), times: Array(repeating: -1, count: count))
        var next = 0
        for (ordinal, event) in events.enumerated() {
            while next < count, event.t >= boundaries.first + Int64(first + next) * boundaries.step {
                found.ordinals[next] = Int64(ordinal)
                found.times[next] = event.t
                next += 1
            }
        }
        return found
    }

    private func find(
        _ reader: EventReader, _ boundaries: BoundaryTimes, from first: Int, count: Int, of selection: EventSelection
    ) throws -> Found {
        var found = Found(ordinals: Array(repeating: -2, count: count), times: Array(repeating: -1, count: count))
        try found.ordinals.withUnsafeMutableBufferPointer { ordinals in
            try found.times.withUnsafeMutableBufferPointer { times in
                guard let numbers = ordinals.baseAddress else { return }
                try reader.find(
                    boundaries, from: first, count: count, of: selection, ordinals: numbers, times: times.baseAddress)
            }
        }
        return found
    }

    @Test(arguments: wideFormats, [0, 60])
    func boundariesAreThoseOfAWalk(_ format: RecordingFormat, oddity: Int) throws {
        let folder = try TemporaryFolder()
        for seed: UInt64 in 1...3 {
            let stream = sensorStream(format, 60_000, seed, oddity: oddity)
            let recording = try Recording(path: folder.file("a\(seed).raw", header(format, "640x480") + stream))
            // Segments as they are, and so small that a part that is scanned at once is longer.
            for segmentSize: Int64 in [65536, 1024] {
                let layout = TimeIndex.Layout(segmentSize: segmentSize, segmentLimit: 1 << 18, chunkSize: 1 << 19)
                let index = try TimeIndex.build(recording, layout: layout)
                let reader = EventReader(recording, index)
                let (lowest, highest) = (index.lowestTime, index.highestTime)
                let part = lowest + (highest - lowest) / 4..<lowest + (highest - lowest) / 2
                for times in [Int64.min..<Int64.max, part] {
                    let selection = try reader.selection(of: times)
                    let events = try with(.plain) {
                        var all = EventCollector()
                        try reader.events(in: times, into: &all)
                        return all.events
                    }
                    #expect(selection.count == Int64(events.count))
                    // Few boundaries in a segment, one or none, and so many that scanning does not pay.
                    for count in [3, 40, 5000] {
                        let step = max(1, (highest - lowest) / Int64(count))
                        let boundaries = BoundaryTimes(first: lowest, step: step)
                        for (first, length) in [(0, count + 2), (count / 2, 2)] {
                            let expected = walk(events, boundaries, from: first, count: length)
                            for variant in KernelVariant.available {
                                let found = try with(variant) {
                                    try find(reader, boundaries, from: first, count: length, of: selection)
                                }
                                #expect(found == expected, "\(variant), seed \(seed), \(times), \(count) from \(first)")
                            }
                        }
                    }
                }
            }
        }
    }
}
