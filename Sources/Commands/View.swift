// `evh5 view`: shows recordings by HTTP without a mount, until it is told to end.

import ArgumentParser
import FUSEAdapter
import Foundation
import HTTPAdapter
import Logging
import Synchronization
import VirtualTree

struct View: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show recordings by HTTP, without a mount.",
        discussion: """
            $ evh5 view recordings/
            http://127.0.0.1:41877/?token=2c5c...

            What a mount shows is there for a browser, h5py with fsspec, curl, wget and rclone; docs/HTTP.md has a line for each.
            Several sources are shown as the folder that they are all in, with nothing else of it. Only this machine can connect,
            unless --http says otherwise. Nothing can be written; what was added through a mount is shown. Ctrl-C ends it.
            """)

    @OptionGroup var flags: ViewFlags

    func run() throws {
        let settings = try ViewSettings(flags)
        let log =
            try settings.logDirectory.map { directory throws(CommandError) in
                try MountLog.file(in: directory, settings.logLevel, settings.logFormat)
            } ?? .standardError(settings.logLevel, settings.logFormat)
        Daemon.keepMemorySmall()
        Daemon.allowManyFiles()
        let end = DispatchSemaphore(value: 0)
        // From here on Ctrl-C ends it in good order.
        let interruption = Interruption { end.signal() }
        let preprocessings = try settings.preprocessings.loaded(log.logger)
        defer { preprocessings.stop() }
        var tree = settings.tree
        tree.logStatus = { log.recent.status }
        let running = Mutex<FileServer?>(nil)
        tree.httpStatus = { running.withLock { $0?.status } }
        let catalog: VirtualCatalog
        do {
            catalog = try VirtualCatalog(
                source: settings.source, options: tree, registry: preprocessings.registry, logger: log.logger)
        } catch { throw CommandError(.sourceUnusable, error.message, cause: error) }
        if let problem = catalog.sidecarProblem { log.logger.warning("sidecars: \(problem)") }
        let server = try FileServer(catalog, settings.http, keepsToken: false, logger: log.logger)
        running.withLock { $0 = server }
        Output.line(server.url)
        Output.problem("evh5: showing '\(escaped(settings.source))'; Ctrl-C ends it")
        end.wait()
        server.stop()
        preprocessings.stop()
        catalog.finish(seconds: 0.3)
        withExtendedLifetime(interruption) {}
        // Threads may be computing what nobody waits for any more; the libraries' own ends must not pull them down.
        fflush(nil)
        _exit(CommandExit.ok.rawValue)
    }
}

/// What `view` is told on its command line.
struct ViewFlags: ParsableArguments {
    @Argument(help: "Folders of recordings, or recordings.")
    var sources: [String] = []
    @Option(
        name: .customLong("config-file"),
        help:
            "A mount's config file; what it says of recordings, the cache and HTTP is used here too. (EVH5_CONFIG_FILE)"
    )
    var configFile: String?
    @OptionGroup var tree: TreeFlags

    /// - Throws: exit code `usage` or `configuration`.
    func layers() throws(CommandError) -> SettingLayers {
        try .standard(flags: tree.given, configFile: configFile)
    }
}
