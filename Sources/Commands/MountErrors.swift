// Errors of mounting as exit codes.

import FUSEAdapter
import Tensors

extension CommandError {
    init(_ error: MountError) {
        let status: CommandExit =
            switch error.code {
            case .mountPointUnusable, .alreadyMounted: .mountPointUnusable
            case .fuseUnavailable, .mountRefused: .fuseUnavailable
            case .notMounted: .notMounted
            case .notAnswering: .notAnswering
            case .busy: .busy
            case .notPermitted: .failed
            case .sessionFailed, .daemonFailed: .mountFailed
            }
        self.init(status, error.message + CommandError.hint(error.message), cause: error)
    }

    /// What an option was meant to be that libfuse does not know.
    private static func hint(_ message: String) -> String {
        guard let start = message.range(of: "unknown option(s): `-o ") else { return "" }
        let option = message[start.upperBound...].prefix { $0 != "'" && $0 != "=" && $0 != "," }
        let names =
            Settings.all.map(\.name) + ["allow_other", "default_permissions", "noatime", "nonempty", "max_read"]
        return NearMiss.question(String(option), in: names).map { "; " + $0 } ?? ""
    }
}
