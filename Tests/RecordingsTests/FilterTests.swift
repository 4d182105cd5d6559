// Filters of events against plain loops: every format and variant, any window, by number, by boundary, into cells.

import RandomFixture
import Recordings
import Testing

/// What `chain` leaves of `events`, one after the other.
private func left(
    _ events: [Event], _ chain: EventFilterChain, _ geometry: Geometry, sampling: Int = 0
) -> [Event] {
    var last: [[Int]: Int64] = [:]
    let hot = Set(chain.hotPixels?.list?.pixels.map { [Int($0.x), Int($0.y)] } ?? [])
    var events = events.filter { !hot.contains([Int($0.x), Int($0.y)]) }
    if let period = chain.refractory {
        events = events.filter { event in
            let place = [Int(event.x), Int(event.y), Int(event.polarity)]
            defer { last[place] = event.t }
            guard let before = last[place], before <= event.t else { return true }
            return event.t - before >= period
        }
    }
    last = [:]
    if let period = chain.noise {
        events = events.filter { event in
            let (x, y) = (Int(event.x), Int(event.y))
            defer { last[[x, y]] = event.t }
            for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
                if let before = last[[x + dx, y + dy]], event.t - before <= period { return true }
            }
            return false
        }
    }
    let region =
        chain.region ?? EventFilterChain.Region(x: 0, y: 0, width: geometry.width, height: geometry.height)
    let k = 1 << sampling
    return events.compactMap { event in
        if let polarity = chain.polarity, Int(event.polarity) != polarity { return nil }
        var (x, y) = (Int(event.x) - region.x, Int(event.y) - region.y)
        guard x >= 0, y >= 0, x < region.width, y < region.height else { return nil }
        if chain.flipsX { x = region.width - 1 - x }
        if chain.flipsY { y = region.height - 1 - y }
        var (width, height) = (region.width, region.height)
        if chain.transposes { (x, y, width, height) = (y, x, height, width) }
        guard x % k == k / 2, y % k == k / 2, x / k < width / k, y / k < height / k else { return nil }
        return Event(x: x / k, y: y / k, polarity: Int(event.polarity), t: event.t)
    }
}

/// Keeps (cell, t) of what has a cell.
private struct Cells: EventSink {
    var found: [[Int64]] = []
    let place: CellPlacement
    var placement: CellPlacement? { place }

    init(_ place: CellPlacement) { self.place = place }

    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        guard x < place.width, y < place.height else { return }
        let cell = (y >> place.shift) * place.columns + x >> place.shift
        found.append([Int64(cell + polarity * Int(place.on)), t])
    }

    mutating func take(_ batch: CellBatch) {
        for i in 0..<batch.count { found.append([Int64(batch.cells[i]), batch.base + Int64(batch.times[i])]) }
    }
}

private func chain(_ change: (inout EventFilterChain) -> Void) -> EventFilterChain {
    var chain = EventFilterChain()
    change(&chain)
    return chain
}

private let geometry = Geometry(width: 640, height: 480)

/// A quarter of the sensor, its corners among it, and one pixel twice.
private let hot = EventFilterChain.NamedPixels(
    name: "hot",
    list: HotPixels(
        (0..<480).flatMap { y in
            (0..<640).filter { (7 * y + 3 * $0) % 4 == 0 }.map { HotPixels.Pixel(x: Int32($0), y: Int32(y)) }
        } + [HotPixels.Pixel(x: 639, y: 479), HotPixels.Pixel(x: 639, y: 479)]))

private let single: [(EventFilterChain, Int)] = [
    (chain { $0.polarity = 1 }, 0), (chain { $0.polarity = 0 }, 0),
    (chain { $0.region = .init(x: 17, y: 5, width: 301, height: 333) }, 0),
    (chain { $0.region = .init(x: 0, y: 0, width: 640, height: 480) }, 0), (chain { $0.flipsX = true }, 0),
    (chain { ($0.flipsY, $0.transposes) = (true, true) }, 0), (EventFilterChain(), 1), (EventFilterChain(), 3),
    (chain { ($0.region, $0.flipsX) = (.init(x: 100, y: 50, width: 203, height: 99), true) }, 2),
    (chain { $0.refractory = 400 }, 0), (chain { $0.refractory = 1 << 40 }, 0), (chain { $0.noise = 30 }, 0),
    (chain { ($0.noise, $0.polarity, $0.transposes) = (200, 1, true) }, 0), (chain { $0.hotPixels = hot }, 0),
    (chain { ($0.hotPixels, $0.polarity, $0.flipsX) = (hot, 0, true) }, 1),
    (chain { ($0.hotPixels, $0.noise) = (hot, 200) }, 0), (chain { ($0.hotPixels, $0.refractory) = (hot, 400) }, 0),
]

