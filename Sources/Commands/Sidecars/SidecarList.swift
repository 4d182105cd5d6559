// `evh5 sidecar list`: what was added to which file.

import ArgumentParser
import Foundation
import SidecarStore
import TensorFile

struct SidecarList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show what was added to which file, what did not commit, and what was removed.",
        discussion: """
            With --json: an array of objects; sizes in bytes, times in UTC. `heldBytes` is what is on the disk, `size` the size of the
            virtual file, `contents` what libhdf5 finds in the current state besides the tensor.
            """)

    @Argument(help: "Only what was added to these files.")
    var files: [String] = []
    @OptionGroup var place: SidecarPlace
    @Flag(help: "Print JSON.")
    var json = false

    /// A sidecar with what is in it.
    private struct Report: Encodable {
        let entry: SidecarEntry
        let contents: [AddedObject]?

        private enum CodingKeys: CodingKey { case contents }

        func encode(to encoder: any Encoder) throws {
            try entry.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(contents, forKey: .contents)
        }
    }

    func run() throws {
        let store = try place.maintenance()
        let entries = try place.entries(files, in: store)
        if json { return try Output.json(entries.map { report($0, store) }) }
        for entry in entries { print(report(entry, store)) }
        if entries.isEmpty { Output.problem("nothing was added to any file, as far as '\(store.directory)' knows") }
    }

    private func report(_ entry: SidecarEntry, _ store: SidecarMaintenance) -> Report {
        var entry = entry
        guard entry.current != nil, entry.problem == nil else { return Report(entry: entry, contents: nil) }
        do {
            let file = try store.open(entry, .current)
            return Report(entry: entry, contents: try AddedContents.summary(file, file.layout))
        } catch {
            entry.problem = "\(error)"
            return Report(entry: entry, contents: nil)
        }
    }

    private func print(_ report: Report) {
        let entry = report.entry
        var rows: [(String, String)] = []
        if let recording = entry.recording { rows.append(("recording", recording)) }
        if let preprocessing = entry.preprocessing, let window = entry.window {
            rows.append(("file", SidecarKey.place(preprocessing, window) + (entry.part.map { ", part \($0)" } ?? "")))
        }
        if let last = entry.commits.last(where: { $0.commit == entry.current }) {
            rows.append(("state", "\(last.commit), committed \(last.time)" + (last.note.map { ": \($0)" } ?? "")))
        }
        let earlier = entry.commits.filter { $0.commit != entry.current }
        if !earlier.isEmpty {
            rows.append(("earlier", earlier.map { "\($0.commit) (\($0.time))" }.joined(separator: ", ")))
        }
        rows.append(("on disk", Quantity.text(bytes: Int(entry.heldBytes))))
        for object in report.contents ?? [] { rows.append(("added", SidecarList.text(object))) }
        for session in entry.torn {
            let bytes = Quantity.text(bytes: Int(session.heldBytes))
            rows.append(("torn", "\(session.name), \(bytes): \(session.reason)"))
        }
        if let removed = entry.removed { rows.append(("removed", "\(removed.time): \(removed.reason)")) }
        if let inUse = entry.inUse { rows.append(("in use", "by \(inUse)")) }
        if let problem = entry.problem { rows.append(("problem", problem)) }
        Output.line(escaped(entry.name))
        Output.table(rows, indent: "  ")
    }

    /// `/confidence: float64, 100 x 2, 1 attribute`.
    private static func text(_ object: AddedObject) -> String {
        var parts: [String] = []
        switch object.kind {
        case .dataset: parts.append(object.type ?? "dataset")
        case .datatype: parts.append("datatype \(object.type ?? "")")
        case .group: parts.append("group")
        case .hardLink, .softLink, .externalLink: parts.append("link to \(object.target ?? "something else")")
        case .otherLink: parts.append("link of another kind")
        }
        if let shape = object.shape, !shape.isEmpty { parts.append(shape.map(String.init).joined(separator: " x ")) }
        if object.attributes > 0 { parts.append("\(object.attributes) attribute\(object.attributes == 1 ? "" : "s")") }
        return "\(object.path): \(parts.joined(separator: ", "))"
    }
}
