// Files with a token in them: nobody but their owner may read those written here.

import Files
import Foundation
import HTTPAdapter

enum TokenFile {
    /// The token in the file at `path`; a new one, which is written there, when there is none.
    static func token(_ path: String) throws(CommandError) -> AccessToken {
        if let token = try read(path) { return token }
        let token = AccessToken.random()
        try write(token, to: path)
        return token
    }

    /// nil when there is no such file.
    static func read(_ path: String) throws(CommandError) -> AccessToken? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw CommandError(.configuration, "cannot read the token file '\(path)': \(reason)")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CommandError(.configuration, "the token file '\(path)' is no file")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw CommandError(
                .configuration,
                "anybody may read or change the token file '\(path)': chmod 600 it, and change the token")
        }
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = Foundation.read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        guard let token = AccessToken(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw CommandError(
                .configuration,
                "the token file '\(path)' has no token: \(AccessToken.rule); remove it, and a new one is written")
        }
        return token
    }

    /// Makes the file, for its owner only. Never writes into one that is there.
    static func write(_ token: AccessToken, to path: String) throws(CommandError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw CommandError(.outputUnwritable, "cannot write the token file '\(path)': \(reason)")
        }
        defer { close(descriptor) }
        do {
            var text = token.text + "\n"
            try text.withUTF8 { try FileCalls.write(UnsafeRawBufferPointer($0), to: descriptor, path) }
        } catch {
            unlink(path)
            throw CommandError(.outputUnwritable, "cannot write the token file '\(path)': \(error)", cause: error)
        }
    }

    /// Where a daemon without a token file of its own tells its owner the token.
    ///
    /// - Throws: exit code `outputUnwritable` when there is no folder that only its owner may use.
    static func ownPath(_ environment: [String: String]) throws(CommandError) -> String {
        let folder: String
        if let base = environment["XDG_RUNTIME_DIR"], base.hasPrefix("/"), access(base, W_OK) == 0 {
            folder = base + "/evh5-http"
        } else if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") {
            folder = base + "/evh5-http"
        } else {
            folder = (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/evh5-http"
        }
        do throws(FileError) { try makeDirectories(folder) } catch {
            throw CommandError(.outputUnwritable, "\(error.message); name a --token-file", cause: error)
        }
        chmod(folder, 0o700)
        return folder + "/\(getpid()).token"
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
