// The fuzz targets on their seeds, which include all that fuzzing ever found, and on seeds with some bytes changed.
//
// This keeps the targets alive; what finds is `make fuzz`, which is told by coverage what to try next.

import Foundation
import FuzzTargets
import RandomFixture
import Testing

@Suite struct SeedTests {
    static let names = FuzzTarget.all.map(\.name)

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Seeds").path

    private func seeds(_ target: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = "\(Self.folder)/\(target)"
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            (name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
        }
    }

    @Test(arguments: names) func allHoldsForSeeds(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let seeds = try seeds(name)
        #expect(!seeds.isEmpty)
        var random = SplitMix(seed: 7)
        for seed in seeds {
            #expect(seed.bytes.withUnsafeBytes(target.check) == nil, "\(seed.name)")
            for _ in 0..<30 {
                var bytes = seed.bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
                    case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    case 2: bytes.remove(at: at)
                    default:
                        bytes.replaceSubrange(at..., with: [UInt8](repeating: 255, count: min(8, bytes.count - at)))
                    }
                }
                #expect(
                    bytes.withUnsafeBytes(target.check) == nil,
                    "\(seed.name) changed: \(Data(bytes).base64EncodedString())")
            }
        }
    }
}