private let double: [(EventFilterChain, Int)] = [
    (chain { ($0.refractory, $0.noise) = (500, 300) }, 0),
    (
        chain {
            ($0.hotPixels, $0.refractory, $0.noise, $0.polarity, $0.flipsX) = (hot, 90, 700, 0, true)
            $0.region = .init(x: 100, y: 100, width: 500, height: 300)
        }, 1
    ),
]

@Suite struct FilterTests {
    private func with<R>(_ variant: KernelVariant, _ body: () throws -> R) rethrows -> R {
        let before = KernelVariant.current
        KernelVariant.current = variant
        defer { KernelVariant.current = before }
        return try body()
    }

    /// Recordings of random streams, with small segments, and all their events.
    private func each(
        _ format: RecordingFormat, oddity: Int, _ body: (EventReader, [Event], SplitMix) throws -> Void
    ) throws {
        let folder = try TemporaryFolder()
        for (seed, segmentSize) in [(1, 65536), (2, 2048)] as [(UInt64, Int64)] {
            let stream = sensorStream(format, 12_000, seed, oddity: oddity)
            let recording = try Recording(path: folder.file("a\(seed).raw", header(format, "640x480") + stream))
            let layout = TimeIndex.Layout(segmentSize: segmentSize, segmentLimit: 1 << 18, chunkSize: 1 << 19)
            let reader = EventReader(recording, try TimeIndex.build(recording, layout: layout))
            let events = try with(.plain) { try reader.all() }
            #expect(events.count > 3000)
            try body(reader, events, SplitMix(seed: seed))
        }
    }

    @Test(arguments: wideFormats, [0, 60])
    func eventsAreThoseOfPlainLoops(_ format: RecordingFormat, oddity: Int) throws {
        // With both filters that look back, and time that runs backwards, an event may depend on any before.
        let cases = oddity == 0 ? single + double : single
        try each(format, oddity: oddity) { reader, events, random in
            var random = random
            let (lowest, highest) = (reader.index.lowestTime, reader.index.highestTime)
            for (chain, sampling) in cases {
                let filters = try #require(AppliedFilters(chain, on: geometry, sampling: sampling))
                let all = left(events, chain, geometry, sampling: sampling)
                let reader = reader.through(filters)
                #expect(filters.left(of: events) == all)
                let windows =
                    [Int64.min..<Int64.max]
                    + (0..<5).map { _ in
                        let start = Int64.random(in: lowest...highest, using: &random)
                        return start..<start + Int64.random(in: 0...max(1, highest - lowest) / 4, using: &random)
                    }
                for times in windows {
                    let expected = all.filter { times.contains($0.t) }
                    for variant in KernelVariant.available {
                        try with(variant) {
                            let what = "\(variant), \(chain), \(sampling), \(times)"
                            #expect(try reader.all(times) == expected, "\(what)")
                            let selection = try reader.selection(of: times)
                            #expect(selection.count == Int64(expected.count), "\(what)")
                            #expect(selection.highestTime == expected.map(\.t).max(), "\(what)")
                            let ends = try reader.firstAndLastTime(in: times)
                            #expect(ends?.first == expected.first?.t && ends?.last == expected.last?.t, "\(what)")
                            let start = Int.random(in: 0...expected.count, using: &random)
                            let end = Int.random(in: start...expected.count, using: &random)
                            var some = EventCollector()
                            try reader.events(numbered: Int64(start)..<Int64(end), of: selection, into: &some)
                            #expect(some.events == Array(expected[start..<end]), "\(what), \(start)..<\(end)")
                        }
                    }
                }
            }
        }
    }

