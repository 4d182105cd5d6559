// Where files are shown by HTTP and for whom, as settings say.

import Commands
import Foundation
import HTTPAdapter
import Testing
import VirtualTree

@Suite struct HTTPSettingsTests {
    private func settings(_ flags: [String: String], otherwise: ListenAddress? = nil) throws -> HTTPSettings? {
        try HTTPSettings(
            SettingLayers(flags: flags.mapValues { .text($0) }, environment: [:]), otherwise: otherwise)
    }

    private func status(_ flags: [String: String]) -> CommandExit? {
        do {
            _ = try settings(flags)
            return nil
        } catch { return (error as? CommandError)?.status }
    }

    @Test func noAddressIsNoServer() throws {
        #expect(try settings([:]) == nil)
        #expect(try settings([:], otherwise: ListenAddress(host: "127.0.0.1", port: 0))?.address.port == 0)
        let given = try settings(["http": "127.0.0.1:80"], otherwise: ListenAddress(host: "127.0.0.1", port: 0))
        #expect(given?.address == ListenAddress(host: "127.0.0.1", port: 80))
        #expect(given?.asksForToken == true && given?.tokenFile == nil)
        #expect(try settings(["http": "0"])?.address.description == "127.0.0.1:0")
    }

    @Test func othersNeedAToken() throws {
        #expect(status(["http": "0.0.0.0:80"]) == .usage)
        #expect(status(["http": "0.0.0.0:80", "token": "false"]) == .usage)
        #expect(status(["http": "[::]:80"]) == .usage)
        #expect(status(["http": "10.0.0.1:80", "token-file": "/t"]) == nil)
        #expect(status(["http": "127.0.0.1:80", "token": "false"]) == nil)
        #expect(status(["http": "127.0.0.1:80", "token": "false", "token-file": "/t"]) == .usage)
        #expect(try settings(["http": "[::1]:80", "token": "false"])?.asksForToken == false)
    }

    @Test(arguments: [
        ["http": "here"], ["http": "127.0.0.1"], ["http": "example.org:80"],
        ["http": "127.0.0.1:0", "host-name": "a b"],
        ["http": "127.0.0.1:0", "host-name": "http://a"], ["http": "127.0.0.1:0", "host-name": ""],
        ["http": "127.0.0.1:0", "token": "secret"], ["http": "127.0.0.1:0", "token-file": ""],
    ])
    func whatMakesNoSenseIsRefused(_ flags: [String: String]) { #expect(status(flags) == .usage) }

    @Test func namesAreAList() throws {
        let names = try settings(["http": "0", "host-name": "a.example,b-1.example"])?.hostNames
        #expect(names == ["a.example", "b-1.example"])
    }

    @Test func severalSourcesAreTheFolderThatAllAreIn() throws {
        let root = NSTemporaryDirectory() + "evh5-view-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["a/b", "a/c", "ab"] {
            try FileManager.default.createDirectory(atPath: root + "/" + folder, withIntermediateDirectories: true)
        }
        for file in ["a/x.raw", "a/b/y.raw"] { try Data().write(to: URL(fileURLWithPath: root + "/" + file)) }
        func common(_ names: [String]) -> (String, [String]) {
            let (folder, shown) = ViewSettings.common(names.map { root + "/" + $0 })
            return (String(folder.dropFirst(root.count)), shown)
        }
        #expect(common(["a"]) == ("/a", []))
        #expect(common(["a/x.raw"]) == ("/a", ["x.raw"]))
        #expect(common(["a/x.raw", "a/b/y.raw"]) == ("/a", ["x.raw", "b/y.raw"]))
        #expect(common(["a/b", "a/c"]) == ("/a", ["b", "c"]))
        #expect(common(["a/b/y.raw", "ab"]) == ("", ["a/b/y.raw", "ab"]))
        // One of them is in the other.
        #expect(common(["a", "a/b"]) == ("/a", []))
        #expect(ViewSettings.common(["/usr", "/etc"]) == ("/", ["usr", "etc"]))
    }
}
