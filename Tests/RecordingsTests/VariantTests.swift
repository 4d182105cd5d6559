// The decoders of every variant that this processor has against those in Swift: cells, counts, times, latest times and
// indexes of good, damaged and random streams.

import Recordings
import SanitizerFixture
import Testing

/// Keeps what it is given as (cell, t), whichever way it comes.
private struct CellCollector: EventSink {
    var cells: [UInt32] = []
    var times: [Int64] = []
    let place: CellPlacement
    let isTimed: Bool
    var placement: CellPlacement? { place }
    var needsTimes: Bool { isTimed }
    /// Whether any cells came by the batch.
    var tookBatches = false

    init(_ place: CellPlacement, isTimed: Bool) {
        self.place = place
        self.isTimed = isTimed
    }

    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        guard x < place.width, y < place.height else { return }
        let cell = UInt32((y >> place.shift) * place.columns + x >> place.shift)
        cells.append(polarity == 1 ? cell &+ place.on : cell)
        if isTimed { times.append(t) }
    }

    mutating func take(_ batch: CellBatch) {
        tookBatches = true
        for i in 0..<batch.count {
            cells.append(batch.cells[i])
            if isTimed { times.append(batch.base + Int64(batch.times[i])) }
        }
    }
}

/// Counts per cell, up to 255.
private struct Counter: EventSink {
    let memory: UnsafeMutableBufferPointer<UInt8>
    let place: CellPlacement
    var placement: CellPlacement? { place }
    let needsTimes = false
    var counters: UnsafeMutableBufferPointer<UInt8>? { memory }

    init(_ place: CellPlacement, rows: Int) {
        self.place = place
        memory = .allocate(capacity: 2 * place.columns * rows)
        memory.initialize(repeating: 0)
    }

    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        guard x < place.width, y < place.height else { return }
        let cell = (y >> place.shift) * place.columns + x >> place.shift + polarity * Int(place.on)
        if memory[cell] < 255 { memory[cell] += 1 }
    }

    mutating func take(_ batch: CellBatch) {
        if let first = memory.baseAddress { batch.count(into: first) }
    }
}

/// The latest times of cells, a plane for every `length` us from `t0` on and the last one for all that is later.
private struct LatestTimes: EventSink {
    let memory: UnsafeMutableBufferPointer<Float>
    let place: CellPlacement
    let cells: Int
    let t0: Int64
    let length: Int64
    var last: Int64
    /// Whether any events were set in a plane by the decoder.
    var wasSet = false
    var placement: CellPlacement? { place }

    static let planes: Int64 = 3

    init(_ place: CellPlacement, rows: Int, from t0: Int64, length: Int64) {
        self.place = place
        cells = place.columns * rows
        self.t0 = t0
        self.length = length
        last = t0
        memory = .allocate(capacity: 2 * cells * Int(Self.planes))
        memory.initialize(repeating: 0)
    }

    private func plane(of t: Int64) -> Int64 { max(0, min((t - t0) / length, Self.planes - 1)) }

    private mutating func set(_ cell: Int, _ t: Int64) {
        let plane = plane(of: t)
        last = max(last, t)
        memory[cell + Int(plane) * 2 * cells] = Float((Double(t - t0) - Double(plane * length)) / Double(length))
    }

    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        guard x < place.width, y < place.height else { return }
        set((y >> place.shift) * place.columns + x >> place.shift + polarity * Int(place.on), t)
    }

    mutating func take(_ batch: CellBatch) {
        for i in 0..<batch.count { set(Int(batch.cells[i]), batch.base + Int64(batch.times[i])) }
    }

    func latest(from t: Int64) -> LatestPlane? {
        guard t >= last else { return nil }
        let plane = plane(of: t)
        return LatestPlane(
            values: UnsafeMutableBufferPointer(rebasing: memory[(Int(plane) * 2 * cells)...].prefix(2 * cells)), t0: t0,
            start: Double(plane * length), duration: Double(length),
            end: plane == Self.planes - 1 ? .max : (plane + 1) * length)
    }

    mutating func didSet(to t: Int64) {
        last = t
        wasSet = true
    }
}

