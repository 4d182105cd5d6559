// `evh5 sidecar`: what users added to virtual files, without a mount.

import ArgumentParser
import EventFiles
import FUSEAdapter
import Foundation
import SidecarStore
import Tensors

struct Sidecar: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidecar",
        abstract: "List, export, restore, remove or verify what was added to virtual files.",
        discussion: """
            $ evh5 sidecar list
            $ evh5 sidecar export timesurface/250ms/train/traffic.h5 -o additions.h5

            A FILE is a virtual path (with or without the mount point, or only its end), the recording's path, or a folder of the
            store as `list` shows it. Nothing need be mounted; mounts may stay mounted meanwhile. See docs/SEMANTICS.md.
            """,
        subcommands: [
            SidecarList.self, SidecarExport.self, SidecarRestore.self, SidecarRemove.self, SidecarVerify.self,
        ])
}

/// Which store, and which sidecars in it.
struct SidecarPlace: ParsableArguments {
    @Option(Settings.sidecars, valueName: "dir")
    var sidecars: String?
    @Option(name: .customLong("config-file"), help: "A mount's config file: its store is meant. (EVH5_CONFIG_FILE)")
    var configFile: String?

    /// - Parameter others: further settings that flags gave.
    func layers(_ others: [String: RawSetting] = [:]) throws(CommandError) -> SettingLayers {
        var flags = others
        if let sidecars { flags[Settings.sidecars.name] = .text(sidecars) }
        return try SettingLayers.standard(flags: flags, configFile: configFile)
    }

    func maintenance() throws(CommandError) -> SidecarMaintenance {
        let directory = Mounts.absolute(try layers().value(Settings.sidecars))
        return SidecarMaintenance(directory: directory, helper: ChildSidecarHelper()) { message in
            if message.level >= .warning { Output.problem("evh5: \(escaped(message.text))") }
        }
    }

    /// All sidecars that a text means; those in use first.
    func entries(
        _ text: String, in store: SidecarMaintenance
    ) throws(CommandError) -> [SidecarEntry] {
        let names = [text, canonical(text)].compactMap { $0 }
        let all = try Sidecar.attempt { () throws(SidecarError) in try store.list() }
        let found = all.filter { entry in names.contains { entry.matches($0) } }
        guard !found.isEmpty else {
            throw CommandError(
                .sidecarUnusable,
                "nothing was added to '\(text)', as far as '\(store.directory)' knows; `evh5 sidecar list` shows all")
        }
        return found
    }

    /// All sidecars that some texts mean, each once; without a text all that there are.
    func entries(_ texts: [String], in store: SidecarMaintenance) throws(CommandError) -> [SidecarEntry] {
        if texts.isEmpty { return try Sidecar.attempt { () throws(SidecarError) in try store.list() } }
        var found: [SidecarEntry] = []
        for text in texts { found += try entries(text, in: store).filter { !found.contains($0) } }
        return found
    }

    /// The one sidecar that a text means. Of those that `wanted` says, if there are any; one in use goes before removed
    /// ones.
    func entry(
        _ text: String, in store: SidecarMaintenance, where wanted: (SidecarEntry) -> Bool = { _ in true }
    ) throws(CommandError) -> SidecarEntry {
        let all = try entries(text, in: store)
        let fitting = all.contains(where: wanted) ? all.filter(wanted) : all
        let inUse = fitting.filter { $0.removed == nil }
        let found = inUse.isEmpty ? fitting : inUse
        guard found.count == 1 else {
            let names = found.prefix(5).map { "'\($0.name)'" }.joined(separator: ", ")
            throw CommandError(
                .sidecarUnusable,
                "'\(text)' may mean \(found.count) sidecars: say which one, \(names)\(found.count > 5 ? ", ..." : "")")
        }
        return found[0]
    }

    /// The text with a specification in another spelling (`250000us`) written as the store has it.
    private func canonical(_ text: String) -> String? {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let preprocessings = try? PreprocessingSettings(layers()).loaded(CommandLog.standardError(level: .critical))
        defer { preprocessings?.stop() }
        let registry = preprocessings?.registry ?? .standard
        for index in parts.indices.dropLast() {
            if EventsSpec.isMeant(by: parts[index]), let spec = try? EventsSpec(parts[index]) {
                parts[index] = spec.text
                return parts.joined(separator: "/")
            }
            guard
                let spec = try? TensorSpec(
                    preprocessing: parts[index], window: parts[index + 1], registry: registry)
            else { continue }
            parts[index] = spec.preprocessingText
            parts[index + 1] = spec.windowText
            return parts.joined(separator: "/")
        }
        return nil
    }
}

extension Sidecar {
    /// An error of the store as the command's.
    static func attempt<R>(_ body: () throws(SidecarError) -> R) throws(CommandError) -> R {
        do throws(SidecarError) { return try body() } catch {
            let status: CommandExit =
                switch error.code {
                case .busy: .busy
                case .notFound, .exists, .outdated, .damaged, .unknownVersion, .invalidResult, .tensorChanged:
                    .sidecarUnusable
                case .readOnly: .outputUnwritable
                case .io: [EROFS, EACCES, EPERM, ENOSPC, EDQUOT].contains(error.errno) ? .outputUnwritable : .failed
                }
            throw CommandError(status, error.message, cause: error)
        }
    }
}
