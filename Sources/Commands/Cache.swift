// `evh5 cache`: what the cache holds, emptying it, and checking it.

import ArgumentParser
import FUSEAdapter
import Files
import Foundation
import FrameStore

struct Cache: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show, clear or verify the cache of frames and time indexes.",
        discussion: """
            All of it can be made again from the recordings, and mounts that use the cache may stay mounted meanwhile.
            See docs/CACHE.md.
            """,
        subcommands: [Stats.self, Clear.self, Verify.self])

    /// Which cache.
    struct Place: ParsableArguments {
        @Option(Settings.cache, valueName: "dir")
        var cache: String?
        @Option(name: .customLong("config-file"), help: "A mount's config file: its cache is meant. (EVH5_CONFIG_FILE)")
        var configFile: String?
        @Flag(help: "Print JSON.")
        var json = false

        private func directory() throws(CommandError) -> String {
            let flags = cache.map { [Settings.cache.name: RawSetting.text($0)] } ?? [:]
            let layers = try SettingLayers.standard(flags: flags, configFile: configFile)
            return Mounts.absolute(try layers.value(Settings.cache))
        }

        func maintenance() throws(CommandError) -> CacheMaintenance { CacheMaintenance(directory: try directory()) }

        /// Says so when there is no such folder: an empty cache and a mistyped one look alike.
        func mention() throws(CommandError) {
            let directory = try directory()
            if access(directory, F_OK) != 0 { Output.problem("evh5: there is no cache at '\(escaped(directory))'") }
        }
    }

    struct Stats: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what the cache holds.",
            discussion: "With --json: sizes in bytes as they are on disk, oldestUse in seconds since 1970.")
        @OptionGroup var place: Place

        private struct Report: Encodable {
            let contents: CacheMaintenance.Contents
            /// Whether there is such a folder.
            let exists: Bool

            private enum Keys: CodingKey { case exists }

            func encode(to encoder: any Encoder) throws {
                try contents.encode(to: encoder)
                var container = encoder.container(keyedBy: Keys.self)
                try container.encode(exists, forKey: .exists)
            }
        }

        func run() throws {
            let contents = try Cache.guarded { try place.maintenance().contents() }
            let isThere = access(contents.directory, F_OK) == 0
            if place.json { return try Output.json(Report(contents: contents, exists: isThere)) }
            var rows = [
                ("cache", contents.directory + (isThere ? "" : " (not there)")),
                (
                    "frames",
                    "\(contents.frames), \(Quantity.text(bytes: Int(contents.frameBytes))), of \(Quantity.text(contents.tensors, "tensor"))"
                ),
                ("time indexes", "\(contents.indexes), \(Quantity.text(bytes: Int(contents.indexBytes)))"),
                (
                    "summaries",
                    "of \(contents.summaries) folders, \(Quantity.text(bytes: Int(contents.summaryBytes)))"
                ),
            ]
            if let oldest = contents.oldestUse {
                let date = Date(timeIntervalSince1970: oldest).formatted(.iso8601)
                rows.append(("oldest use", date))
            }
            Output.table(rows)
        }
    }

    struct Clear: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove all frames and time indexes of the cache.",
            discussion: "The exit code is 10 (output-unwritable) when some could not be removed.")
        @OptionGroup var place: Place

        func run() throws {
            try place.mention()
            let outcome = try Cache.guarded { try place.maintenance().clear() }
            try Cache.report(outcome, place.json, "removed")
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every frame of the cache and remove damaged ones.",
            discussion: """
                Damage does no harm: readers recognise it too, and compute the frame. The exit code is 0 when all that was
                damaged is removed, and 10 (output-unwritable) when some could not be read or removed.
                """)
        @OptionGroup var place: Place

        func run() throws {
            try place.mention()
            let progress = Progress("verifying", total: 100)
            let outcome = try Cache.guarded {
                try place.maintenance().verify { done, total in progress.update(done * 100 / max(1, total)) }
            }
            progress.end()
            try Cache.report(outcome, place.json, "verified")
        }
    }

    private static func guarded<R>(_ body: () throws -> R) throws(CommandError) -> R {
        do { return try body() } catch let error as CommandError { throw error } catch {
            throw CommandError(.failed, "the cache cannot be read: \(error)", cause: error)
        }
    }

    private static func report(_ outcome: CacheMaintenance.Outcome, _ json: Bool, _ done: String) throws(CommandError) {
        if json {
            try Output.json(outcome)
        } else {
            var text = "\(Quantity.text(outcome.checked, "file")) \(done), \(Quantity.text(bytes: Int(outcome.bytes)))"
            if outcome.corrupt > 0 { text += "; \(outcome.corrupt) damaged, \(outcome.removed) removed" }
            Output.line(text)
        }
        guard let first = outcome.problems.first else { return }
        throw CommandError(.outputUnwritable, "part of the cache could not be used: \(first)")
    }
}
