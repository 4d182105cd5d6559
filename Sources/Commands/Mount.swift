// `evh5 mount`: mounts a folder of recordings, in the background unless asked otherwise.

import ArgumentParser
import FUSEAdapter
import Foundation
import Logging
import Recordings
import SidecarStore
import Synchronization
import VirtualTree

struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a folder of recordings.",
        discussion: """
            Every recording below SOURCE appears as MOUNTPOINT/<preprocessing>/<window>/<path>/<name>.h5.
            Returns 0 once the mount answers; else prints one line of reason and returns a code of docs/EXIT-CODES.md.
            Each setting is taken from its flag, else its environment variable, else the config file, else its default.
            """)

    @OptionGroup var flags: MountFlags

    func run() throws { try MountCommand.mount(MountSettings(flags)) }

    /// Mounts as `settings` say. The process in the background comes here, too: it has the same command line.
    static func mount(_ settings: MountSettings) throws(CommandError) {
        if let pipe = ReadinessPipe.fromEnvironment() {
            do throws(CommandError) { try MountCommand.serve(settings, background: pipe) } catch {
                pipe.fail(code: error.status.rawValue, message: error.message)
                // The process that started this one prints the reason.
                Foundation.exit(error.status.rawValue)
            }
        } else if settings.foreground {
            try MountCommand.serve(settings, background: nil)
        } else {
            try MountCommand.start(settings)
        }
    }

    /// Starts the same command in the background and waits for its word.
    private static func start(_ settings: MountSettings) throws(CommandError) {
        let result: Daemon.StartResult
        do {
            result = try Daemon.startInBackground(
                arguments: Array(CommandLine.arguments.dropFirst()), passing: settings.mount.passedDescriptor)
        } catch {
            throw CommandError(error)
        }
        guard result.exitCode != 0 else {
            if let directory = settings.tree.sidecarDirectory, let helper = settings.tree.sidecarHelper {
                let store = SidecarStore(directory: directory, readOnly: settings.tree.readOnly, helper: helper) { _ in
                }
                if let problem = store.accessProblem() { Output.problem("evh5: warning: \(problem)") }
            }
            return
        }
        throw CommandError(
            CommandExit(rawValue: result.exitCode) ?? .mountFailed, result.reason ?? "the mount failed without a reason"
        )
    }

    /// Mounts and answers until it is unmounted or told to end.
    private static func serve(_ settings: MountSettings, background pipe: ReadinessPipe?) throws(CommandError) {
        let (log, note) = try log(settings, background: pipe != nil)
        let logger = log.logger
        let inBackground = pipe != nil
        let lastWords = inBackground ? log.takeLastWords() : nil
        Daemon.ignoreOtherSignals(quit: inBackground)
        Daemon.keepMemorySmall()
        Daemon.allowManyFiles()
        // What a killed daemon left behind would hide the mount point.
        if settings.mount.passedDescriptor == nil {
            do { try Mounts.recoverDeadMount(settings.mount.mountPoint) } catch { throw CommandError(error) }
        }
        try settings.checkPlaces()
        if let problem = settings.cacheProblem() {
            logger.warning("\(problem)")
            // Until the mount answers, stderr is that of who mounts.
            if pipe != nil { Output.problem("evh5: warning: \(escaped(problem))") }
        }
        let preprocessings = try settings.preprocessings.loaded(logger)
        defer { preprocessings.stop() }
        let running = Running()
        let catalog: VirtualCatalog
        do {
            var tree = settings.tree
            tree.logStatus = { log.recent.status }
            tree.httpStatus = { running.server.withLock { $0?.status } }
            catalog = try VirtualCatalog(
                source: settings.source, options: tree, registry: preprocessings.registry, logger: logger)
        } catch {
            throw CommandError(.sourceUnusable, error.message, cause: error)
        }
        let fileSystem = VirtualFileSystem(catalog)
        // In the foreground, with no log file, it says that the terminal is gone.
        var onHangup: (@Sendable () -> Void)?
        if inBackground || settings.logDirectory != nil { onHangup = { log.reopen(inBackground: inBackground) } }
        defer { running.stop() }
        if let http = settings.http { try running.start(catalog, http, logger) }
        do {
            let session = try MountSession(fileSystem: fileSystem, options: settings.mount, logger: logger)
            try session.run(
                onReady: {
                    logger.notice(
                        "mounted '\(settings.source)' on '\(settings.mount.mountPoint)', \(programRevision)")
                    if let note { Output.problem("evh5: " + escaped(note)) }
                    if let problem = catalog.sidecarProblem { logger.warning("sidecars: \(problem)") }
                    if let pipe, !pipe.ready(standardError: lastWords) { session.stop() }
                },
                // A frame that hangs must not hold up the end.
                onStopping: {
                    running.stop()
                    preprocessings.stop()
                },
                onHangup: onHangup)
        } catch {
            throw CommandError(error)
        }
        running.stop()
        catalog.finish()
        logger.notice("unmounted '\(settings.mount.mountPoint)'")
    }

    /// The server beside a mount, once there is one.
    private final class Running: Sendable {
        let server = Mutex<FileServer?>(nil)

        func start(_ catalog: VirtualCatalog, _ http: HTTPSettings, _ logger: Logger) throws(CommandError) {
            let server = try FileServer(catalog, http, keepsToken: true, logger: logger)
            self.server.withLock { $0 = server }
            let status = server.status
            let whose = status.tokenFile.map { "; the token is in '\($0)'" } ?? ", with no token"
            logger.notice("http: the same files are at \(status.url)\(whose)")
            // Until the mount answers, stderr is that of who mounts; the token is for a terminal, and for no log.
            Output.problem("evh5: \(isatty(STDERR_FILENO) == 1 ? server.url : status.url)")
        }

        func stop() { server.withLock { $0 }?.stop() }
    }

    /// The log, and what whoever mounts shall know about it.
    private static func log(
        _ settings: MountSettings, background: Bool
    ) throws(CommandError) -> (MountLog, note: String?) {
        let (level, format) = (settings.logLevel, settings.logFormat)
        if let directory = settings.logDirectory { return (try MountLog.file(in: directory, level, format), nil) }
        guard background else { return (MountLog.standardError(level, format), nil) }
        guard !MountLog.hasSystemLog else { return (MountLog.system(level, format), nil) }
        // Without this the log would be lost, and with it every reason for an error.
        let folder = MountLog.folderWithoutSystemLog(ProcessInfo.processInfo.environment)
        do throws(CommandError) {
            let log = try MountLog.file(in: folder, level, format)
            return (log, "there is no syslog here, so log lines go to \(log.recent.status.destination)")
        } catch {
            return (
                MountLog.system(level, format),
                "there is no syslog here, and \(error.message): log lines are lost but for the last warnings in `evh5 status`"
            )
        }
    }
}
