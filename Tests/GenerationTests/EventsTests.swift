// Files of events. What is in them is for HDF5's own tools; see Tests/Integration/test_generate_events.py.

import Foundation
import Generation
import Recordings
import Synchronization
import Testing

@Suite struct EventsTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    private func job(_ name: String, _ spec: ContentSpec, to output: String) -> FileJob {
        FileJob(recording: folder / name, spec: spec, part: nil, output: folder / output)
    }

    private func run(
        _ jobs: [FileJob], _ compression: ChunkCompression = .standard, workers: Int = 2,
        onProgress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) -> GenerationReport {
        Generator(
            jobs, opener: opener, compression: compression, programVersion: "1", workers: workers,
            onProgress: onProgress
        ).run()
    }

    /// Several blocks of many chunks; the method that packs each column is looked for.
    @Test(arguments: ["events", "events,layout=prophesee", "events,layout=ecf"])
    func anyNumberOfWorkersMakesTheSame(_ text: String) throws {
        try folder.record("a.raw", 700_000, step: 3)
        let spec = try events(text)
        for workers in [1, 2, 7] {
            let highest = Mutex<Int64>(0)
            let report = run([job("a.raw", spec, to: "\(workers).h5")], workers: workers) { bytes in
                highest.withLock { $0 = max($0, bytes) }
            }
            #expect(report.failures.isEmpty && report.made.map(\.amount) == [.events(700_000)])
            // x, y, p, t and an entry for each ms; or records and an entry for each 2 ms and two more.
            let bytes: Int64 = text == "events" ? 700_000 * 9 + 2101 * 8 : 700_000 * 16 + 1052 * 16
            #expect(report.made.first?.unpackedBytes == bytes && highest.withLock { $0 } == bytes)
            #expect(try contents(folder / "\(workers).h5") == contents(folder / "1.h5"))
            #expect(report.made.first?.bytes ?? bytes < bytes / 2)
        }
        let plain = run([job("a.raw", spec, to: "plain.h5")], .none)
        if text == "events,layout=ecf" {
            // Nothing else can be asked for.
            #expect(try contents(folder / "plain.h5") == contents(folder / "1.h5"))
            return
        }
        #expect(plain.made.first.map { $0.bytes > $0.unpackedBytes } == true)
    }

    @Test func sizesAndNames() throws {
        let columns = try input(folder.record("a.raw"), events())
        let parts = try input(
            folder.record("b_td.dat"), folder: "sub", events("events,layout=prophesee,max_duration=150ms"),
            labels: "/labels/b_bbox.npy")
        let plan = try DatasetPlan(
            [columns, parts], output: folder / "out", opener: opener, shard: nil, anyGeometry: false)
        let names = plan.files.map { String($0.job.output.dropFirst((folder / "out/").count)) }
        #expect(names == ["a.h5", "sub/b_0.hdf5", "sub/b_1.hdf5", "sub/b_2.hdf5"])
        let amounts: [ContentAmount] = [.events(4000), .events(1500), .events(1500), .events(1000)]
        #expect(plan.files.map(\.amount) == amounts)
        // Of the whole: an entry for each ms and one more. Of a part: one for each 2 ms from 0 on.
        let bytes: [Int64] = [4000 * 9 + 401 * 8, 1500 * 16 + 77 * 16]
        #expect(plan.files.prefix(2).map(\.bytes) == bytes)
        let times: [Range<Int64>?] = [0..<150_000, 150_000..<300_000, 300_000..<450_000]
        #expect(plan.labels.map(\.times) == times)
        #expect(plan.labels.first?.output == folder / "out/sub/b_0_bbox.npy")
    }

    /// A week between events, as damage has it: an index of that has no use, and other recordings are made.
    @Test func timesThatGoTooFar() throws {
        try folder.record("a.raw", 64, step: 10_800_000_000)
        try folder.record("b.raw")
        let spec = try events()
        let report = run([job("a.raw", spec, to: "out/a.h5"), job("b.raw", spec, to: "out/b.h5")])
        #expect(report.failures.map(\.error.code) == [.recordingUnusable])
        #expect(report.failures.first?.error.message.contains("ms_to_idx") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "out") == ["b.h5"])
        let plan = try DatasetPlan(
            [input(folder / "a.raw", spec)], output: folder / "out", opener: opener, shard: nil, anyGeometry: false)
        #expect(plan.files.isEmpty && plan.failures.map(\.error.code) == [.recordingUnusable])
    }

    @Test func aRecordingThatShrinksMeanwhileLeavesNothing() throws {
        let path = try folder.record("a.raw", 1_000_000, step: 1)
        let isCut = Mutex(false)
        let report = run([job("a.raw", try events(), to: "out/a.h5")]) { _ in
            isCut.withLock { isCut in
                if !isCut { truncate(path, 1000) }
                isCut = true
            }
        }
        #expect((report.failures.first?.error.cause as? RecordingError)?.code == .changed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "out") == [])
    }
}