/// The variants to compare with the plain one, all that this processor has. Comparing that one with itself would say
/// nothing.
let fastKernels = KernelVariant.available.filter { $0 != .plain }
let hasFastKernels = !fastKernels.isEmpty
let noFastKernels: Comment = "this processor has none but the plain kernels"

/// Of the words; less under sanitizers, where debug builds take minutes for what takes a second.
private let share = isSanitized ? 10 : 1

@Suite struct VariantTests {
    private static let formats: [RecordingFormat] = [.evt3, .evt2, .evt21, .evt21Legacy, .evt4, .dat]
    private let geometry = Geometry(width: 640, height: 480)

    private func with<R>(_ variant: KernelVariant, _ body: () throws -> R) rethrows -> R {
        let before = KernelVariant.current
        KernelVariant.current = variant
        defer { KernelVariant.current = before }
        return try body()
    }

    private var placements: [CellPlacement] {
        [
            CellPlacement(width: 640, height: 480, shift: 0, columns: 640, on: 640 * 480),
            CellPlacement(width: 640, height: 480, shift: 2, columns: 160, on: CellPlacement.onBit),
            // Cells that do not fill the sensor.
            CellPlacement(width: 512, height: 256, shift: 8, columns: 2, on: 2),
        ]
    }

    @Test(.enabled(if: hasFastKernels, noFastKernels), arguments: formats)
    func cellsAreThoseOfTheSwiftDecoders(_ format: RecordingFormat) throws {
        for payload in streams(format, share: share) {
            let folder = try TemporaryFolder()
            // Some words fewer each time: tails of all lengths.
            for cut in isSanitized ? [0, 40] : [0, 8, 24, 40, 136] {
                let bytes = header(format, "640x480") + payload.dropLast(cut)
                let recording = try Recording(path: folder.file("a\(cut).raw", bytes))
                let index = try with(.plain) { try TimeIndex.build(recording) }
                let reader = EventReader(recording, index)
                let middle = (index.lowestTime + index.highestTime) / 2
                let windows = [
                    Int64.min / 2..<Int64.max / 2, middle..<Int64.max / 2, Int64.min / 2..<middle,
                    middle..<middle + 1000,
                ]
                for place in placements {
                    for (number, window) in windows.enumerated() {
                        for isTimed in [false, true] {
                            func collect(_ variant: KernelVariant) throws -> CellCollector {
                                try with(variant) {
                                    var sink = CellCollector(place, isTimed: isTimed)
                                    try reader.events(in: window, into: &sink)
                                    return sink
                                }
                            }
                            let plain = try collect(.plain)
                            #expect(!plain.tookBatches)
                            for variant in fastKernels {
                                let fast = try collect(variant)
                                #expect(plain.cells == fast.cells, "\(variant)")
                                #expect(plain.times == fast.times, "\(variant)")
                                // Where few words are, all of them may be odd.
                                if number == 0, share == 1 { #expect(fast.tookBatches, "\(variant)") }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(.enabled(if: hasFastKernels, noFastKernels), arguments: formats)
    func countsAreThoseOfTheSwiftDecoders(_ format: RecordingFormat) throws {
        // Few pixels, so that counters saturate and vectors reach past the last row; and fewer than a vector has.
        for payload in streams(format, share: share) {
            for (width, height) in [(640, 480), (40, 3), (7, 2)] {
                for shift in [0, 1] { try expectSameCounts(format, payload, width, height, shift: shift) }
            }
        }
    }

    @Test(.enabled(if: hasFastKernels, noFastKernels), arguments: [2, 8, 40])
    func countsOfVectorsAreThoseOfTheSwiftDecoder(longest: Int) throws {
        for (width, height) in [(640, 33), (96, 20)] {
            for oddity in [8, 300] {
                let payload = vectorStream(
                    60_000 / share, UInt64(longest), width: width, longest: longest, oddity: oddity)
                try expectSameCounts(.evt3, payload, width, height)
            }
        }
    }

    private func expectSameCounts(
        _ format: RecordingFormat, _ payload: [UInt8], _ width: Int, _ height: Int, shift: Int = 0
    ) throws {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: folder.file("a.raw", header(format, "\(width)x\(height)") + payload))
        let reader = EventReader(recording, try TimeIndex.build(recording))
        let (columns, rows) = (width >> shift, height >> shift)
        let place = CellPlacement(
            width: columns << shift, height: rows << shift, shift: shift, columns: columns, on: UInt32(columns * rows))
        func count(_ variant: KernelVariant) throws -> [UInt8] {
            try with(variant) {
                var sink = Counter(place, rows: rows)
                defer { sink.memory.deallocate() }
                try reader.events(in: Int64.min / 2..<Int64.max / 2, into: &sink)
                return Array(sink.memory)
            }
        }
        let plain = try count(.plain)
        for variant in fastKernels { #expect(try count(variant) == plain, "\(variant)") }
    }

    @Test(.enabled(if: hasFastKernels, noFastKernels)) func latestTimesAreThoseOfTheSwiftDecoder() throws {
        for (number, payload) in streams(.evt3, share: share).enumerated() {
            for (width, height) in [(640, 480), (40, 3), (7, 2)] {
                for shift in [0, 1] {
                    let wasSet = try expectSameLatest(payload, width, height, shift: shift)
                    // Of fewer pixels than the stream is of, most words need a closer look.
                    let isFit = number == 0 && width == 640 && shift == 0
                    if isFit { #expect(wasSet) }
                }
            }
        }
    }

    @Test(.enabled(if: hasFastKernels, noFastKernels), arguments: [2, 8, 40])
    func latestTimesOfVectorsAreThoseOfTheSwiftDecoder(longest: Int) throws {
        for (width, height) in [(640, 33), (96, 20)] {
            for oddity in [8, 300, 100_000] {
                let payload = vectorStream(
                    60_000 / share, UInt64(longest), width: width, longest: longest, oddity: oddity)
                try expectSameLatest(payload, width, height)
            }
        }
    }

    /// Returns whether the fast decoder set any events by itself.
    @discardableResult
    private func expectSameLatest(
        _ payload: [UInt8], _ width: Int, _ height: Int, shift: Int = 0
    ) throws -> Bool {
        let folder = try TemporaryFolder()
        let recording = try Recording(path: folder.file("a.raw", header(.evt3, "\(width)x\(height)") + payload))
        let (columns, rows) = (width >> shift, height >> shift)
        let place = CellPlacement(
            width: columns << shift, height: rows << shift, shift: shift, columns: columns, on: UInt32(columns * rows))
        var wasSet = false
        // Segments that end at any word.
        let small = TimeIndex.Layout(segmentSize: 1002, segmentLimit: 1 << 18, chunkSize: 1 << 16)
        for layout in [TimeIndex.Layout.standard, small] {
            let index = try TimeIndex.build(recording, layout: layout)
            let reader = EventReader(recording, index)
            let (first, end) = (index.lowestTime, index.highestTime + 1)
            let span = end - first
            for times in [first..<end, first + span / 5..<end - span / 7, first + span / 2..<first + span / 2 + 1000] {
                for length in [Int64.max / 4, max(1, (times.upperBound - times.lowerBound) / 3)] {
                    func values(_ variant: KernelVariant) throws -> [UInt8] {
                        try with(variant) {
                            var sink = LatestTimes(place, rows: rows, from: times.lowerBound, length: length)
                            defer { sink.memory.deallocate() }
                            try reader.events(in: times, into: &sink)
                            wasSet = wasSet || sink.wasSet
                            return Array(UnsafeRawBufferPointer(sink.memory))
                        }
                    }
                    let plain = try values(.plain)
                    for variant in fastKernels { #expect(try values(variant) == plain, "\(variant)") }
                }
            }
        }
        return wasSet
    }

    // MARK: Indexes: each variant against the events that the decoders find

    @Test func whatIsComparedHere() {
        let missing = KernelVariant.allCases.filter { !$0.isAvailable }
        print("kernels compared with the plain ones: \(fastKernels); not here: \(missing)")
        #expect(KernelVariant.available.first == .plain)
        #expect(KernelVariant.available.last == .best)
        for variant in KernelVariant.available {
            #expect(with(variant) { KernelVariant.current } == variant)
        }
        for variant in missing { #expect(with(variant) { KernelVariant.current } == .best) }
    }

    /// What an index says of events.
    private struct Totals: Equatable {
        var events: Int64 = 0
        var lowest: Int64 = 0
        var highest: Int64 = 0

        init(_ decoded: Decoded) {
            for event in decoded.events {
                lowest = events == 0 ? event.t : min(lowest, event.t)
                highest = events == 0 ? event.t : max(highest, event.t)
                events += 1
            }
        }

        init(_ index: TimeIndex) { (events, lowest, highest) = (index.eventCount, index.lowestTime, index.highestTime) }
    }

    private func expectIndex(
        _ recording: Recording, _ layout: TimeIndex.Layout, of decoded: Totals,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let plain = try with(.plain) { try TimeIndex.build(recording, layout: layout) }
        #expect(Totals(plain) == decoded, sourceLocation: sourceLocation)
        for variant in fastKernels {
            let index = try with(variant) { try TimeIndex.build(recording, layout: layout) }
            #expect(index == plain, "\(variant)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: formats) func indexesAreOfTheDecodersEvents(_ format: RecordingFormat) throws {
        let layouts = [
            TimeIndex.Layout.standard, TimeIndex.Layout(segmentSize: 1000, segmentLimit: 64, chunkSize: 777),
            TimeIndex.Layout(segmentSize: 4096, segmentLimit: 1 << 18, chunkSize: 1 << 16),
        ]
        for payload in streams(format, share: share) {
            let folder = try TemporaryFolder()
            for text in ["640x480", "1280x720", "96x33"] {
                let bytes = header(format, text) + payload + [1, 2, 3]
                let recording = try Recording(path: folder.file("\(text).raw", bytes))
                let decoded = decode(format, payload + [1, 2, 3], recording.geometry)
                let totals = Totals(decoded)
                for layout in layouts { try expectIndex(recording, layout, of: totals) }
            }
        }
    }

    @Test(arguments: [2, 5, 8, 30, 90]) func indexesOfVectorsAreOfTheDecodersEvents(longest: Int) throws {
        let folder = try TemporaryFolder()
        for (text, width) in [("640x480", 640), ("1280x720", 1280), ("96x33", 96), ("40x33", 40)] {
            for oddity in [8, 200, 5000] {
                for seed in 0..<(isSanitized ? 1 : 4) {
                    let payload = vectorStream(
                        60_000 / share, UInt64(seed), width: width, longest: longest, oddity: oddity)
                    let recording = try Recording(
                        path: folder.file("\(text)-\(oddity)-\(seed).raw", header(.evt3, text) + payload))
                    let decoded = decode(.evt3, payload, recording.geometry)
                    let totals = Totals(decoded)
                    for layout in [
                        .standard, TimeIndex.Layout(segmentSize: 1000, segmentLimit: 1 << 18, chunkSize: 777),
                    ] {
                        try expectIndex(recording, layout, of: totals)
                        let index = try TimeIndex.build(recording, layout: layout)
                        #expect(index.drops == decoded.drops)
                    }
                }
            }
        }
    }
}
