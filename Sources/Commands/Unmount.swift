// `evh5 unmount`: ends a mount and waits until its daemon has gone.

import ArgumentParser
import FUSEAdapter
import Foundation
import VirtualTree

struct Unmount: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Unmount, and wait until the daemon has gone.",
        discussion: """
            Exit codes: 7 (not-mounted) when nothing of evh5 is mounted there, 8 (busy) when it is in use, 12 (not-answering) when
            it is unmounted, but its daemon is stopped and so cannot end.
            """)

    @Argument(help: "Where it is mounted.")
    var mountPoint: String
    @Flag(help: "Also when it is in use or hangs: it disappears at once and ends with its last user.")
    var lazy = false

    /// How long a daemon may take to end after its mount has gone; it only frees memory then.
    private static let patience = Duration.seconds(20)

    func run() throws {
        // The daemon is not asked unless it cannot be found otherwise: it may be stopped, or hang.
        let mount = Mounts.mount(of: mountPoint)?.mount
        var daemon = mount.flatMap { DaemonProcess.find($0) }
        if let mount, !lazy, daemon == nil, let process = (try? MountStatus.read(mount))?.pid {
            daemon = DaemonProcess(process: process)
        }
        do { try Mounts.unmount(mountPoint, lazy: lazy) } catch { throw CommandError(error) }
        guard !lazy, let daemon else { return }
        guard !daemon.isStopped else {
            throw CommandError(
                .notAnswering,
                "'\(mountPoint)' is unmounted, but its daemon, process \(daemon.process), is stopped and so cannot end; `kill -CONT \(daemon.process)`"
            )
        }
        let clock = ContinuousClock()
        let end = clock.now + Unmount.patience
        while DaemonProcess.runs(daemon.process) {
            guard clock.now < end else {
                throw CommandError(
                    .failed, "'\(mountPoint)' is unmounted, but its daemon \(daemon.process) has not ended yet")
            }
            usleep(5000)
        }
    }
}
