// The command line's root: the subcommands, and how errors become exit codes.

import ArgumentParser
import Foundation
import Tensors

/// The `evh5` command.
public struct EVH5: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "evh5",
        abstract: "Mount a directory of event-camera recordings and read any of them as HDF5.",
        discussion: """
            $ evh5 mount recordings/ /mnt/h5
            $ h5ls -v /mnt/h5/timesurface/250ms/traffic.h5
            $ evh5 unmount /mnt/h5

            Exit codes are named in docs/EXIT-CODES.md. `evh5 --generate-completion-script bash` (or zsh, fish) prints a script that
            completes commands and flags.
            """,
        version: programRevision,
        subcommands: [
            MountCommand.self, View.self, Unmount.self, Status.self, Top.self, Info.self, Index.self, Generate.self,
            Warm.self,
            Cache.self,
            Sidecar.self, PreviewCommand.self, Synth.self, Doctor.self, SidecarHelperCommand.self,
            PreprocessingWorkerCommand.self,
        ])

    public init() {}

    /// Runs the command line and exits with the code of what happened; a failure is one line on stderr.
    public static func main() {
        signal(SIGPIPE, SIG_IGN)
        // A file that a limit keeps from growing is an error like any other.
        signal(SIGXFSZ, SIG_IGN)
        // mount(8) runs this binary under the helper's name.
        if let program = CommandLine.arguments.first, URL(filePath: program).lastPathComponent == MountHelper.name {
            MountHelper.main()
        }
        do {
            if let complaint = NearMiss.complaint(Array(CommandLine.arguments.dropFirst()), root: EVH5.self) {
                throw CommandError(.usage, "\(complaint) (see evh5 --help)")
            }
            var command = try parseAsRoot()
            try command.run()
        } catch let error as CommandError {
            Output.problem("evh5: " + escaped(error.message))
            Foundation.exit(error.status.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
