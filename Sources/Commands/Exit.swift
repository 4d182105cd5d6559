// How a command ends: the exit codes, each with a name that docs/EXIT-CODES.md documents, and the error that carries
// one.

/// A command's exit code. The numbers are a promise to scripts: they are never reused for something else.
public enum CommandExit: Int32, Sendable, CaseIterable {
    /// All was done.
    case ok = 0
    /// Something failed that no other code names.
    case failed = 1
    /// At least one of the recordings cannot be used.
    case recordingUnusable = 3
    /// The source is no readable directory.
    case sourceUnusable = 4
    /// The mount point is no directory that can be mounted on.
    case mountPointUnusable = 5
    /// FUSE is missing or refuses to mount.
    case fuseUnavailable = 6
    /// Nothing of evh5 is mounted there, or what was there no longer answers.
    case notMounted = 7
    /// The mount is in use.
    case busy = 8
    /// The mount started but ended before it answered.
    case mountFailed = 9
    /// What a command should write cannot be written.
    case outputUnwritable = 10
    /// There is no such sidecar or state, several fit, or it is damaged.
    case sidecarUnusable = 11
    /// The mount is there, but its daemon is stopped or hangs.
    case notAnswering = 12
    /// Nothing can listen on the address, or somebody does.
    case addressUnusable = 13
    /// The command line is wrong (EX_USAGE of sysexits.h).
    case usage = 64
    /// The environment or the config file is wrong (EX_CONFIG of sysexits.h).
    case configuration = 78

    /// The name in docs/EXIT-CODES.md.
    public var name: String {
        switch self {
        case .ok: "ok"
        case .failed: "failed"
        case .recordingUnusable: "recording-unusable"
        case .sourceUnusable: "source-unusable"
        case .mountPointUnusable: "mountpoint-unusable"
        case .fuseUnavailable: "fuse-unavailable"
        case .notMounted: "not-mounted"
        case .busy: "busy"
        case .mountFailed: "mount-failed"
        case .outputUnwritable: "output-unwritable"
        case .sidecarUnusable: "sidecar-unusable"
        case .notAnswering: "not-answering"
        case .addressUnusable: "address-unusable"
        case .usage: "usage"
        case .configuration: "configuration"
        }
    }
}

/// Why a command stopped: its exit code, one line that says what went wrong and what to do, and the cause below it.
public struct CommandError: Error, Sendable, CustomStringConvertible {
    public let status: CommandExit
    public let message: String
    public let cause: (any Error)?

    public init(_ status: CommandExit, _ message: String, cause: (any Error)? = nil) {
        self.status = status
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
