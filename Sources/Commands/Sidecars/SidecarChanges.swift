// `evh5 sidecar restore` and `remove`, which change the store, and `verify`, which does not.

import ArgumentParser
import Foundation
import SidecarStore

struct SidecarRestore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Bring back what was removed, or an earlier state.",
        discussion: """
            $ evh5 sidecar restore histo/50ms/a.h5               what was removed by os.remove, or set aside
            $ evh5 sidecar restore histo/50ms/a.h5 --state 3     state 3, as a new state: the later ones are kept

            Mounts show it when the file is opened next. When the recording has changed, it is carried over then.
            """)

    @Argument(help: "To which file it was added, or the name that `list` shows.")
    var file: String
    @Option(help: "The number of an earlier state.")
    var state: Int?
    @OptionGroup var place: SidecarPlace

    func run() throws {
        let store = try place.maintenance()
        if let state {
            let entry = try place.entry(file, in: store) { $0.removed == nil }
            let number = try Sidecar.attempt { () throws(SidecarError) in try store.restore(entry, commit: state) }
            Output.line("state \(state) is shown again, as state \(number)")
        } else {
            let entry = try place.removed(file, in: store)
            let folder = try Sidecar.attempt { () throws(SidecarError) in try store.restore(entry) }
            Output.line("restored to \(escaped(folder))")
        }
    }
}

extension SidecarPlace {
    /// The removed sidecar that a text means.
    fileprivate func removed(_ text: String, in store: SidecarMaintenance) throws(CommandError) -> SidecarEntry {
        let all = try entries(text, in: store)
        let removed = all.filter { $0.removed != nil }
        guard !removed.isEmpty else {
            let states = all[0].commits.map { "\($0.commit)" }.joined(separator: ", ")
            throw CommandError(
                .sidecarUnusable,
                "nothing of '\(text)' was removed; for an earlier state say --state, one of \(states)")
        }
        guard removed.count == 1 else {
            let names = removed.map { "'\($0.name)'" }.joined(separator: ", ")
            throw CommandError(.sidecarUnusable, "'\(text)' was removed several times: say which one, \(names)")
        }
        return removed[0]
    }
}

struct SidecarRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take back what was added, or delete what is not needed any more.",
        discussion: """
            $ evh5 sidecar remove histo/50ms/a.h5                as os.remove does: it can be restored
            $ evh5 sidecar remove histo/50ms/a.h5 --torn all     deletes sessions that did not commit, for good
            $ evh5 sidecar remove histo/50ms/a.h5 --removed      deletes what was removed before, for good
            """)

    @Argument(help: "To which file it was added, or the name that `list` shows.")
    var file: String
    @Option(help: "Delete this session that did not commit, as `list` names it, or all of them.")
    var torn: String?
    @Flag(help: "Delete what was removed or set aside before.")
    var removed = false
    @OptionGroup var place: SidecarPlace

    func validate() throws {
        if torn != nil && removed { throw ValidationError("--torn and --removed exclude each other") }
    }

    func run() throws {
        let store = try place.maintenance()
        if let torn {
            let entry = try place.entry(file, in: store) { !$0.torn.isEmpty }
            let names = torn == "all" ? entry.torn.map(\.name) : [torn]
            for name in names { try Sidecar.attempt { () throws(SidecarError) in try store.purge(entry, torn: name) } }
            Output.line("\(names.count) torn session\(names.count == 1 ? "" : "s") deleted")
        } else if removed {
            let entries = try place.entries(file, in: store).filter { $0.removed != nil }
            for entry in entries { try Sidecar.attempt { () throws(SidecarError) in try store.purge(entry) } }
            Output.line("\(entries.count) removed sidecar\(entries.count == 1 ? "" : "s") deleted")
        } else {
            let entry = try place.entry(file, in: store) { $0.removed == nil }
            guard entry.removed == nil else {
                throw CommandError(
                    .sidecarUnusable, "'\(entry.name)' is removed already; --removed deletes it for good")
            }
            let folder = try Sidecar.attempt { () throws(SidecarError) in try store.remove(entry) }
            Output.line("moved to \(escaped(folder)); `evh5 sidecar restore` brings it back")
        }
    }
}

struct SidecarVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read everything that was added and check it.",
        discussion: """
            Compares the checksum of every file, earlier states and removed ones included, and lets libhdf5 walk through the current
            states. Nothing is changed. With --json: an array of objects; bytes. The exit code is 11 (sidecar-unusable) when
            something is damaged.
            """)

    @Argument(help: "Only what was added to these files.")
    var files: [String] = []
    @OptionGroup var place: SidecarPlace
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let store = try place.maintenance()
        let entries = try place.entries(files, in: store)
        let progress = Progress("verifying", total: entries.reduce(0) { $0 + $1.heldBytes })
        var done: Int64 = 0
        let checks = entries.map { entry in
            defer { done += entry.heldBytes }
            return store.verify(entry) { progress.update(done + $0) }
        }
        progress.end()
        if json {
            try Output.json(checks)
        } else {
            for check in checks {
                for problem in check.problems { Output.line("\(escaped(check.name)): \(escaped(problem))") }
            }
            let bytes = Quantity.text(bytes: Int(checks.reduce(0) { $0 + $1.bytes }))
            Output.line(
                "\(Quantity.text(checks.count, "sidecar")), \(Quantity.text(checks.reduce(0) { $0 + $1.files }, "file")), \(bytes)"
            )
        }
        let bad = checks.count { !$0.problems.isEmpty }
        guard bad == 0 else {
            throw CommandError(
                .sidecarUnusable,
                "\(bad) of \(Quantity.text(checks.count, "sidecar")) \(bad == 1 ? "is" : "are") damaged: `evh5 sidecar restore --state` brings an earlier state back"
            )
        }
    }
}
