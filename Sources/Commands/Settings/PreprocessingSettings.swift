// The preprocessings of a command: evh5's own, and those that flags and config file register.

import ArgumentParser
import EventFiles
import FUSEAdapter
import Foundation
import Logging
import Tensors
import UserPreprocessings
import VirtualTree

/// The flags of commands that compute tensors.
struct PreprocessingFlags: ParsableArguments {
    @Option(
        name: .customLong(Settings.register.name),
        help: ArgumentHelp(stringLiteral: Settings.register.flagHelp, "name=preprocessing"))
    var register: [String] = []
    @Option(Settings.python, valueName: "program")
    var python: String?
    @Option(Settings.preprocessingWorkers, valueName: "n")
    var workers: String?

    /// The flags that were given, by their settings' names.
    var given: [String: RawSetting] {
        var given: [String: RawSetting] = [:]
        if !register.isEmpty { given[Settings.register.name] = .list(register) }
        if let python { given[Settings.python.name] = .text(python) }
        if let workers { given[Settings.preprocessingWorkers.name] = .text(workers) }
        return given
    }
}

/// What is to be registered, in its order: the config file's mapping, then what flag or variable say. Nothing is loaded
/// yet.
package struct PreprocessingSettings: Sendable {
    private enum Item {
        /// Another name for a preprocessing with parameters.
        case preset(name: String, component: String)
        case own(UserPreprocessingDeclaration)
    }

    /// Where an item comes from, for messages.
    private struct Origin {
        let text: String
        let status: CommandExit
    }

    private let items: [(item: Item, origin: Origin)]
    /// A path, or a name that is looked for in PATH.
    private let python: String
    private let workers: Int

    /// - Throws: exit code `usage` or `configuration` for what cannot be registered as far as can be said without
    ///   loading it.
    package init(_ layers: SettingLayers) throws(CommandError) {
        let folder = FileManager.default.currentDirectoryPath
        let program = try layers.value(Settings.python)
        python = program.contains("/") ? Mounts.absolute(program) : program
        workers = try layers.value(Settings.preprocessingWorkers)
        var items: [(item: Item, origin: Origin)] = []
        let file = layers.config?.path ?? ""
        let fromFile = Origin(text: "\(file): preprocessings: ", status: .configuration)
        let fileFolder = (Mounts.absolute(file) as NSString).deletingLastPathComponent
        for pair in try layers.value(Settings.preprocessings) {
            let item = try Self.attempt(fromFile) { () throws(TensorError) in
                try Self.item(pair, fileFolder, home: layers.environment["HOME"] ?? NSHomeDirectory())
            }
            items.append((item, fromFile))
        }
        let isFlag = layers.flags[Settings.register.name] != nil
        let fromText = Origin(
            text: isFlag ? "--\(Settings.register.name): " : "\(Settings.register.variable): ",
            status: isFlag ? .usage : .configuration)
        for text in try layers.value(Settings.register) {
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2 else {
                throw CommandError(fromText.status, "\(fromText.text)'\(text)' is not of the form name=preprocessing")
            }
            let item = try Self.attempt(fromText) { () throws(TensorError) in try Self.item(sides[0], sides[1], folder)
            }
            items.append((item, fromText))
        }
        self.items = items
        try check()
    }

    /// Registers all of it; code of users' own is loaded in workers, and mentioned in the log where it fails.
    ///
    /// - Throws: exit code `usage` or `configuration`, by where it was registered.
    package func loaded(_ logger: Logger) throws(CommandError) -> LoadedPreprocessings {
        let own = UserPreprocessings(python: python, program: Daemon.executable, workers: workers, logger: logger)
        let loaded = LoadedPreprocessings(registry: try Self.standard(), own: own)
        do throws(CommandError) {
            for (item, origin) in items {
                try Self.attempt(origin) { () throws(TensorError) in
                    switch item {
                    case .preset(let name, let component): try loaded.registry.register(name, as: component)
                    case .own(let declaration): loaded.registry.register(try own.definition(declaration))
                    }
                }
            }
        } catch {
            loaded.stop()
            throw error
        }
        return loaded
    }

    /// Whether a folder of the mount's root can have this name.
    func isFree(_ name: String) -> Bool {
        let isRegistered = items.contains { item, _ in
            switch item {
            case .preset(let own, _): own == name
            case .own(let declaration): declaration.name == name
            }
        }
        guard !isRegistered, !EventsSpec.isMeant(by: name), let registry = try? Self.standard() else { return false }
        return (try? registry.checkIsFree(name)) != nil
    }

    /// Finds what is wrong without loading anything: names that are taken, presets of what does not exist.
    private func check() throws(CommandError) {
        let registry = try Self.standard()
        /// Names whose parameters only their code can tell.
        var later: Set<String> = []
        for (item, origin) in items {
            try Self.attempt(origin) { () throws(TensorError) in
                switch item {
                case .preset(let name, let component):
                    if later.contains(component.split(separator: ",").first.map(String.init) ?? "") {
                        try Self.checkIsFree(name, registry, later)
                        later.insert(name)
                    } else {
                        try Self.checkIsFree(name, registry, later)
                        try registry.register(name, as: component)
                    }
                case .own(let declaration):
                    try Self.checkIsFree(declaration.name, registry, later)
                    later.insert(declaration.name)
                }
            }
        }
    }

    private static func checkIsFree(
        _ name: String, _ registry: PreprocessingRegistry, _ later: Set<String>
    ) throws(TensorError) {
        guard !later.contains(name) else { throw TensorError(.invalidParameter, "\"\(name)\" is registered twice") }
        try registry.checkIsFree(name)
    }

    private static func standard() throws(CommandError) -> PreprocessingRegistry {
        do throws(TensorError) { return try PreprocessingRegistry(adding: []) } catch {
            throw CommandError(.failed, error.message, cause: error)
        }
    }

    private static func attempt<R>(_ origin: Origin, _ body: () throws(TensorError) -> R) throws(CommandError) -> R {
        do throws(TensorError) { return try body() } catch {
            throw CommandError(origin.status, origin.text + error.message, cause: error)
        }
    }

    /// `text` as flags have it.
    private static func item(_ name: String, _ text: String, _ folder: String) throws(TensorError) -> Item {
        if let own = try UserPreprocessingDeclaration(name, text: text, folder: folder) { return .own(own) }
        return .preset(name: name, component: text)
    }

    /// A line of the config file's mapping; its paths are relative to `folder`.
    private static func item(_ pair: RawSetting.Pair, _ folder: String, home: String) throws(TensorError) -> Item {
        func wrong(_ message: String) -> TensorError { TensorError(.invalidParameter, "\(pair.key): \(message)") }
        switch pair.value {
        case .text(let text): return try item(pair.key, text, folder)
        case .list: throw wrong("a preprocessing is a text or a mapping, not a list")
        case .pairs(let pairs):
            var settings: [(key: String, value: String)] = []
            var parameters: [(key: String, value: String)] = []
            for inner in pairs {
                switch (inner.key, inner.value) {
                case ("kwargs", .pairs(let kwargs)):
                    for argument in kwargs {
                        guard let text = argument.value.text else { throw wrong("\(argument.key) is no single value") }
                        parameters.append((argument.key, text))
                    }
                // kwargs: without anything.
                case ("kwargs", .text("")): continue
                case (_, .text(let text)):
                    let isHome = ["python", "native", "path"].contains(inner.key) && text.hasPrefix("~/")
                    settings.append((inner.key, isHome ? home + text.dropFirst() : text))
                default: throw wrong("\(inner.key) is no single value")
                }
            }
            return .own(
                try UserPreprocessingDeclaration(pair.key, settings: settings, parameters: parameters, folder: folder))
        }
    }
}

/// Preprocessings that can be used, and the processes of those that are the user's own.
package struct LoadedPreprocessings: Sendable {
    package let registry: PreprocessingRegistry
    fileprivate let own: UserPreprocessings

    /// Ends the processes; from then on frames of the user's own preprocessings fail.
    package func stop() { own.stop() }

    /// The processes that run them, for the status of a mount.
    var workers: [MountStatus.Workers] {
        own.workerFigures.map {
            MountStatus.Workers(preprocessing: $0.name, idle: $0.idle, busy: $0.busy, started: $0.started)
        }
    }
}
