// Recordings in folders, and one of them.

import Foundation
import Recordings
import VirtualTree

extension Viewer {
    /// Recordings of a folder that are told in one answer.
    private static let mostRecordings = 10_000

    /// A recording as lists have it.
    private struct Listed: Encodable {
        let path, name, file: String
        let format: String?
        let size: Int64
        let width, height: Int
        /// nil before the recording was scanned.
        var events: Int64?
        var durationUs: Int64?
        var damage: [String]?

        init(_ recording: ShownRecording) {
            path = recording.path
            name = recording.path.split(separator: "/").last.map(String.init) ?? recording.path
            file = recording.shownPath
            format = recording.summary?.format.displayName
            size = recording.size
            (width, height) = (recording.geometry.width, recording.geometry.height)
            guard let summary = recording.summary, summary.isScanned else { return }
            events = summary.eventCount
            durationUs = summary.highestTime - summary.lowestTime
            damage = summary.drops.sentences
        }
    }

    private struct NotShown: Encodable {
        let path, reason: String
    }

    func tree(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let path: String
            let folders: [String]
            let recordings: [Listed]
            let more: Bool
            let notShown: [NotShown]
        }
        let path = query.optional("path") ?? ""
        let folder = try catalog.shown(in: path, limit: Self.mostRecordings)
        return try json(
            Answer(
                path: path, folders: folder.folders, recordings: folder.recordings.map { Listed($0) },
                more: folder.hasMore,
                notShown: folder.notShown.map { NotShown(path: $0.path, reason: $0.reason) }))
    }

    func search(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let recordings: [Listed]
            let more: Bool
        }
        let limit = try query.integer("limit", in: 1...1000, or: 200)
        let (found, hasMore) = try catalog.search(query.text("q"), limit: limit)
        return try json(Answer(recordings: found.map { Listed($0) }, more: hasMore))
    }

    func recording(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let path, file, format: String
            let size: Int64
            let width, height: Int
            let events, beginUs, endUs, durationUs: Int64
            let rate: Double
            let damage, notes: [String]
            let triggers: Int64
            let labels: Int?
            /// Why the label file cannot be read.
            let labelsProblem: String?
            let classes: [String]
            let serial: String?
            let header: [String: String]
        }
        let scanned = try catalog.scanned(query.text("path"))
        let (recording, index) = (scanned.recording, scanned.index)
        var labelled: LabelTables.Table?
        var problem: String?
        do { labelled = try labels.table(of: scanned.path) } catch { problem = "\(error)" }
        let header = recording.header
        return try json(
            Answer(
                path: scanned.path, file: scanned.shownPath, format: recording.format.displayName,
                size: recording.status.size, width: recording.geometry.width, height: recording.geometry.height,
                events: index.eventCount, beginUs: index.lowestTime, endUs: index.highestTime,
                durationUs: index.highestTime - index.lowestTime, rate: index.rate,
                damage: index.drops.sentences + index.suspicions, notes: recording.notes,
                triggers: index.triggerCount, labels: labelled?.boxes.count, labelsProblem: problem,
                classes: labelled.map { labels.classes(in: $0, of: scanned.path) } ?? [],
                serial: header.value("serial_number") ?? header.value("camera_serial_number"),
                header: Dictionary(header.fields.prefix(200).map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })))
    }

    func triggers(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let t: [Int64]
            let id, p: [Int16]
            let more: Bool
        }
        let scanned = try catalog.scanned(query.text("path"))
        let (start, end) = (try query.time("start", or: .min), try query.time("end", or: .max))
        let limit = try query.integer("limit", in: 1...100_000, or: 10_000)
        let all = scanned.index.triggers
        let found = start == .min && end == .max ? all : all.filter { $0.t >= start && $0.t < end }
        let shown = found.prefix(limit)
        return try json(
            Answer(
                t: shown.map(\.t), id: shown.map(\.id), p: shown.map(\.p),
                more: found.count > limit || scanned.index.triggerCount > Int64(all.count)))
    }

    func rate(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let beginUs, endUs: Int64
            let counts: [Int64]
            /// Whether each event was counted, not the pieces between bookmarks.
            let exact: Bool
        }
        let scanned = try catalog.scanned(query.text("path"))
        let bins = try query.integer("bins", in: 1...10_000, or: 1000)
        let index = scanned.index
        let begin = try query.time("begin", or: index.lowestTime)
        // The last event is in the last part.
        let end = try query.time("end", or: index.eventCount == 0 ? begin + 1 : index.highestTime + 1)
        guard begin < end else { throw ViewerError(.badQuery, "begin=\(begin) is not before end=\(end)") }
        let (counts, exact) = try rates.counts(scanned, bins: bins, in: begin..<end)
        return try json(Answer(beginUs: begin, endUs: end, counts: counts, exact: exact))
    }
}

extension DropCounts {
    /// What of a recording could not be used, for people.
    var sentences: [String] {
        let texts = [
            (outsideGeometry, "events outside of the geometry"), (beforeTimeHigh, "events before the first time"),
            (withoutAddress, "events before the first address"), (unknownWords, "words of an unknown kind"),
            (truncatedBytes, "bytes at the end that are no whole word"),
        ]
        return texts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1) left out" }
    }
}
