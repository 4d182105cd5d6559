// Damaged files, many of each kind, checked in child processes: each is accepted or refused, or ends its process, which
// counts as refused; none is waited for without end, and none makes the check ask for the tensor.

import ChildFixture
import ContentsFixture
import Foundation
import TensorFile
import Testing

@Suite struct DamageTests {
    @Test(
        .enabled(if: !Client.here.isEmpty, noClients),
        arguments: [
            (Damage.flips, 80), (.hugeNumbers, 80), (.cuts, 20), (.torn, 30), (.missingPages, 30), (.failingRead, 20),
            (.failingWrite, 20),
        ])
    func everyTrialEnds(damage: Damage, trials: Int) throws {
        for client in Client.here {
            let file = try WrittenFile()
            let other = file.beside("other.h5")
            if damage == .failingRead || damage == .failingWrite {
                try FileManager.default.copyItem(atPath: file.path, toPath: other)
            }
            try client.add(file)
            var paths = [file.path, other]
            if damage == .torn {
                // The state after a session, and the state after one that goes on: some pages of each.
                try FileManager.default.copyItem(atPath: file.path, toPath: other)
                try goOn(file)
                paths.swapAt(0, 1)
            }
            let outcome = try Outcome.of(damage, trials, file.expected, paths)
            #expect(outcome.verdicts.values.reduce(0, +) == trials, "\(client.name): \(outcome)")
            #expect(outcome.verdicts["touched the tensor"] == nil, "\(client.name): \(outcome)")
            // libhdf5 may crash and abort, but this is what Swift does where it traps.
            #expect(outcome.verdicts["ended by \(SIGILL)"] == nil, "\(client.name): \(outcome)")
            #expect(outcome.verdicts["ended by \(SIGTRAP)"] == nil, "\(client.name): \(outcome)")
            switch damage {
            // One may only have lost bytes that nothing uses.
            case .cuts: #expect(outcome.verdicts["accepted", default: 0] <= 1, "\(client.name): \(outcome)")
            case .failingRead, .failingWrite:
                let refusals = outcome.verdicts.keys.filter { $0.hasPrefix("refused") }
                #expect(refusals == ["refused fileUnreadable"], "\(client.name): \(outcome)")
            case .flips, .hugeNumbers, .torn, .missingPages:
                #expect(outcome.verdicts.keys.contains { $0.hasPrefix("refused") }, "\(client.name): \(outcome)")
            }
        }
    }
}

extension DamageTests {
    /// The headers of datasets in chunks are looked at without libhdf5 too.
    @Test(arguments: [Damage.flips, .hugeNumbers]) func `datasets in chunks`(_ damage: Damage) throws {
        let file = try ChunkedFile(1000)
        let outcome = try Outcome.of(damage, 400, file.expected, [file.path])
        #expect(outcome.verdicts.values.reduce(0, +) == 400, "\(outcome)")
        #expect(outcome.verdicts["touched the tensor"] == nil, "\(outcome)")
        #expect(outcome.verdicts["ended by \(SIGILL)"] == nil && outcome.verdicts["ended by \(SIGTRAP)"] == nil)
        #expect(outcome.verdicts["refused tensorChanged", default: 0] > 0, "\(outcome)")
    }
}

/// Adds more, or something else.
private func goOn(_ file: WrittenFile) throws {
    guard python == nil else { return try file.write(goOnScript) }
    let result = try #require(
        try run("h5copy", "-i", file.path, "-o", file.path, "-s", "/copied", "-d", "/again"))
    try #require(result.code == 0, "\(result.output)")
}

private let goOnScript = """
    import h5py, numpy as np, sys
    with h5py.File(sys.argv[1], 'r+') as f:
        for name in list(f)[:5]:
            if name not in ('data', 'last_timestamps'): del f[name]
        for i in range(20):
            f['new/%d' % i] = np.arange(500)
            f['data'].attrs['a%d' % i] = 'text' * i
        f.create_dataset('again', data=np.arange(20000), chunks=(100,), compression='gzip')
        f['names'] = np.array(['n%d' % i for i in range(500)], dtype=h5py.string_dtype())
    """

/// How many trials ended in which way.
private struct Outcome: CustomStringConvertible {
    var verdicts: [String: Int] = [:]

    static func of(
        _ damage: Damage, _ trials: Int, _ expected: FileExpectation, _ paths: [String]
    ) throws -> Outcome {
        let json = String(decoding: try JSONEncoder().encode(expected), as: UTF8.self)
        var outcome = Outcome()
        var next = 0
        while next < trials {
            var environment = ProcessInfo.processInfo.environment
            environment["SWIFT_BACKTRACE"] = "enable=no"
            // What libhdf5 leaks of a damaged file ends with the process.
            environment["ASAN_OPTIONS"] = "detect_leaks=0"
            let check = products.appending(path: "contents-check").path
            let child = try Child.run(
                [check, damage.rawValue, json, "\(next)", "\(trials - next)"] + paths.filter(exists),
                environment: environment, errors: .nowhere)
            var lines = child.output.split(separator: "\n").map(String.init)
            let died = child.status != 0
            // The last line has no verdict then.
            if died, !child.output.hasSuffix("\n") { _ = lines.popLast() }
            for line in lines {
                outcome.verdicts[String(line.drop { $0 != " " }.dropFirst()), default: 0] += 1
                next += 1
            }
            guard died else { break }
            outcome.verdicts["ended by \(child.signal ?? child.status)", default: 0] += 1
            next += 1
        }
        return outcome
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Where the binaries beside the tests are.
    private static let products: URL = {
        let tests =
            CommandLine.arguments.first { $0.hasSuffix(".xctest") }
            ?? (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent()
    }()

    var description: String {
        verdicts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }
}
