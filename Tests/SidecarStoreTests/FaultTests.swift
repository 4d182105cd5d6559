// Every system call that changes the store goes wrong in turn: what is committed afterwards is the old state or the new
// one, byte for byte, and nothing that was committed is gone.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import Synchronization
import Testing

/// What a user does with a store. `reached` is told the content of each state that is asked for and, once that
/// succeeded, that it is there: nil when there is to be none.
struct Scenario: Sendable, CustomTestStringConvertible {
    typealias Reached = (FileModel?, _ isThere: Bool) -> Void

    let testDescription: String
    /// Sessions that were committed before.
    var before = 0
    var frames = 3
    var isRemovedBefore = false
    /// After which of these a session was torn, which needs the state that it was to change.
    var tornAfter: Int?
    /// What is done before, undisturbed, besides these sessions.
    var prepare: @Sendable (Place) throws -> Void = { _ in }
    let run: @Sendable (Place, SidecarStore, any StorageCalls, Reached) throws -> Void

    static let all: [Scenario] = [
        Scenario(testDescription: "create") { place, store, _, reached in
            try sessions(0...0, place, store, reached)
        },
        Scenario(testDescription: "grow", before: 4) { place, store, _, reached in
            try sessions(4...4, place, store, reached)
        },
        Scenario(testDescription: "overwrite", before: 1) { place, store, _, reached in
            try sessions(1...1, place, store, reached)
        },
        Scenario(testDescription: "holes and head", before: 2) { place, store, _, reached in
            try sessions(2...2, place, store, reached)
        },
        Scenario(testDescription: "shrink", before: 3) { place, store, _, reached in
            try sessions(3...3, place, store, reached)
        },
        Scenario(testDescription: "commit twice in one opening", before: 1) { place, store, _, reached in
            var model = SessionSeries.state(before: 1, try place.base().layout)
            let writer = try store.openForWriting(place.base())
            defer { writer.close() }
            for number in 1...2 {
                let edits = SessionSeries.edits(number, &model)
                reached(model, false)
                try writer.apply(edits)
                _ = try writer.commit(final: number == 2)
                reached(model, true)
            }
        },
        Scenario(testDescription: "compaction", before: 7) { place, store, _, reached in
            try sessions(7...8, place, store, reached)
        },
        Scenario(testDescription: "old states removed", before: 11) { place, store, _, reached in
            try sessions(11...11, place, store, reached)
        },
        Scenario(testDescription: "old states removed beside a torn session", before: 12, tornAfter: 1) {
            place, store, _, reached in
            try sessions(12...12, place, store, reached)
        },
        Scenario(
            testDescription: "note a recording that was touched", before: 2,
            prepare: { place in try write(contents(place.recording), to: place.recording) },
            run: { place, store, _, _ in _ = try store.snapshot(place.base()) }),
        Scenario(testDescription: "remove", before: 2) { place, store, _, reached in
            reached(nil, false)
            _ = try store.remove(place.base())
            reached(nil, true)
        },
        Scenario(
            testDescription: "restore what was removed", before: 2, isRemovedBefore: true,
            prepare: { place in _ = try place.store().remove(place.base()) },
            run: { place, _, calls, reached in
                let maintenance = SidecarMaintenance(directory: place.directory, helper: place.helper, calls: calls)
                let entry = try maintenance.list().first { $0.removed != nil }
                reached(SessionSeries.state(before: 2, try place.base().layout), false)
                _ = try maintenance.restore(entry!)
                reached(SessionSeries.state(before: 2, try place.base().layout), true)
            }),
        Scenario(testDescription: "restore an earlier state", before: 3) { place, _, calls, reached in
            let maintenance = SidecarMaintenance(directory: place.directory, helper: place.helper, calls: calls)
            let entry = try maintenance.list().first
            reached(SessionSeries.state(before: 2, try place.base().layout), false)
            _ = try maintenance.restore(entry!, commit: 2)
            reached(SessionSeries.state(before: 2, try place.base().layout), true)
        },
        Scenario(
            testDescription: "follow a recording that moved", before: 2,
            prepare: { place in rename(place.recording, place.recording + ".moved") },
            run: { place, store, _, reached in
                let base = try SidecarFixture.base(place.recording + ".moved")
                _ = try store.snapshot(base)
            }),
        Scenario(testDescription: "carry over to another layout", before: 2, frames: 5) {
            place, store, _, reached in
            _ = try store.snapshot(place.base(frames: 5))
        },
    ]

