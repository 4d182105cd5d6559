// A process that writes is killed at random moments: the store shows exactly the state before or after the session it
// was in.

import ChildFixture
import Foundation
import SidecarFixture
import SidecarStore
import Testing

@Suite struct KillTests {
    private static var program: String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/sidecar-fixture"
    }

    @Test func aKilledWriterLosesNothingThatWasCommitted() throws {
        let place = try Place()
        let base = try place.base()
        var committed = 0
        var torn = 0
        var outcomes = (before: 0, after: 0)
        for round in 0..<60 {
            let child = try Child(
                [KillTests.program, "run", place.directory, place.recording, "\(committed)"], errors: .nowhere)
            // However slow the machine is: from the first line on, and from none, one or two commits.
            var text = Data()
            repeat {
                let more = child.readOutput()
                if more.isEmpty { break }
                text += more
            } while String(decoding: text, as: UTF8.self).components(separatedBy: "committed ").count - 1 < round % 3
            usleep(UInt32((round * 7919) % 25_000))
            child.kill(SIGKILL)
            text += Data(child.finish().output.utf8)
            let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
            let last = lines.last { $0.first == "committed" }.flatMap { Int($0[1]) }.map { $0 + 1 } ?? committed
            let attempted = lines.last { $0.first == "committing" }.flatMap { Int($0[1]) }.map { $0 + 1 } ?? last

            let found = try place.store().model(base)
            let before = last == 0 ? nil : SessionSeries.state(before: last, base.layout)
            let after = SessionSeries.state(before: attempted, base.layout)
            #expect(found == before || (attempted > last && found == after), "round \(round)")
            if found == before { outcomes.before += 1 } else { outcomes.after += 1 }
            committed = found == before ? last : attempted

            let entries = try place.maintenance.list()
            for entry in entries {
                #expect(entry.problem == nil && place.maintenance.verify(entry).problems == [])
                // Whatever was not committed is kept and can be read.
                for session in entry.torn.dropFirst(torn) {
                    let file = try place.maintenance.open(entry, .torn(session.name))
                    _ = try FileModel(file)
                }
                torn = entry.torn.count
            }
        }
        #expect(committed > 20 && outcomes.before > 0)
    }
}