    /// Also where whole cells do not cover the region: events without a cell count by number all the same.
    @Test(arguments: wideFormats) func cellsAreThoseOfPlainLoops(_ format: RecordingFormat) throws {
        try each(format, oddity: 0) { reader, events, _ in
            for (chain, sampling) in single + double {
                let filters = try #require(AppliedFilters(chain, on: geometry, sampling: sampling))
                let all = left(events, chain, geometry, sampling: sampling)
                let reader = reader.through(filters)
                let selection = try reader.selection(of: Int64.min..<Int64.max)
                for shift in [0, 2] {
                    let (columns, rows) = (filters.geometry.width >> shift, filters.geometry.height >> shift)
                    let place = CellPlacement(
                        width: columns << shift, height: rows << shift, shift: shift, columns: columns,
                        on: UInt32(columns * rows))
                    for numbers in [0..<all.count, all.count / 3..<all.count / 2] {
                        var expected = Cells(place)
                        for event in all[numbers] {
                            expected.event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t)
                        }
                        for variant in KernelVariant.available {
                            var found = Cells(place)
                            try with(variant) {
                                try reader.events(
                                    numbered: Int64(numbers.lowerBound)..<Int64(numbers.upperBound), of: selection,
                                    into: &found)
                            }
                            #expect(found.found == expected.found, "\(variant), \(chain), \(sampling), \(shift)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [RecordingFormat.evt3, .evt2, .dat], [0, 60])
    func boundariesAreThoseOfAWalk(_ format: RecordingFormat, oddity: Int) throws {
        try each(format, oddity: oddity) { reader, events, _ in
            let (lowest, highest) = (reader.index.lowestTime, reader.index.highestTime)
            for (chain, sampling) in oddity == 0 ? single + double : single {
                let filters = try #require(AppliedFilters(chain, on: geometry, sampling: sampling))
                let all = left(events, chain, geometry, sampling: sampling)
                let reader = reader.through(filters)
                let selection = try reader.selection(of: Int64.min..<Int64.max)
                for (first, count) in [(0, 50), (20, 7)] {
                    let step = max(1, (highest - lowest) / 40)
                    var next = 0
                    var expected = [Int64](repeating: Int64(all.count), count: count)
                    for (number, event) in all.enumerated() {
                        while next < count, event.t >= lowest + Int64(first + next) * step {
                            expected[next] = Int64(number)
                            next += 1
                        }
                    }
                    for variant in KernelVariant.available {
                        var found = [Int64](repeating: -1, count: count)
                        try with(variant) {
                            try found.withUnsafeMutableBufferPointer {
                                guard let start = $0.baseAddress else { return }
                                try reader.find(
                                    BoundaryTimes(first: lowest, step: step), from: first, count: count,
                                    of: selection, ordinals: start)
                            }
                        }
                        #expect(found == expected, "\(variant), \(chain), \(sampling), \(first)")
                    }
                }
            }
        }
    }

    @Test func whatDoesNotFitASensor() {
        for (x, y, width, height) in [(1, 0, 640, 480), (0, 1, 640, 480), (640, 0, 1, 1), (0, 0, 0, 5), (-1, 0, 5, 5)] {
            let outside = chain { $0.region = .init(x: x, y: y, width: width, height: height) }
            #expect(outside.output(of: geometry) == nil && AppliedFilters(outside, on: geometry) == nil)
        }
        let huge = chain { $0.region = .init(x: .max, y: 0, width: .max, height: 5) }
        #expect(huge.output(of: geometry) == nil)
        let region = chain { ($0.region, $0.transposes) = (.init(x: 639, y: 400, width: 1, height: 80), true) }
        #expect(region.output(of: geometry) == Geometry(width: 80, height: 1))
        #expect(AppliedFilters(region, on: geometry, sampling: 1) == nil)
    }

    @Test func hotPixelsAreOfTheSensor() {
        func list(_ x: Int32, _ y: Int32, _ size: Geometry? = nil) -> HotPixels {
            HotPixels([.init(x: 1, y: 1), .init(x: x, y: y)], size: size) { "line \($0 + 1)" }
        }
        func applied(_ list: HotPixels?) -> AppliedFilters? {
            AppliedFilters(chain { $0.hotPixels = .init(name: "hot", list: list) }, on: geometry)
        }
        #expect(applied(nil) == nil && applied(list(639, 479)) != nil)
        #expect(applied(list(640, 0)) == nil && applied(list(0, 480)) == nil && applied(list(.max, .max)) == nil)
        #expect(list(639, 479).problem(on: geometry) == nil && applied(list(639, 479))?.keepsAll == false)
        #expect(list(640, 0).problem(on: geometry)?.contains("line 2: (640, 0) is outside") == true)
        let mask = list(5, 5, Geometry(width: 480, height: 640))
        #expect(mask.problem(on: geometry)?.contains("480x640") == true && applied(mask) == nil)
        // The set counts, not the order of its pixels; and each sensor has bits of its own.
        #expect(HotPixels([.init(x: 5, y: 5), .init(x: 1, y: 1), .init(x: 5, y: 5)]).digest == list(5, 5).digest)
        #expect(list(5, 6).digest != list(6, 5).digest && applied(list(5, 6)) != applied(list(6, 5)))
        let both = EventFilterChain.NamedPixels(name: "hot", list: list(5, 5))
        for side in [8, 640, 16, 16384] {
            let filters = AppliedFilters(chain { $0.hotPixels = both }, on: Geometry(width: side, height: side))
            #expect(filters?.left(of: [event(5, 5, 1, 3), event(5, 6, 1, 4), event(1, 1, 0, 5)]).map(\.t) == [4])
        }
    }

    /// Each use of memory is told apart from those before, however far they went.
    @Test func memoryForgets() throws {
        let filters = try #require(AppliedFilters(chain { ($0.refractory, $0.noise) = (100, 50) }, on: geometry))
        for round in 0..<40 {
            let start = round % 3 == 0 ? 1 << 60 : round % 3 == 1 ? -(1 << 60) : Int64(5)
            let events = [event(5, 5, 1, start), event(6, 5, 0, start + 50), event(6, 5, 0, start + 60)]
            #expect(filters.left(of: events) == [events[1]])
            // What is later in time keeps a neighbour.
            #expect(filters.left(of: [event(6, 6, 0, 1 << 60), event(7, 7, 0, -(1 << 60))]).map(\.x) == [7])
        }
    }
}