    private static func sessions(
        _ numbers: ClosedRange<Int>, _ place: Place, _ store: SidecarStore, _ reached: Reached
    ) throws {
        var model = SessionSeries.state(before: numbers.lowerBound, try place.base().layout)
        for number in numbers {
            let edits = SessionSeries.edits(number, &model)
            reached(model, false)
            try store.session(place.base(), edits)
            reached(model, true)
        }
    }
}

@Suite struct FaultTests {
    static let faults: [(FaultyCalls.Fault, String)] = [
        (.fails(EIO), "EIO"), (.fails(ENOSPC), "ENOSPC"), (.lies(EIO), "EIO although done"), (.crash, "crash"),
        (.shortWrite, "short write"),
    ]

    @Test(arguments: Scenario.all)
    func everyCallFailsInTurn(_ scenario: Scenario) throws {
        let template = try Template(scenario)
        for (fault, name) in FaultTests.faults {
            var number = 1
            while try check(scenario, template, fault, name, at: number) { number += 1 }
            #expect(number > 5, "\(name): no call was disturbed")
        }
    }

    /// The place that a scenario begins with; its store is put back for each run.
    private struct Template {
        let place: Place
        /// A copy of the store; nothing there when there is none yet.
        let saved: String
        /// What is committed.
        let old: FileModel?

        init(_ scenario: Scenario) throws {
            place = try Place()
            saved = place.path + "/saved"
            let store = place.store()
            var model = FileModel(try place.base().layout)
            for number in 0..<scenario.before {
                if scenario.tornAfter == number {
                    let writer = try store.openForWriting(place.base())
                    try writer.apply([.write(0, pattern(10, 3))])
                    writer.rollBack("as a test")
                    writer.close()
                }
                try store.session(place.base(), SessionSeries.edits(number, &model))
            }
            try scenario.prepare(place)
            old = scenario.before == 0 || scenario.isRemovedBefore ? nil : model
            if exists(place.directory) { try FileManager.default.copyItem(atPath: place.directory, toPath: saved) }
        }
    }

    /// Lets call `number` of the scenario go wrong; false when there are not so many calls.
    private func check(
        _ scenario: Scenario, _ template: Template, _ fault: FaultyCalls.Fault, _ name: String, at number: Int
    ) throws -> Bool {
        let place = template.place
        let directory = place.directory
        try? FileManager.default.removeItem(atPath: directory)
        if exists(template.saved) { try FileManager.default.copyItem(atPath: template.saved, toPath: directory) }

        let old = template.old
        var possible: [FileModel?] = [old]
        let calls = FaultyCalls(fault, at: number)
        do {
            let store = place.store(calls)
            try scenario.run(place, store, calls) { model, isThere in
                if isThere { possible = [model] } else { possible.append(model) }
            }
        } catch is SidecarError {}
        if scenario.frames != 3 {
            // Whether it was carried over or not: the next look does that.
            let old = try #require(template.old)
            var model = FileModel(try place.base(frames: scenario.frames).layout)
            let tail = Array(old.bytes[old.tailOffset...])
            model.apply([.write(Int64(model.tailOffset), tail), .size(Int64(model.tailOffset + tail.count))])
            model.apply([model.finish])
            possible = [model]
        }
        let moment = "\(name) at call \(number), \(calls.log.indices.contains(number - 1) ? calls.log[number - 1] : "")"

        // Another process, and all is well again.
        let store = place.store()
        let path = exists(place.recording) ? place.recording : place.recording + ".moved"
        let base = try SidecarFixture.base(path, frames: scenario.frames)
        let found = try store.model(base)
        #expect(possible.contains(found), "\(moment)")
        for entry in try place.maintenance.list() {
            #expect(entry.problem == nil, "\(moment)")
            #expect(place.maintenance.verify(entry).problems == [], "\(moment)")
            #expect(scenario.tornAfter == nil || entry.torn.contains { $0.base == scenario.tornAfter }, "\(moment)")
            for torn in entry.torn where torn.base == scenario.tornAfter && scenario.tornAfter != nil {
                #expect(throws: Never.self, "\(moment)") {
                    _ = try FileModel(place.maintenance.open(entry, .torn(torn.name)))
                }
            }
        }
        if found == nil, let old {
            // Removed: it can be restored.
            let entry = try #require(try place.maintenance.list().first { $0.removed != nil }, "\(moment)")
            #expect(try FileModel(place.maintenance.open(entry, .current)) == old, "\(moment)")
        }
        // It can be written to as before.
        var model = found ?? FileModel(base.layout)
        try store.session(base, model.change([.write(Int64(model.bytes.count), pattern(700, 99))]))
        #expect(try place.store().model(base) == model, "\(moment)")
        return number <= calls.count
    }
}
