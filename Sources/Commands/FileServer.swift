// The HTTP server as commands run it: its settings, its token and who is told.

import FUSEAdapter
import Foundation
import HTTPAdapter
import Logging
import Synchronization
import VirtualTree

/// A running server.
final class FileServer: Sendable {
    private let server: HTTPServer
    /// The file that tells the owner the token; nil when none is asked for.
    private let tokenFile: String?
    /// Whether that file goes with the server.
    private let isOwnFile: Bool

    /// - Parameter keepsToken: whether a token that was made for this time is written to a file, where only the owner
    ///   finds it: a daemon has nobody to tell it to.
    /// - Throws: exit code `addressUnusable`, or what is wrong with the token file.
    init(
        _ catalog: VirtualCatalog, _ settings: HTTPSettings, keepsToken: Bool, logger: Logger
    ) throws(CommandError) {
        let options = try settings.options()
        do throws(HTTPServerError) {
            server = try HTTPServer(
                catalog, pages: ServedPages.pages(catalog), options: options, logger: logger)
        } catch {
            throw CommandError(
                error.code == .unprotected ? .usage : .addressUnusable, error.message, cause: error)
        }
        guard let token = options.token, settings.tokenFile == nil, keepsToken else {
            tokenFile = settings.tokenFile
            isOwnFile = false
            return
        }
        do throws(CommandError) {
            let path = try TokenFile.ownPath(ProcessInfo.processInfo.environment)
            // Of a daemon of the same number that was killed.
            unlink(path)
            try TokenFile.write(token, to: path)
            tokenFile = path
            isOwnFile = true
        } catch {
            server.stop()
            throw error
        }
    }

    /// With the token in it.
    var url: String { server.url }

    var address: ListenAddress { server.address }

    /// What anybody may know.
    var status: MountStatus.HTTP { MountStatus.HTTP(url: "http://\(server.address)/", tokenFile: tokenFile) }

    func stop() {
        server.stop()
        if isOwnFile, let tokenFile { unlink(tokenFile) }
    }
}
