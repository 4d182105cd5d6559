// What settings say of the server.

import ArgumentParser
import FUSEAdapter
import HTTPAdapter

extension Settings {
    package static let http = Setting<ListenAddress?>(
        "http", "Also show the files by HTTP, on this address; 127.0.0.1:0 takes a free port. See docs/HTTP.md.",
        takes: "a numeric address and a port, such as 127.0.0.1:8080 or [::1]:8080", default: nil, shown: "",
        parse: { $0.text.flatMap { ListenAddress($0) }.map(Optional.some) })
    package static let tokenFile = Setting<String?>(
        "token-file",
        "The file with the token that HTTP requests must show; it is written when it is not there. Needed where others can connect.",
        takes: "a file", default: nil, shown: "", parse: path)
    package static let token = Setting(
        switch: "token", isOn: true, "HTTP requests must show a token. Only a loopback address can do without.")
    package static let hostNames = Setting<[String]>(
        "host-name", "More names that HTTP requests may call this machine by, with commas between them.",
        takes: "names such as login7.example.org", default: [], shown: "localhost and the address itself",
        parse: { raw in
            guard let names = raw.items, !names.isEmpty else { return nil }
            let isName: (String) -> Bool = { name in
                !name.isEmpty && name.utf8.allSatisfy { $0 > 0x2C && $0 < 0x7F && !"/:@[]".utf8.contains($0) }
            }
            return names.allSatisfy(isName) ? names : nil
        })
}

/// The flags of whatever shows files by HTTP.
struct HTTPFlags: ParsableArguments {
    @Option(Settings.http, valueName: "address:port")
    var http: String?
    @Option(Settings.tokenFile, valueName: "file")
    var tokenFile: String?
    @Flag(Settings.token)
    var token: Bool?
    @Option(Settings.hostNames, valueName: "list")
    var hostNames: String?

    /// The flags that were given, by their settings' names.
    var given: [String: RawSetting] {
        RawSetting.given(
            [(Settings.http, http), (Settings.tokenFile, tokenFile), (Settings.hostNames, hostNames)],
            switches: [(Settings.token, token)])
    }
}

/// Where and for whom files are shown by HTTP.
package struct HTTPSettings: Sendable {
    package let address: ListenAddress
    package let asksForToken: Bool
    /// Absolute path; nil when a token is made for this time.
    package let tokenFile: String?
    package let hostNames: [String]

    /// nil when no address is given and there is none `otherwise`.
    ///
    /// - Throws: exit code `usage` when others could connect without a token that is known to somebody.
    package init?(_ layers: SettingLayers, otherwise: ListenAddress? = nil) throws(CommandError) {
        guard let address = try layers.value(Settings.http) ?? otherwise else { return nil }
        self.address = address
        asksForToken = try layers.value(Settings.token)
        tokenFile = try layers.value(Settings.tokenFile).map(Mounts.absolute)
        hostNames = try layers.value(Settings.hostNames)
        guard asksForToken || tokenFile == nil else {
            throw CommandError(.usage, "--no-token and --token-file contradict each other")
        }
        guard address.isLoopback || tokenFile != nil else {
            throw CommandError(
                .usage,
                "\(address) can be reached from other machines: say --token-file FILE (it is written when it is not there), or listen on 127.0.0.1 and use ssh -L"
            )
        }
    }

    /// The server's options with the token: that of the file, which is written when it is not there, or a new one.
    ///
    /// - Throws: exit code `configuration` when the file has no token or others may read it, `outputUnwritable`.
    func options() throws(CommandError) -> ServerOptions {
        var options = ServerOptions()
        options.address = address
        options.hostNames = hostNames
        if asksForToken { options.token = try tokenFile.map(TokenFile.token) ?? AccessToken.random() }
        return options
    }
}
