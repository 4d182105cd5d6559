// The blocks of event files against the events that recordings were written of.

import EventFiles
import Files
import Foundation
import RandomFixture
import Recordings
import Tensors
import Testing

/// For each time the number of the first event that is not earlier, by a look at all.
private func reached(_ events: [Event], _ times: [Int64]) -> [Int64] {
    times.map { time in Int64(events.firstIndex { $0.t >= time } ?? events.count) }
}

private func check(_ plan: EventsPlan, _ events: [Event]) throws {
    let datasets = try plan.datasets()
    #expect(plan.eventCount == Int64(events.count))
    typealias Column = EventsMeasure.Column
    #expect(numbers(datasets[Column.x.rawValue], UInt16.self) == events.map(\.x))
    #expect(numbers(datasets[Column.y.rawValue], UInt16.self) == events.map(\.y))
    #expect(numbers(datasets[Column.p.rawValue], UInt8.self) == events.map(\.polarity))
    if plan.measure.isWide {
        #expect(numbers(datasets[Column.t.rawValue], Int64.self) == events.map(\.t))
    } else {
        #expect(numbers(datasets[Column.t.rawValue], UInt32.self) == events.map { UInt32($0.t) })
    }
    let index = numbers(datasets[Column.index.rawValue], Int64.self)
    #expect(index == reached(events, index.indices.map { Int64($0) * 1000 }))
    // The last partial ms has an end.
    #expect(Int64(index.count) == (events.map(\.t).max() ?? 0) / 1000 + 2)
}

@Suite(.serialized) struct EventsPlanTests {
    static let formats: [RecordingFormat] = [.evt2, .evt21, .evt21Legacy, .evt3, .evt4, .dat]

    /// More than two blocks, and every kernel that this machine has.
    @Test(arguments: formats) func `columns are the events`(_ format: RecordingFormat) throws {
        let events = scene(300_000, until: 900_000, seed: 3)
        let written = try Written(events, format, geometry)
        let before = KernelVariant.current
        defer { KernelVariant.current = before }
        for variant in KernelVariant.available {
            KernelVariant.current = variant
            try check(written.plan("events"), events)
        }
    }

    @Test(arguments: formats) func `records are the events`(_ format: RecordingFormat) throws {
        let events = scene(150_000, until: 3_000_000, seed: 4)
        let written = try Written(events, format, geometry)
        let plan = try written.plan("events,layout=prophesee")
        let datasets = try plan.datasets()
        let words = numbers(datasets[EventsMeasure.Record.events.rawValue], UInt64.self)
        let expected = events.flatMap {
            [UInt64($0.x) | UInt64($0.y) << 16 | UInt64($0.polarity) << 32, UInt64(bitPattern: $0.t)]
        }
        #expect(words == expected)
        let index = numbers(datasets[EventsMeasure.Record.index.rawValue], Int64.self)
        let times = (0...events[events.count - 1].t / 2000).map { $0 * 2000 }
        let found = reached(events, times)
        var entries: [Int64] = [0, -1]
        for id in found { entries += [id, events[Int(id)].t] }
        entries += [Int64(events.count), events[events.count - 1].t]
        #expect(index == entries)
    }

    @Test func `short and empty recordings`() throws {
        for count in [0, 1, 2, 511, 512, 513, 1025] {
            let events = scene(count, until: 5000, seed: 5)
            let plan = try Written(events, .evt3, geometry).plan("events")
            try check(plan, events)
        }
    }

