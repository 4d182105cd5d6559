// The page's files are in the program, all of them and as they are.

import Foundation
import Testing
import Viewer

@Suite struct AssetTests {
    private let folder = (#filePath as NSString).deletingLastPathComponent + "/../../Sources/Viewer/Page"

    @Test func `every file of the page is in the program`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }
        #expect(names.contains("index.html") && names.count > 10)
        var total = 0
        for name in names {
            let asset = try #require(Viewer.asset(name), "\(name) is not in Sources/CPage/CPage.c")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)) == Data(asset.bytes), "\(name)")
            #expect(asset.mediaType != "application/octet-stream" && !asset.version.isEmpty)
            total += asset.bytes.count
        }
        // What a phone on a slow line can take.
        #expect(total < 300_000)
    }

    @Test func `the page itself has no name`() {
        #expect(Viewer.asset("")?.bytes == Viewer.asset("index.html")?.bytes)
        #expect(Viewer.asset("")?.mediaType == "text/html; charset=utf-8")
        #expect(Viewer.asset("none.js") == nil && Viewer.asset("../Viewer.swift") == nil)
    }
}
