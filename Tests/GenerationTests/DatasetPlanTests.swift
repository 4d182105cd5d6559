// Which files are made of which recordings, and what they are called.

import Foundation
import Generation
import Testing

@Suite struct DatasetPlanTests {
    private let folder: Folder
    private var out: String { folder / "out" }

    init() throws { folder = try Folder() }

    private func plan(
        _ inputs: [DatasetInput], shard: String? = nil, anyGeometry: Bool = false
    ) throws -> DatasetPlan {
        try DatasetPlan(
            inputs, output: out, opener: opener, shard: shard.flatMap(Shard.init), anyGeometry: anyGeometry)
    }

    private func names(_ plan: DatasetPlan) -> [String] {
        plan.files.map { String($0.job.output.dropFirst(out.count + 1)) }
    }

    @Test func sizesAndNames() throws {
        let spec = try spec()
        let inputs = [
            input(try folder.record("a.raw"), spec), input(try folder.record("b_td.dat", 1001), folder: "sub", spec),
        ]
        let plan = try plan(inputs)
        #expect(names(plan) == ["a.h5", "sub/b.h5"])
        #expect(plan.files.map(\.amount) == [.frames([20, 2, 8, 16]), .frames([5, 2, 8, 16])])
        #expect(plan.files.map(\.bytes) == [20 * 1024, 5 * 1024])
        let recorded = Int64(try contents(inputs[0].path).count) + Int64(try contents(inputs[1].path).count)
        #expect(plan.recordingBytes == recorded)
        #expect(plan.failures.isEmpty && plan.labels.isEmpty)
    }

    @Test func bothKeepTheirExtension() throws {
        let spec = try spec()
        let inputs = try ["a.raw", "a.dat", "sub/a.raw"].map {
            input(try folder.record($0), folder: $0.hasPrefix("sub") ? "sub" : "", spec)
        }
        #expect(names(try plan(inputs)) == ["a.raw.h5", "a.dat.h5", "sub/a.h5"])
    }

    @Test func twoOfOneName() throws {
        let spec = try spec()
        let inputs = try ["x/a.raw", "y/a.raw"].map { input(try folder.record($0), spec) }
        let error = #expect(throws: GenerationError.self) { try plan(inputs) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func geometriesDiffer() throws {
        let spec = try spec()
        let inputs = [
            input(try folder.record("a.raw"), spec),
            input(try folder.record("b.raw", geometry: .init(width: 8, height: 8)), spec),
        ]
        let error = #expect(throws: GenerationError.self) { try plan(inputs) }
        #expect(error?.code == .invalidRequest && error?.message.contains("16x8") == true)
        #expect(names(try plan(inputs, anyGeometry: true)) == ["a.h5", "b.h5"])
    }

    @Test func badOnesAreToldAndTheOthersPlanned() throws {
        let spec = try spec()
        try Data("nothing".utf8).write(to: URL(fileURLWithPath: folder / "bad.raw"))
        let plan = try plan([
            input(folder / "bad.raw", spec), input(folder / "missing.raw", spec),
            input(try folder.record("a.raw"), spec),
        ])
        #expect(names(plan) == ["a.h5"])
        #expect(plan.failures.map(\.path) == [folder / "bad.raw", folder / "missing.raw"])
        #expect(plan.failures.allSatisfy { $0.error.code == .recordingUnusable })
    }

    @Test func whatExistsIsNotLookedAt() throws {
        let path = try folder.record("a.raw")
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: out + "/a.h5"))
        let plan = try plan([input(path, try spec())])
        #expect(plan.files.map(\.exists) == [true] && plan.files[0].amount == nil && plan.recordingBytes == 0)
    }

    @Test func partsAndTheirLabels() throws {
        let spec = try spec("histo", "20ms,max_duration=100ms,start_ts=50ms")
        let plan = try plan([input(try folder.record("a.raw"), spec, labels: "/labels/a_bbox.npy")])
        #expect(names(plan) == ["a_0.h5", "a_1.h5", "a_2.h5", "a_3.h5"])
        #expect(plan.files.map { $0.amount?.frames } == [5, 5, 5, 3])
        #expect(plan.labels.map(\.output) == (0..<4).map { out + "/a_\($0)_bbox.npy" })
        let starts: [Int64] = [50_000, 150_000, 250_000, 350_000]
        #expect(plan.labels.map(\.times) == starts.map { $0..<($0 + 100_000) })
    }

    @Test(arguments: [
        ("20ms", "boxes.npy", "a_bbox.npy"), ("20ms,max_duration=400ms", "other_box.npy", "a_0_bbox.npy"),
        ("20ms,max_duration=400ms", "a_bbox.npy", "a_0_bbox.npy"), ("20ms,start_ts=1s", "b_bbox.npy", "a_bbox.npy"),
        ("20ms", "a_bbox.npy", "a_bbox.npy"),
    ]) func namesOfGivenLabels(_ window: String, _ labels: String, _ output: String) throws {
        let plan = try plan([input(try folder.record("a.raw"), try spec("histo", window), labels: "/labels/" + labels)])
        #expect(plan.labels.map(\.output) == [out + "/" + output])
    }

    @Test func whatSuitsNoRecordingIsAWrongRequest() throws {
        let spec = try spec("histo,height=100,width=100")
        let a = input(try folder.record("a.raw"), spec, labels: "/labels/a_bbox.npy")
        let error = #expect(throws: GenerationError.self) { try plan([a]) }
        #expect(error?.code == .invalidRequest && error?.message.contains("power of two") == true)
        // Where it suits another, the one is told of, and its labels are left.
        let b = input(try folder.record("b.raw", geometry: .init(width: 200, height: 200)), spec)
        let both = try plan([a, b], anyGeometry: true)
        #expect(names(both) == ["b.h5"] && both.failures.map(\.path) == [a.path] && both.labels.isEmpty)
    }

    @Test func namesThatAreTooLongAreToldBeforeAnythingIsMade() throws {
        let long = input(
            try folder.record(String(repeating: "n", count: 251) + ".raw"), try spec("histo", "20ms,max_duration=60ms"))
        let plan = try plan([long, input(try folder.record("a.raw"), try spec())])
        #expect(names(plan) == ["a.h5"])
        #expect(plan.failures.map(\.path) == [long.path])
        #expect(plan.failures.first?.error.message.contains("may have 255") == true)
    }

    @Test func shardsAreTheWholeInTurn() throws {
        let spec = try spec("histo", "20ms,max_duration=60ms")
        try Data("nothing".utf8).write(to: URL(fileURLWithPath: folder / "bad.raw"))
        let inputs =
            try ["a.raw", "b.raw"].map { input(try folder.record($0), spec) } + [input(folder / "bad.raw", spec)]
        let whole = try plan(inputs)
        let shards = try (0..<4).map { try plan(inputs, shard: "\($0)/4") }
        #expect(shards.flatMap(names).sorted() == names(whole).sorted() && whole.files.count == 14)
        #expect(names(shards[1]) == ["a_1.h5", "a_5.h5", "b_2.h5", "b_6.h5"])
        // Only one of them has the bad one to tell of.
        #expect(shards.map(\.failures.count).reduce(0, +) == 1)
    }

    @Test func namesOfShards() {
        #expect(Shard("0/1") != nil && Shard("3/4")?.index == 3)
        for text in ["", "1", "4/4", "-1/4", "0/0", "a/b", "0/4/4", "0/"] { #expect(Shard(text) == nil, "\(text)") }
    }
}