    /// Parts have the recording's times.
    @Test func `parts are cut by time`() throws {
        let events = scene(60_000, until: 950_000, seed: 6)
        let written = try Written(events, .evt3, geometry)
        for part in 0..<5 {
            let plan = try written.plan("events,max_duration=200ms,start_ts=50ms", part: part)
            let start = 50_000 + 200_000 * Int64(part)
            try check(plan, events.filter { (start..<start + 200_000).contains($0.t) })
        }
        #expect(throws: TensorError.self) {
            try written.plan("events,max_duration=200ms,start_ts=50ms", part: 5)
        }
        try check(written.plan("events,start_ts=100ms"), events.filter { $0.t >= 100_000 })
    }

    /// DAT may go back: the order stays, and the index says when a time was reached first.
    @Test func `time that runs backwards`() throws {
        let first = scene(90_000, until: 400_000, seed: 7)
        let second = scene(90_000, until: 300_000, seed: 8)
        // A writer takes events in order only: two recordings, one after the other.
        let one = try Written(first, .dat, geometry)
        let two = try Written(second, .dat, geometry)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: one.recording.path))
        let other = try Data(contentsOf: URL(fileURLWithPath: two.recording.path))
        bytes.append(other.suffix(8 * second.count))
        let path = one.folder + "/b_td.dat"
        try bytes.write(to: URL(fileURLWithPath: path))
        let recording = try Recording(path: path)
        let index = try IndexStore(directory: nil).index(of: recording)
        let plan = try EventsPlan(
            EventsMeasure(EventsSpec("events"), RecordingSummary(recording, index)), recording, index)
        try check(plan, first + second)
    }

    /// Times beyond 2^32 us take 64 bits.
    @Test func `long recordings are wide`() throws {
        var events = scene(2000, until: 1_000_000, seed: 9)
        events += scene(2000, until: 1_000_000, seed: 10).map { event in
            Event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t + 5_000_000_000)
        }
        let plan = try Written(events, .evt21, geometry).plan("events")
        #expect(plan.measure.isWide)
        let datasets = try plan.datasets()
        #expect(numbers(datasets[EventsMeasure.Column.t.rawValue], Int64.self) == events.map(\.t))
        let index = numbers(datasets[EventsMeasure.Column.index.rawValue], Int64.self)
        for ms in [0, 1, 999, 1000, 1001, 3_000_000, 5_000_000, 5_000_500] {
            #expect(index[ms] == Int64(events.firstIndex { $0.t >= Int64(ms) * 1000 } ?? events.count))
        }
    }
}

@Suite struct EventTriggersTests {
    /// A damaged recording may have a trigger after years: no more of its index is made than is asked for.
    @Test func `a trigger after years`() throws {
        let folder = NSTemporaryDirectory() + "evh5-triggers-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let times: [Int64] = [100, 100, 5000, 5999, 1 << 45]
        var writer = try RecordingWriter(path: folder + "/a.raw", format: .evt21, geometry: geometry)
        for (i, t) in times.enumerated() {
            try writer.append(Trigger(t: t, id: Int16(i), p: Int16(i % 2)))
        }
        try writer.finish()
        let recording = try Recording(path: folder + "/a.raw")
        let index = try IndexStore(directory: nil).index(of: recording)
        let summary = RecordingSummary(recording, index)
        let plan = try EventsPlan(
            EventsMeasure(EventsSpec("events,layout=prophesee"), summary), recording, index)
        #expect(plan.triggers.map(\.t) == times)
        let last = (1 << 45) / 2000 + 2
        func entries(_ range: Range<Int>) -> [Int64] {
            numbers(
                plan.bytes(
                    ofDataset: EventsMeasure.Record.triggerIndex.rawValue,
                    Int64(range.lowerBound) * 16..<Int64(range.upperBound) * 16), Int64.self)
        }
        #expect(entries(0..<5) == [0, -1, 0, 100, 2, 5000, 2, 5000, 4, 1 << 45])
        #expect(entries(last - 1..<last + 1) == [4, 1 << 45, 5, 1 << 45])
        // From within one element into another.
        let whole = plan.bytes(ofDataset: EventsMeasure.Record.triggers.rawValue, 0..<120)
        #expect(plan.bytes(ofDataset: EventsMeasure.Record.triggers.rawValue, 19..<77) == Array(whole[19..<77]))
        let columns = try EventsPlan(EventsMeasure(EventsSpec("events"), summary), recording, index)
        let ids = columns.bytes(ofDataset: EventsMeasure.Column.triggerID.rawValue, 2..<8)
        #expect(numbers(ids, Int16.self) == [1, 2, 3])
    }
}
