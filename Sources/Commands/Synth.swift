// `evh5 synth`: writes a simulated recording, for trying and testing.

import ArgumentParser
import Files
import Foundation
import Recordings

struct Synth: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a simulated recording of moving shapes and noise.",
        discussion: """
            The same arguments give the same file, byte for byte. An existing file is only replaced with --force.

            $ evh5 synth traffic.raw --duration 2s --rate 10M
            $ evh5 synth old_td.dat --geometry 304x240 --seed 7
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case evt2, evt21
        case evt21Legacy = "evt21-legacy"
        case evt3, evt4, dat

        var recordingFormat: RecordingFormat {
            switch self {
            case .evt2: .evt2
            case .evt21: .evt21
            case .evt21Legacy: .evt21Legacy
            case .evt3: .evt3
            case .evt4: .evt4
            case .dat: .dat
            }
        }
    }

    @Argument(help: "The file to write.")
    var out: String
    @Option(help: "The encoding. (default: dat for OUT.dat, else evt3)")
    var format: Format?
    @Option(help: "Sensor size, WxH. (default: 1280x720)", transform: Synth.geometry)
    var geometry = Geometry(width: 1280, height: 720)
    @Option(help: "How long, such as 250ms, or a number of us. (default: 10s)", transform: Synth.duration)
    var duration = 10_000_000
    @Option(
        help: "Events per second, shapes and noise together; units k, M, G are powers of 1000. (default: 5M)",
        transform: Synth.rate)
    var rate = 5_000_000
    @Option(help: "The part of the events that is noise, 0 to 1.")
    var noise = 0.1
    @Option(help: "Another seed gives another scene.")
    var seed: UInt64 = 1
    @Option(
        help: "The sensor's clock at the beginning, such as 1s, or a number of us. (default: 0)",
        transform: Synth.duration)
    var startTs = 0
    @Flag(help: "Replace an existing file.")
    var force = false
    @Flag(help: "Print what was written as JSON; bytes, us, events per second.")
    var json = false

    private struct Summary: Encodable {
        let path, format: String
        let width, height: Int
        let events, bytes: Int64
        let duration: Int
        let rate: Double
    }

    func validate() throws {
        guard (0...1).contains(noise) else { throw ValidationError("--noise takes a number from 0 to 1") }
        let highest = scene.highestRate
        guard rate <= highest else {
            throw ValidationError(
                "--rate: a sensor of \(geometry) gives at most \(Quantity.text(count: highest)) events/s")
        }
        guard duration > 0 else { throw ValidationError("--duration must be more than 0") }
        guard startTs <= Int.max / 4, duration <= Int.max / 4 else {
            throw ValidationError("--start-ts and --duration are longer than any recording")
        }
    }

    private var scene: Scene.Settings {
        Scene.Settings(geometry: geometry, rate: rate, noise: noise, seed: seed, startTime: Int64(startTs))
    }

    func run() throws {
        let format = format ?? (out.lowercased().hasSuffix(".dat") ? .dat : .evt3)
        guard force || access(out, F_OK) != 0 else {
            throw CommandError(.outputUnwritable, "'\(out)' exists; --force replaces it")
        }
        // Under another name until it is whole, so that nobody takes a part for the recording.
        let partial = temporaryPath(for: out, suffix: ".part")
        let events: Int64
        do {
            try checkNameLength(out)
            events = try write(to: partial, format.recordingFormat)
            guard rename(partial, out) == 0 else { throw FileError.current("rename", partial) }
        } catch {
            unlink(partial)
            throw CommandError(.outputUnwritable, "cannot write '\(out)': \(error)", cause: error)
        }
        let bytes = (try? FileStatus(path: out).size) ?? 0
        let summary = Summary(
            path: out, format: format.recordingFormat.displayName, width: geometry.width, height: geometry.height,
            events: events, bytes: bytes, duration: duration, rate: Double(events) * 1e6 / Double(duration))
        if json { return try Output.json(summary) }
        Output.line(
            "\(escaped(out)): \(summary.format), \(geometry), \(Quantity.text(microseconds: duration)), \(events) events, "
                + "\(Quantity.text(count: Int(summary.rate.rounded())))/s, \(Quantity.text(bytes: Int(bytes)))")
    }

    /// Writes the recording and returns how many events it has.
    private func write(to path: String, _ format: RecordingFormat) throws -> Int64 {
        var scene = Scene(scene)
        var writer = try RecordingWriter(
            path: path, format: format, geometry: geometry, startTime: Int64(startTs),
            fields: [("simulated_by", "evh5 \(programVersion) synth")])
        let end = Int64(startTs) + Int64(duration)
        let progress = Progress(out, total: Int64(duration))
        defer { progress.end() }
        var events: Int64 = 0
        while scene.time < end {
            try scene.nextSlot { event in
                guard event.t < end else { return }
                try writer.append(event)
                events += 1
            }
            progress.update(scene.time - Int64(startTs))
        }
        try writer.finish()
        return events
    }

    @Sendable private static func geometry(_ text: String) throws -> Geometry {
        guard let geometry = Geometry(text) else { throw ValidationError("'\(text)' is no geometry such as 640x480") }
        return geometry
    }

    @Sendable private static func duration(_ text: String) throws -> Int {
        guard let time = Quantity.microseconds(text) else {
            throw ValidationError("'\(text)' is no time such as 10s, 250ms or 50000us")
        }
        return time
    }

    @Sendable private static func rate(_ text: String) throws -> Int {
        guard let rate = Quantity.rate(text) else { throw ValidationError("'\(text)' is no rate such as 5M or 250k") }
        return rate
    }
}
