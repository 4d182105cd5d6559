// Packed event files against the events that recordings were written of.

import EventFiles
import Foundation
import RandomFixture
import Recordings
import TensorFile
import Tensors
import Testing

private typealias Record = EventsMeasure.Record

extension Written {
    fileprivate func measure(_ spec: String, part: Int? = nil) throws -> EventsMeasure {
        try EventsMeasure(EventsSpec(spec), RecordingSummary(recording, index), part: part)
    }

    fileprivate func description(_ plan: EventsPlan) -> FileDescription {
        plan.measure.description(
            plan.counts, of: RecordingSummary(recording, index), name: "a.raw", programVersion: "1")
    }
}

/// All chunks are of one size, unpack to `events`, and the index is that of the layout that is not packed.
private func check(_ written: Written, _ events: [Event], _ more: String = "", part: Int? = nil) throws {
    let plan = try written.plan("events,layout=ecf\(more)", part: part)
    let datasets = written.description(plan).datasets
    #expect(datasets.map(\.chunks?.elements) == [16384, 16384, 16384, 16384])
    let bytes = try plan.datasets()
    let packed = bytes[Record.events.rawValue] ?? []
    let size = try #require(datasets[Record.events.rawValue].chunks?.byteCount)
    #expect(packed.count == (events.count + 16383) / 16384 * size)
    var unpacked: [Event] = []
    for start in stride(from: 0, to: packed.count, by: size) {
        let chunk = try unpack(Array(packed[start..<start + size])).events
        #expect(chunk.count == 16384)
        unpacked += chunk
    }
    #expect(unpacked.count - events.count < 16384)
    #expect(unpacked.prefix(events.count).elementsEqual(events))
    let index = bytes[Record.index.rawValue] ?? []
    let plain = try written.plan("events,layout=prophesee\(more)", part: part).datasets()[Record.index.rawValue] ?? []
    #expect(index.count % (16 * 16384) == 0 && index.count - plain.count < 16 * 16384)
    #expect(index.starts(with: plain) && index.dropFirst(plain.count).allSatisfy { $0 == 0 })
}

@Suite(.serialized) struct ECFPlanTests {
    /// More than two blocks, the last chunk not full, and every kernel that this machine has.
    @Test(arguments: EventsPlanTests.formats) func `chunks are the events`(_ format: RecordingFormat) throws {
        let events = scene(300_000, until: 900_000, seed: 3)
        let written = try Written(events, format, geometry)
        let before = KernelVariant.current
        defer { KernelVariant.current = before }
        for variant in KernelVariant.available {
            KernelVariant.current = variant
            try check(written, events)
        }
    }

    /// Around the lengths of chunks and blocks.
    @Test(arguments: [1, 2, 3, 16383, 16384, 16385, 32768, 131_071, 131_072, 131_073])
    func `short recordings`(_ count: Int) throws {
        let events = scene(count, until: 50_000, seed: 5)
        try check(Written(events, .evt3, geometry), events)
        try check(Written(events, .dat, geometry), events)
    }

    @Test func `a recording without events has no chunks`() throws {
        let written = try Written([], .evt3, geometry)
        let plan = try written.plan("events,layout=ecf")
        #expect(written.description(plan).computedBytes == 0)
        #expect(plan.count(.events) == 0 && plan.count(.index) == 0)
    }

    @Test func `parts are cut by time`() throws {
        let events = scene(200_000, until: 950_000, seed: 6)
        let written = try Written(events, .evt3, geometry)
        for part in 0..<5 {
            let start = 50_000 + 200_000 * Int64(part)
            try check(
                written, events.filter { (start..<start + 200_000).contains($0.t) },
                ",max_duration=200ms,start_ts=50ms", part: part)
        }
    }

    @Test func `recordings of hours, with hours of silence`() throws {
        var events = scene(20_000, until: 1_000_000, seed: 9)
        events += scene(20_000, until: 7_200_000_000, seed: 10).map { event in
            Event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t + 5_000_000_000)
        }
        try check(Written(events, .evt21, geometry), events)
    }

    /// Two recordings in one file, one event back in the middle of a chunk, and times in no order at all: the order
    /// stays, and every event comes back.
    @Test func `time that runs backwards`() throws {
        var random = SplitMix(seed: 12)
        let first = scene(90_000, until: 400_000, seed: 7)
        var once = first
        once.swapAt(20_000, 60_000)
        for events in [
            first + scene(90_000, until: 300_000, seed: 8), once, first.shuffled(using: &random), first.reversed(),
        ] {
            let written = try Written(anyOrder: events, geometry)
            #expect(written.index.backwardSteps == Int64(zip(events, events.dropFirst()).filter { $1.t < $0.t }.count))
            try check(written, events)
        }
    }

    @Test func `sensors that the packing has no bits for`() throws {
        let events = [Event(x: 2047, y: 2047, polarity: 1, t: 5)]
        try check(Written(events, .dat, Geometry(width: 2048, height: 2048)), events)
        for geometry in [Geometry(width: 2049, height: 10), Geometry(width: 10, height: 2049)] {
            let written = try Written([], .dat, geometry)
            let error = #expect(throws: TensorError.self) { try written.measure("events,layout=ecf") }
            #expect(error?.code == .notApplicable && error?.message.contains("layout=prophesee") == true)
            #expect(throws: Never.self) { try written.measure("events,layout=prophesee") }
        }
    }

    /// Who packs chunks himself gets the blocks of layout=prophesee, with the texts that readers of this layout want.
    @Test(arguments: [1, 16385, 300_000]) func `records to be packed later`(_ count: Int) throws {
        let written = try Written(scene(count, until: 900_000, seed: 3), .evt3, geometry)
        let plan = try written.plan("events,layout=ecf", isPacked: false)
        #expect(try plan.datasets() == written.plan("events,layout=prophesee").datasets())
        let description = plan.measure.description(
            plan.counts, of: RecordingSummary(written.recording, written.index), name: "a.raw", programVersion: "1",
            isPacked: false)
        #expect(description.datasets.allSatisfy { $0.chunks == nil })
        #expect(description.rootAttributes.contains { $0.name == "version" && $0.value == .variableASCII("1.0") })
    }

    /// The bytes of triggers and of their index fill whole chunks.
    @Test func `triggers in chunks`() throws {
        let written = try Written(triggers: [(100, 0, 1), (100, 1, 0), (5999, 2, 1)], geometry)
        let plan = try written.plan("events,layout=ecf")
        let plain = try written.plan("events,layout=prophesee")
        for (record, size, count) in [(Record.triggers, 24, 3), (.triggerIndex, 16, 5)] {
            let whole = plan.bytes(ofDataset: record.rawValue, 0..<Int64(size * 16384))
            #expect(whole.count == size * 16384)
            let own = plain.bytes(ofDataset: record.rawValue, 0..<Int64(size * count))
            #expect(whole.starts(with: own) && whole.dropFirst(own.count).allSatisfy { $0 == 0 })
        }
        let stored = 40 * 16384
        #expect(written.description(plan).computedBytes.map { Int($0) } == stored + 2 * 2096)
    }
}
