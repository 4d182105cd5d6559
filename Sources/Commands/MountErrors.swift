// Errors of mounting as exit codes.

import FUSEAdapter

extension CommandError {
    init(_ error: MountError) {
        let status: CommandExit =
            switch error.code {
            case .mountPointUnusable, .alreadyMounted: .mountPointUnusable
            case .fuseUnavailable, .mountRefused: .fuseUnavailable
            case .notMounted: .notMounted
            case .busy: .busy
            case .notPermitted: .failed
            case .sessionFailed, .daemonFailed: .mountFailed
            }
        self.init(status, error.message, cause: error)
    }
}
