// Whole files by any number of workers. Their contents are for HDF5's own tools; see
// Tests/Integration/test_generate.py.

import Foundation
import Generation
import Recordings
import Synchronization
import TensorFile
import Testing

@Suite struct GeneratorTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    private func jobs(_ names: [String], to output: String = "out") throws -> [FileJob] {
        let spec = try spec("event_cube", "1ms")
        return names.map {
            FileJob(recording: folder / $0, spec: spec, part: nil, output: folder / (output + "/" + $0 + ".h5"))
        }
    }

    private func run(_ jobs: [FileJob], workers: Int = 2) -> GenerationReport {
        Generator(jobs, opener: opener, compression: .standard, programVersion: "1", workers: workers).run()
    }

    @Test func anyNumberOfWorkersMakesTheSame() throws {
        let names = ["a.raw", "b.raw", "c.raw"]
        for name in names { try folder.record(name) }
        for workers in [1, 2, 7] {
            let report = run(try jobs(names, to: "\(workers)"), workers: workers)
            #expect(report.made.count == 3 && report.failures.isEmpty && !report.isStopped)
            let bytes: Int64 = 400 * 6 * 128 * 4
            #expect(report.made.map(\.amount.frames) == [400, 400, 400])
            #expect(report.made.map(\.unpackedBytes) == [bytes, bytes, bytes])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "\(workers)").count == 3)
            for name in names {
                #expect(try contents(folder / "\(workers)/\(name).h5") == contents(folder / "1/\(name).h5"))
            }
        }
    }

    @Test func progressEndsAtAll() throws {
        try folder.record("a.raw")
        let highest = Mutex<Int64>(0)
        let made = Mutex<[String]>([])
        let report = Generator(
            try jobs(["a.raw"]), opener: opener, compression: .lz4, programVersion: "1", workers: 3,
            onProgress: { bytes in highest.withLock { $0 = max($0, bytes) } },
            onMade: { one in made.withLock { $0.append(one.output) } }
        ).run()
        #expect(highest.withLock { $0 } == report.made[0].unpackedBytes)
        #expect(made.withLock { $0 } == [folder / "out/a.raw.h5"])
        #expect(report.made[0].bytes == Int64(try contents(folder / "out/a.raw.h5").count))
    }

    @Test func withoutFramesThereIsAFileAllTheSame() throws {
        try folder.record("a.raw", 1)
        let report = run(try jobs(["a.raw"]))
        #expect(report.made.map(\.amount.frames) == [0])
        #expect(FileManager.default.fileExists(atPath: folder / "out/a.raw.h5"))
    }

    @Test func badOnesDoNotHoldUpTheOthers() throws {
        try folder.record("a.raw")
        try Data("nothing".utf8).write(to: URL(fileURLWithPath: folder / "bad.raw"))
        try folder.record("z.raw")
        let report = run(try jobs(["bad.raw", "a.raw", "gone.raw", "z.raw"]), workers: 1)
        #expect(report.made.count == 2)
        #expect(report.failures.map(\.error.code) == [.recordingUnusable, .recordingUnusable])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder / "out").sorted() == ["a.raw.h5", "z.raw.h5"])
    }

    @Test func aRecordingThatShrinksMeanwhileLeavesNothing() throws {
        let path = try folder.record("a.raw", 200_000, step: 10)
        try folder.record("b.raw")
        let isCut = Mutex(false)
        let report = Generator(
            try jobs(["a.raw", "b.raw"]), opener: opener, compression: .standard, programVersion: "1", workers: 3,
            onProgress: { _ in
                isCut.withLock { isCut in
                    if !isCut { truncate(path, 1000) }
                    isCut = true
                }
            }
        ).run()
        #expect(report.failures.map(\.job.recording) == [path])
        #expect((report.failures[0].error.cause as? RecordingError)?.code == .changed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "out") == ["b.raw.h5"])
    }

    @Test func stoppedItLeavesNothingHalf() throws {
        try folder.record("a.raw")
        try folder.record("b.raw", 200_000, step: 10)
        let box = Mutex<Generator?>(nil)
        let generator = Generator(
            try jobs(["a.raw", "b.raw"]), opener: opener, compression: .standard, programVersion: "1", workers: 1,
            onMade: { _ in box.withLock { $0 }?.stop() })
        box.withLock { $0 = generator }
        let report = generator.run()
        box.withLock { $0 = nil }
        #expect(report.isStopped && report.made.count == 1 && report.failures.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "out").count == 1)
    }

    @Test func whatIsThereOrBeingMadeIsSkipped() throws {
        for name in ["a.raw", "b.raw", "c.raw"] { try folder.record(name) }
        let jobs = try jobs(["a.raw", "b.raw", "c.raw"])
        guard case .file(let other) = try OutputFile.begin(jobs[0].output) else { throw CancellationError() }
        try Data().write(to: URL(fileURLWithPath: jobs[1].output))
        let report = run(jobs)
        #expect(report.made.map(\.output) == [jobs[2].output])
        #expect(report.skipped.sorted() == [jobs[0].output, jobs[1].output])
        other.discard()
    }

    @Test func anOutputThatCannotBeWrittenEndsIt() throws {
        for name in ["a.raw", "b.raw"] { try folder.record(name) }
        let jobs = try jobs(["a.raw", "b.raw"]).map {
            FileJob(
                recording: $0.recording, spec: $0.spec, part: nil,
                output: "/proc/evh5/" + ($0.output as NSString).lastPathComponent)
        }
        let report = run(jobs, workers: 1)
        #expect(report.made.isEmpty && report.failures.map(\.error.code) == [.outputUnwritable])
    }

    @Test func whatIsInTheWayOfOneFileDoesNotHoldUpTheOthers() throws {
        for name in ["a.raw", "b.raw"] { try folder.record(name) }
        try FileManager.default.createDirectory(atPath: folder / "out", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: folder / "out/sub"))
        let jobs = try jobs(["a.raw", "b.raw"])
        let blocked = FileJob(
            recording: jobs[0].recording, spec: jobs[0].spec, part: nil, output: folder / "out/sub/a.h5")
        let report = run([blocked, jobs[1]], workers: 1)
        #expect(report.failures.map(\.error.code) == [.recordingUnusable])
        #expect(report.made.map(\.output) == [jobs[1].output])
    }
}
