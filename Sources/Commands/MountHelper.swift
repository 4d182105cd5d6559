// `mount.fuse.evh5`: what mount(8), and so fstab and systemd, run for `mount -t fuse.evh5`. It is this binary under
// another name.

import ArgumentParser
import Foundation

/// Mounts for mount(8): its arguments are those that mount(8) gives to any helper, its exit codes those of mount(8).
struct MountHelper: ParsableCommand {
    /// What mount(8) looks for in /sbin.
    static let name = "mount.fuse.evh5"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Mount a folder of recordings, for mount(8), fstab and systemd.",
        discussion: """
            $ mount -t fuse.evh5 -o ro,allow_other,memory-target=1G /srv/recordings /srv/h5

            Options are the flags of `evh5 mount` without --, config-file=FILE, and those of fstab and FUSE. A comma ends an option, so lists
            have : between their items (windows=10ms:50ms). Exit codes are those of mount(8): 1 for wrong options, 32 when the mount failed.
            """,
        version: programRevision)

    @Argument(help: "The folder of recordings.")
    var source: String
    @Argument(help: ArgumentHelp("The folder to mount on.", valueName: "mountpoint"))
    var mountPoint: String
    @Option(name: .customShort("o"), help: ArgumentHelp("Options, with commas between them.", valueName: "a,b=c"))
    var options: [String] = []
    @Option(name: .customShort("t"), help: ArgumentHelp("fuse.evh5; there is no other.", valueName: "type"))
    var type: String?
    @Flag(name: .customShort("f"), help: "Check the options, but mount nothing.")
    var fake = false
    @Flag(name: .customShort("s"), help: "Accepted, as mount(8) may give it; options must be right nevertheless.")
    var sloppy = false
    @Flag(name: .customShort("n"), help: "Accepted, as mount(8) may give it.")
    var noTable = false
    @Flag(name: .customShort("v"), help: "Accepted, as mount(8) may give it.")
    var verbose = false

    func run() throws {
        let list = try OptionList(options)
        var given = list.given
        given[Settings.source.name] = .text(source)
        given[Settings.mountPoint.name] = .text(mountPoint)
        // mount(8) waits for the end of its helper, whatever a config file that is made for people says.
        given[Settings.foreground.name] = .text("false")
        let settings = try MountSettings(SettingLayers.standard(flags: given, configFile: list.configFile))
        if !fake { try MountCommand.mount(settings) }
    }

    /// Runs the command line and exits with a code of mount(8); a failure is one line on stderr.
    static func main() -> Never {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as CommandError {
            Output.problem("\(name): " + escaped(error.message))
            Foundation.exit(code(error.status))
        } catch {
            Output.write(fullMessage(for: error) + "\n", to: exitCode(for: error) == .success ? 1 : 2)
            Foundation.exit(exitCode(for: error) == .success ? 0 : code(.usage))
        }
        Foundation.exit(0)
    }

    /// mount(8): 1 is an incorrect invocation, 32 a failed mount.
    private static func code(_ status: CommandExit) -> Int32 {
        switch status {
        case .ok: 0
        case .usage, .configuration: 1
        default: 32
        }
    }
}
