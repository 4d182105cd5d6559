// Turns among those who replace a file of a folder.

import Files
import Foundation
import Synchronization
import Testing

@Suite struct FolderTurnTests {
    private func folder() throws -> String {
        let path = NSTemporaryDirectory() + "evh5-turns-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func oneAtATime() throws {
        let path = try folder()
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Counters in a file, which all read and replace: without turns some would be lost.
        let file = path + "/n"
        try AtomicFile.write([UInt8]("0".utf8), to: file)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<50 {
                let turn = FolderTurn(path)
                let n = (try? String(contentsOfFile: file, encoding: .utf8)).flatMap(Int.init) ?? 0
                try? AtomicFile.write([UInt8]("\(n + 1)".utf8), to: file)
                withExtendedLifetime(turn) {}
            }
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "200")
    }

    @Test func whoHoldsItForLongStopsNobody() throws {
        let path = try folder()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let held = FolderTurn(path)
        #expect(held != nil)
        #expect(FolderTurn(path) == nil)
        withExtendedLifetime(held) {}
        #expect(FolderTurn("/nowhere") == nil)
    }
}
