// `evh5 info`: what a recording is, or why it is none.

import ArgumentParser
import Files
import Foundation
import Recordings

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show header, geometry, duration, events, triggers, rate and damage of recordings.",
        discussion: """
            A recording is scanned once; the time index that this makes is kept in the cache for mounts.
            One recording is shown with its header, several or a folder as a table with a line for each; --long shows them all with their
            headers. Of damage the table says what was dropped.
            With --json: an array of objects; times are in us after the time shift, rate in events per second.
            The exit code is 3 (recording-unusable) when a file cannot be used; its reason is shown.
            """)

    @Argument(help: "RAW and DAT files, or folders of them.")
    var recordings: [String]
    @OptionGroup var flags: RecordingFlags
    @Flag(help: "Show several with their headers, too.")
    var long = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let access = try flags.access(warns: false)
        let found = RecordingFiles.find(recordings)
        var reports = found.unreadable.map { RecordingReport(path: $0.path, reason: $0.reason) }
        // A folder is a table even if it holds one recording only: what scripts see does not depend on that.
        let isOne = found.files.count + found.unreadable.count == 1 && !recordings.contains(where: Info.isFolder)
        let table = json || long || isOne ? nil : RecordingTable(paths: reports.map(\.path) + found.files)
        func show(_ report: RecordingReport) {
            if let table { table.print(report) } else if !json { report.print() }
        }
        for report in reports { show(report) }
        for path in found.files {
            let report = RecordingReport(path: path, access: access)
            show(report)
            reports.append(report)
        }
        if json { try Output.json(reports) }
        let bad = reports.count { !$0.usable }
        if bad > 0 {
            throw CommandError(.recordingUnusable, "\(bad) of \(Quantity.text(reports.count, "file")) cannot be used")
        }
        if reports.isEmpty { throw CommandError(.recordingUnusable, "there are no .raw or .dat files there") }
    }

    private static func isFolder(_ path: String) -> Bool { (try? FileStatus(path: path))?.kind == .directory }
}

/// What `info` says of one file; the JSON object has these names.
struct RecordingReport: Encodable {
    struct Field: Encodable {
        let key, value: String
    }

    let path: String
    var usable = false
    /// Why not, when it is not usable.
    var reason: String?
    var format: String?
    var width, height: Int?
    var bytes: Int64?
    var header: [Field]?
    var events: Int64?
    /// External triggers.
    var triggerCount: Int64?
    /// By channel, those that have any; of the first 2^22 where there are more.
    var triggers: [String: Int64]?
    /// Microseconds.
    var firstTime, lastTime, duration, timeShift: Int64?
    /// Events per second.
    var rate: Double?
    /// By kind, all kinds.
    var dropped: [String: Int64]?
    /// Where words are read otherwise than the header says.
    var notes: [String]?
    /// Why the words may be none of this encoding or geometry; empty when all is well.
    var suspicious: [String]?

    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// Opens and, if need be, scans the recording at `path`.
    init(path: String, access: RecordingAccess) {
        self.path = path
        do {
            let recording = try access.open(path)
            format = recording.format.displayName
            width = recording.geometry.width
            height = recording.geometry.height
            bytes = recording.status.size
            header = recording.header.fields.map { Field(key: $0.key, value: $0.value) }
            notes = recording.notes
            let progress = Progress(path, total: recording.status.size)
            defer { progress.end() }
            let index = try access.store.index(of: recording) { progress.update($0) }
            events = index.eventCount
            triggerCount = index.triggerCount
            triggers = Dictionary(grouping: index.triggers) { "\($0.id)" }.mapValues { Int64($0.count) }
            firstTime = index.firstTime
            lastTime = index.lastTime
            duration = index.lastTime - index.firstTime
            timeShift = index.timeShift
            if index.lastTime > index.firstTime {
                rate = Double(index.eventCount) * 1e6 / Double(index.lastTime - index.firstTime)
            }
            dropped = Dictionary(index.drops.entries.map { ($0.name, $0.count) }, uniquingKeysWith: +)
            suspicious = index.suspicions
            usable = true
        } catch {
            reason = "\(error)"
        }
    }

    /// What was dropped, by kind; empty when nothing was, nil when that is not known.
    var drops: String? {
        dropped.map { dropped in
            dropped.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", ")
        }
    }

    /// `1200 (channel 0: 800, channel 1: 400)`.
    private func triggerText(_ count: Int64) -> String {
        let channels = (triggers ?? [:]).compactMap { channel, count in Int(channel).map { ($0, count) } }
        guard !channels.isEmpty else { return "\(count)" }
        let known = channels.reduce(0) { $0 + $1.1 }
        let list = channels.sorted { $0.0 < $1.0 }.map { "channel \($0.0): \($0.1)" }.joined(separator: ", ")
        return "\(count) (" + (known < count ? "of the first \(known), " : "") + list + ")"
    }

    func print() {
        var rows: [(String, String)] = []
        if let format { rows.append(("format", format)) }
        if let width, let height { rows.append(("geometry", "\(width)x\(height)")) }
        if let bytes { rows.append(("size", "\(Quantity.text(bytes: Int(bytes))) (\(bytes) bytes)")) }
        if let duration { rows.append(("duration", Quantity.text(microseconds: Int(duration)))) }
        if let events { rows.append(("events", "\(events)")) }
        if let triggerCount { rows.append(("triggers", triggerText(triggerCount))) }
        if let rate { rows.append(("rate", Quantity.text(count: Int(rate.rounded())) + " events/s")) }
        if let firstTime, let lastTime { rows.append(("times", "\(firstTime) ... \(lastTime) us")) }
        if let timeShift { rows.append(("time shift", "\(timeShift) us")) }
        if let drops { rows.append(("dropped", drops.isEmpty ? "nothing" : drops)) }
        for note in notes ?? [] { rows.append(("note", note)) }
        for suspicion in suspicious ?? [] { rows.append(("suspicious", suspicion)) }
        for field in header ?? [] { rows.append(("% " + escaped(field.key), field.value)) }
        if let reason { rows.append(("unusable", reason)) }
        Output.line(escaped(path))
        Output.table(rows, indent: "  ")
    }
}
