// Addresses: what they mean, and that nothing in them leads out.

import HTTPAdapter
import Testing

@Suite struct RequestTargetTests {
    @Test func pathsAndQueriesAreDecoded() throws {
        let target = try RequestTarget("/histo,a=1/50ms/K%C3%BCche%20%2B1/a.h5?token=abc&q=a+b%26c&flag")
        #expect(target.path == "histo,a=1/50ms/Küche +1/a.h5")
        #expect(!target.hasSlash)
        #expect(target.query == ["token": "abc", "q": "a b&c", "flag": ""])
        #expect(try RequestTarget("/").path == "")
        #expect(try RequestTarget("/").hasSlash)
        let folder = try RequestTarget("/histo/")
        #expect(folder.path == "histo" && folder.hasSlash)
        // A plus is itself in a path.
        #expect(try RequestTarget("/a+b").path == "a+b")
    }

    @Test(arguments: [
        "", "histo", "http://other/histo", "*", "//etc/passwd", "/a//b", "/.", "/..", "/../etc", "/a/../b",
        "/a/%2e%2e/b",
        "/a/%2E./b", "/a%2fb", "/..%2fetc%2fpasswd", "/a%2Fb", "/a%00b", "/a%0", "/a%", "/a%zz", "/a%+1", "/%ff",
        "/%c0%ae%c0%ae/etc", "/%ed%a0%80", "/a b", "/a\tb", "/ä", "/a#b", "/a?x=%00", "/a?x=1&x=2", "/a?%ff=1",
    ])
    func whatCouldLeadElsewhereIsRefused(_ uri: String) {
        #expect(throws: RequestTarget.Malformed.self) { try RequestTarget(uri) }
    }

    @Test func manyParametersAreRefused() {
        func uri(_ count: Int) -> String { "/?" + (0..<count).map { "a\($0)=1" }.joined(separator: "&") }
        #expect(throws: Never.self) { try RequestTarget(uri(64)) }
        #expect(throws: RequestTarget.Malformed.self) { try RequestTarget(uri(65)) }
    }

    @Test func whatWasEncodedIsDecoded() throws {
        let names = [
            "a b", "ä%/".replacing("/", with: ""), "c:d", "e&f=g,h", "\u{1}\n", "?#[]@!$'()*+;", "\"<>\\^`{|}",
        ]
        for name in names { #expect(try RequestTarget("/" + RequestTarget.encoded(name)).path == name) }
    }

    @Test func referencesAreRelative() throws {
        func reference(_ uri: String, _ path: String, isFolder: Bool = false) throws -> String {
            try RequestTarget(uri).reference(to: path, isFolder: isFolder)
        }
        #expect(try reference("/histo/50000us/a.h5?token=t", "histo/50ms/a.h5") == "../../histo/50ms/a.h5?token=t")
        #expect(try reference("/histo", "histo", isFolder: true) == "./histo/")
        #expect(try reference("/histo/50000us/", "histo/50ms", isFolder: true) == "../../histo/50ms/")
        #expect(try reference("/histo/50ms", "histo/50ms", isFolder: true) == "../histo/50ms/")
        #expect(try reference("/a%20b/c%3Ad", "a b/c:d", isFolder: true) == "../a%20b/c%3Ad/")
    }
}
