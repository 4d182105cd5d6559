// Workers: frames of functions in Python, many at a time, and what becomes of those that misbehave. They need python3
// with numpy.

import Foundation
import Logging
import Recordings
import Synchronization
import Tensors
import Testing
import UserPreprocessings

@Suite(.timeLimit(.minutes(5))) struct PoolTests {
    private static let geometry = Geometry("20x10")!
    private static let events = (0..<3000).map { i in
        Event(x: i * 7 % 20, y: i * 3 % 10, polarity: i % 2, t: Int64(i) * 10)
    }

    /// A preprocessing made of the body of a function with the arguments (events, tensor, delta_t, downsampling_factor,
    /// reset, n).
    private func registry(
        _ body: String, channels: Int = 1, dtype: String = "float32", timeout: String = "60s", workers: Int = 2,
        in folder: Folder, _ logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) throws -> (PreprocessingRegistry, UserPreprocessings) {
        let lines = body.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        let text = """
            import ctypes, os, sys, time
            import numpy as np
            def f(events, tensor, delta_t, downsampling_factor=0, reset=False, n=1):
            \(lines)
            """
        try folder.write(text, "m.py")
        let own = UserPreprocessings(python: "python3", program: "/nowhere", workers: workers, logger: logger)
        let declaration = try #require(
            try UserPreprocessingDeclaration(
                "mine", text: "python:m.py:f,channels=\(channels),dtype=\(dtype),timeout=\(timeout),n=1",
                folder: folder.path))
        return (PreprocessingRegistry([try own.definition(declaration)]), own)
    }

    private func plan(_ registry: PreprocessingRegistry, _ preprocessing: String = "mine", _ window: String = "1ms")
        throws -> TensorPlan
    {
        try TensorPlan(
            spec: TensorSpec(preprocessing: preprocessing, window: window, registry: registry), geometry: Self.geometry,
            totals: EventTotals(Self.events), source: .array(Self.events))
    }

    private func frame(_ plan: TensorPlan, _ index: Int) throws -> [Float] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.frameBytes, alignment: 16)
        defer { memory.deallocate() }
        try plan.render(frame: index, into: memory)
        return Array(memory.bindMemory(to: Float.self))
    }

    @Test func framesOfManyThreadsAreTheirOwn() throws {
        let folder = try Folder()
        let (registry, own) = try registry(
            "tensor[0, 0, 0, :3] = len(events), events['t'].sum(), n\ntime.sleep(0.001)", in: folder)
        defer { own.stop() }
        let wrong = Mutex<[Int]>([])
        let plans = [try plan(registry), try plan(registry, "mine,n=5", "3ms")]
        DispatchQueue.concurrentPerform(iterations: 40) { i in
            let plan = plans[i % 2]
            let (index, period) = (i % plan.frameCount, i % 2 == 0 ? 1000 : 3000)
            let inside = Self.events.filter { $0.t / Int64(period) == Int64(index) }
            let times = inside.reduce(0) { $0 + Float($1.t - Int64(index * period)) }
            let got = (try? frame(plan, index)) ?? []
            if got.prefix(3) != [Float(inside.count), times, i % 2 == 0 ? 1 : 5] { wrong.withLock { $0.append(i) } }
        }
        #expect(wrong.withLock { $0 } == [])
    }

    @Test func memoryGrowsWithTheWindow() throws {
        let folder = try Folder()
        let (registry, own) = try registry("tensor[0, 0, 0, :2] = len(events), events['t'][-1]", workers: 1, in: folder)
        defer { own.stop() }
        // 300 000 events of 16 bytes are more than memory begins with; the tensors' sizes differ as well.
        let many = (0..<300_000).map { i in Event(x: i % 20, y: i % 10, polarity: 0, t: Int64(i)) }
        for (preprocessing, window) in [
            ("mine", "1ms"), ("mine", "300000ev"), ("mine,downsample=2", "200ms"), ("mine", "2ms"),
        ] {
            let plan = try TensorPlan(
                spec: TensorSpec(preprocessing: preprocessing, window: window, registry: registry),
                geometry: Self.geometry,
                totals: EventTotals(many), source: .array(many))
            let expected: [Float] =
                switch window {
                case "1ms": [1000, 999]
                case "2ms": [2000, 1999]
                case "200ms": [200_000, 199_999]
                default: [300_000, 299_999]
                }
            #expect(try Array(frame(plan, 0).prefix(2)) == expected, "\(window)")
        }
    }

    @Test(arguments: [
        ("raise LookupError('as told')", "LookupError: as told"), ("os._exit(5)", "ended with exit code 5"),
        ("ctypes.memset(tensor.ctypes.data - 8, 1, 8)", "wrote outside of its tensor"),
        ("ctypes.memset(tensor.ctypes.data + tensor.nbytes, 1, 1)", "wrote outside of its tensor"),
        ("while True: pass", "did not finish within 0.3 s"),
    ])
    func misbehaviour(_ body: String, _ said: String) throws {
        let folder = try Folder()
        let log = Lines()
        let (registry, own) = try registry(
            "if n == 2:\n    \(body)\ntensor[...] = 7", timeout: body.hasPrefix("while") ? "300ms" : "60s", in: folder,
            Logger(label: "test") { _ in log })
        defer { own.stop() }
        let (good, bad) = (try plan(registry), try plan(registry, "mine,n=2"))
        for _ in 0..<3 {
            let error = #expect(throws: TensorError.self) { try frame(bad, 1) }
            #expect(error?.code == .preprocessingFailed)
            #expect(error?.message.contains("frame 1: preprocessing 'mine': ") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(said) == true, "\(error?.message ?? "")")
            #expect(try frame(good, 1).allSatisfy { $0 == 7 })
        }
        if body.hasPrefix("raise") || body.hasPrefix("while") {
            #expect(log.lines.contains { $0.contains("m.py") && $0.contains("in f") }, "\(log.lines)")
        }
    }

    @Test func whatIsPrintedIsLogged() throws {
        let folder = try Folder()
        let log = Lines()
        let (registry, own) = try registry(
            "print('some', 'words')\nprint('an error', file=sys.stderr)", in: folder, Logger(label: "test") { _ in log }
        )
        defer { own.stop() }
        _ = try frame(try plan(registry), 0)
        #expect(log.lines.contains("preprocessing 'mine' says: some words"))
        #expect(log.lines.contains("preprocessing 'mine' says: an error"))
    }

    @Test func workersHaveWhatWasLoadedFirst() throws {
        let folder = try Folder()
        let (registry, own) = try registry("if n == 2: os._exit(0)\ntensor[...] = 1", in: folder)
        defer { own.stop() }
        let plan = try plan(registry)
        try folder.write("def f(*arguments, **kwargs): pass\n", "m.py")
        #expect(throws: TensorError.self) { try frame(self.plan(registry, "mine,n=2"), 0) }
        #expect(try frame(plan, 0).allSatisfy { $0 == 1 })
        // Loaded anew, it is another version.
        let again = UserPreprocessings(
            python: "python3", program: "/nowhere", workers: 1, logger: Logger(label: "test"))
        defer { again.stop() }
        let declaration = try #require(
            try UserPreprocessingDeclaration("mine", text: "python:m.py:f,channels=1,n=1", folder: folder.path))
        let other = try TensorSpec(
            preprocessing: "mine", window: "1ms", registry: PreprocessingRegistry([try again.definition(declaration)]))
        #expect(other.preprocessing.version != plan.spec.preprocessing.version)
        #expect(other.preprocessing.version?.utf8.count == 32)
    }

    @Test func whatCannotBeLoaded() throws {
        let folder = try Folder()
        try folder.write("def f(events, tensor): pass\n", "m.py")
        for (text, python, said) in [
            ("python:m.py:g,channels=1", "python3", "has no 'g'"),
            ("python:m.py:f,channels=1", "python3", "cannot be called as f"),
            ("python:n.py:f,channels=1", "python3", "cannot read"),
            ("python:m.py:f,channels=1", "/nowhere/python", "cannot start"),
            ("native:m.py", "python3", "cannot start /nowhere"),
        ] {
            let own = UserPreprocessings(
                python: python, program: "/nowhere", workers: 1,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let declaration = try #require(try UserPreprocessingDeclaration("mine", text: text, folder: folder.path))
            let error = #expect(throws: TensorError.self) { try own.definition(declaration) }
            #expect(
                error?.code == .preprocessingFailed && error?.message.contains(said) == true, "\(error?.message ?? "")")
        }
    }
}

/// A folder that goes with its last reference.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "evh5-preprocessings-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }
}

/// Keeps log lines.
final class Lines: LogHandler, @unchecked Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    var logLevel: Logger.Level = .trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { kept.withLock { $0.append(event.message.description) } }
}
