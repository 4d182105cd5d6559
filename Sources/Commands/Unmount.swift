// `evh5 unmount`: ends a mount and waits until its daemon has gone.

import ArgumentParser
import FUSEAdapter
import Foundation
import VirtualTree

struct Unmount: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Unmount, and wait until the daemon has gone.",
        discussion:
            "The exit code is 7 (not-mounted) when nothing of evh5 is mounted there, 8 (busy) when it is in use.")

    @Argument(help: "Where it is mounted.")
    var mountPoint: String
    @Flag(help: "Also when it is in use or hangs: it disappears at once and ends with its last user.")
    var lazy = false

    /// How long a daemon may take to end after its mount has gone; it only frees memory then.
    private static let patience = Duration.seconds(20)

    func run() throws {
        // A lazy unmount asks the daemon nothing: it is also the way out when that hangs.
        let daemon = lazy ? nil : try? MountStatus.read(at: mountPoint).pid
        do { try Mounts.unmount(mountPoint, lazy: lazy) } catch { throw CommandError(error) }
        guard let daemon else { return }
        let clock = ContinuousClock()
        let end = clock.now + Unmount.patience
        while Unmount.runs(daemon) {
            guard clock.now < end else {
                throw CommandError(.failed, "'\(mountPoint)' is unmounted, but its daemon \(daemon) has not ended yet")
            }
            usleep(5000)
        }
    }

    /// Whether the process is there; one that has ended but that nobody has waited for (state Z) is not.
    private static func runs(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        // pid (name) state ...; the name may hold anything.
        guard let parenthesis = text.lastIndex(of: ")") else { return false }
        return !["Z", "X"].contains(text[parenthesis...].dropFirst(2).first)
    }
}
