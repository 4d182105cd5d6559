// `evh5 top`: who reads what through a mount, as it happens.

import ArgumentParser
import FUSEAdapter
import Foundation
import Synchronization
import VirtualTree

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who reads what through a mount, as it happens.",
        discussion: """
            $ evh5 top /mnt/h5
            $ evh5 top --count 1 /mnt/h5 > now.txt

            A line for each program and file that was read since the look before: frames and megabytes a second, milliseconds that a
            request took, where its frames came from (MEM: memory, DISK: the cache, COMP: computed), and requests that wait. Frames
            made ahead of a reader are of memory when it comes to them. q or Ctrl-C ends it. Where stdout is no terminal, a block of
            lines is printed each time.
            With --json: one object a line, for each look.
            Exit codes: 7 (not-mounted) when nothing of evh5 is mounted there or its daemon is dead, 12 (not-answering) when the
            daemon is stopped or hangs.
            """)

    @Argument(help: "Where it is mounted, or any path in it.")
    var mountPoint: String
    @Option(help: "Seconds from one look to the next.")
    var interval = 1.0
    @Option(help: "End after so many looks.")
    var count: Int?
    @Flag(help: "Print JSON, one object a line.")
    var json = false

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else {
            throw ValidationError("--interval takes seconds from 0.1 to 3600")
        }
        if let count, count < 1 { throw ValidationError("--count takes a number from 1") }
    }

    func run() throws {
        guard let (mount, _) = Mounts.mount(of: mountPoint) else { throw CommandError.notInAMount(mountPoint) }
        var before = try sample(mount)
        let isScreen = !json && isatty(STDOUT_FILENO) == 1
        let screen = isScreen ? TopScreen() : nil
        if screen != nil {
            Top.isEnded.store(false, ordering: .relaxed)
            for number in [SIGINT, SIGTERM] { signal(number) { _ in Top.isEnded.store(true, ordering: .relaxed) } }
        }
        defer { screen?.end() }
        var looks = 0
        while count.map({ looks < $0 }) ?? true {
            let goesOn = screen?.wait(milliseconds: Int32(interval * 1000)) ?? Top.sleep(interval)
            if !goesOn || Top.isEnded.load(ordering: .relaxed) { return }
            let now = try sample(mount)
            try show(TopReport(before, now), screen)
            before = now
            looks += 1
        }
    }

    /// Set by a signal while the terminal is a screen.
    private static let isEnded = Atomic<Bool>(false)

    private static func sleep(_ seconds: Double) -> Bool {
        Thread.sleep(forTimeInterval: seconds)
        return true
    }

    private func sample(_ mount: FUSEAdapter.Mount) throws(CommandError) -> TopSample {
        let readings = try ControlAnswer.decode([Reading].self, "readers.json", of: mount)
        let status = try MountStatus.read(mount)
        return TopSample(
            time: Double(DispatchTime.now().uptimeNanoseconds) / 1e9, status: status, readings: readings)
    }

    private func show(_ report: TopReport, _ screen: TopScreen?) throws(CommandError) {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            do { Output.line(String(decoding: try encoder.encode(report), as: UTF8.self)) } catch {
                throw CommandError(.failed, "cannot write JSON: \(error)", cause: error)
            }
        } else if let screen {
            let size = TopScreen.size
            screen.show(report.lines(width: size.width, rows: size.rows - 1))
        } else {
            for line in report.lines(width: .max, rows: .max) { Output.line(line) }
            Output.line("")
        }
    }
}
