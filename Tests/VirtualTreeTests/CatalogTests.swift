// The core asked by path: the same files that a mount shows, by canonical paths only, and nothing above or beside them.

import Foundation
import Logging
import Testing
import VirtualTree

@Suite struct CatalogTests {
    private func source() throws -> Source {
        let source = try Source()
        try source.write("a.raw", evt2(line(500, step: 2_000)))
        try source.write("sub/b.raw", evt2(line(100, step: 2_000)))
        try source.write("sub/notes.txt", Array("some notes".utf8))
        return source
    }

    private func catalog(_ source: Source) throws -> VirtualCatalog { try source.tree().catalog }

    private func bytes(_ document: VirtualDocument, chunk: Int64) throws -> [UInt8] {
        try stride(from: 0, to: document.size, by: Int(chunk)).flatMap { start in
            try document.read(start..<start + chunk).pieces.flatMap { Array($0.bytes) }
        }
    }

    private func errno(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch { return (error as? FileSystemError)?.errno ?? -1 }
    }

    @Test(arguments: ["histo/50ms/a.h5", "events/sub/b.h5", "timesurface/10ms/sub/b.h5", "histo/50ms/sub/notes.txt"])
    func aDocumentIsTheFileOfTheMount(_ path: String) throws {
        let tree = try source().tree()
        let document = try tree.catalog.file(at: path)
        let entry = try tree.walk(path)
        #expect(document.path == path)
        #expect(document.size == entry.attributes.size)
        #expect(document.modified == entry.attributes.modified)
        #expect(try bytes(document, chunk: 777) == tree.bytes(path))
        #expect(try document.read(document.size - 1..<document.size + 100).count == 1)
        #expect(try document.read(document.size..<document.size + 1).count == 0)
    }

    @Test func otherSpellingsLeadToTheCanonicalPath() throws {
        let catalog = try catalog(source())
        for path in ["histo/50000us/sub/b.h5", "histo/0.05s/sub/b.h5"] {
            #expect(try catalog.look(at: path) == catalog.look(at: "histo/50ms/sub/b.h5"))
            #expect(try catalog.file(at: path).path == "histo/50ms/sub/b.h5")
            #expect(try catalog.folder(at: String(path.dropLast(5))).path == "histo/50ms/sub")
        }
        // A link of a file that leads up and down again.
        #expect(try catalog.look(at: "histo,height=4,width=8/50ms/sub/b.h5").path == "histo,downsample=2/50ms/sub/b.h5")
        #expect(try catalog.look(at: "").kind == .folder)
    }

    @Test(arguments: [
        "/histo", "histo/", "histo//50ms", ".", "..", "histo/..", "histo/50ms/../../../etc/passwd", "histo/50ms/./a.h5",
        "histo/50ms/a.h5\0", "histo/50ms/sub\0/b.h5", "histo/50ms/a.h5/x", "histo/50ms/a.raw", "etc/passwd", "/",
    ])
    func onlyNamesOfTheTreeLeadSomewhere(_ path: String) throws {
        let catalog = try catalog(source())
        #expect([ENOENT, ENOTDIR].contains(errno { _ = try catalog.look(at: path) }))
        #expect([ENOENT, ENOTDIR].contains(errno { _ = try catalog.file(at: path) }))
        #expect([ENOENT, ENOTDIR].contains(errno { _ = try catalog.folder(at: path) }))
    }

    @Test func linksOutOfTheSourceAreRefusedWhereOthersMayRead() throws {
        let outside = try Source()
        try outside.write("secret.txt", Array("secret".utf8))
        try outside.write("secret.raw", evt2(line(100, step: 2_000)))
        let source = try source()
        for name in ["secret.txt", "secret.raw"] { try source.link(name, to: outside.path + "/" + name) }
        let catalog = try source.tree { $0.linksMayLeaveSource = false }.catalog
        #expect(errno { _ = try catalog.file(at: "histo/50ms/secret.txt") } == EACCES)
        #expect(errno { _ = try catalog.file(at: "histo/50ms/secret.h5") } != 0)
        #expect(try catalog.file(at: "histo/50ms/a.h5").size > 0)
    }

    @Test func foldersAndFilesAreToldApart() throws {
        let catalog = try catalog(source())
        #expect(errno { _ = try catalog.file(at: "histo/50ms/sub") } == EISDIR)
        #expect(errno { _ = try catalog.file(at: "") } == EISDIR)
        #expect(errno { _ = try catalog.folder(at: "histo/50ms/a.h5") } == ENOTDIR)
    }

    @Test func aFolderListsWhatTheMountDoes() throws {
        let source = try source()
        // What was written just now may be written to once more, so that nothing is remembered of it.
        let before = Date(timeIntervalSinceNow: -60)
        try FileManager.default.setAttributes([.modificationDate: before], ofItemAtPath: source.path + "/sub/b.raw")
        let tree = try source.tree()
        for path in ["", "histo", "histo/50ms", "events/sub"] {
            #expect(try Array(tree.catalog.folder(at: path).entries.map(\.name)) == tree.names(path))
        }
        let folder = try tree.catalog.folder(at: "histo/50ms/sub")
        func entry(_ name: String) -> VirtualEntry? { folder.entries.first { $0.name == name } }
        #expect(entry("notes.txt")?.size == 10)
        let size = try tree.catalog.file(at: "histo/50ms/sub/b.h5").size
        #expect(entry("b.h5")?.kind == .file && entry("b.h5")?.size == size)
        #expect(try tree.catalog.folder(at: "").entries.allSatisfy { $0.kind == .folder && $0.size == nil })
    }

    @Test func theVersionIsOfTheContent() throws {
        let source = try source()
        let path = "histo/50ms/a.h5"
        let first = try catalog(source).file(at: path)
        // Also after a restart.
        #expect(try catalog(source).file(at: path).version == first.version)
        let catalog = try catalog(source)
        let other = try source.tree { $0.programVersion = "1" }.catalog
        #expect(try other.file(at: path).version != first.version)
        let held = try catalog.file(at: path)
        let before = try bytes(held, chunk: 1 << 20)
        #expect(try catalog.file(at: path).version == first.version)
        let version = try catalog.file(at: "histo/50ms/sub/notes.txt").version
        try source.write("new.raw", evt2(line(700, step: 2_000)))
        #expect(rename(source.path + "/new.raw", source.path + "/a.raw") == 0)
        let after = try catalog.file(at: path)
        #expect(after.version != first.version && after.size > first.size)
        #expect(try catalog.file(at: "histo/50ms/sub/notes.txt").version == version)
        // Who has it open reads on in what it was.
        #expect(try bytes(held, chunk: 1 << 20) == before)
        #expect(after.version.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 })
    }

    @Test func theStatusCountsDocumentsAndIsAnotherOneEachTime() throws {
        let catalog = try catalog(source())
        let before = catalog.status().openFiles
        let held = try catalog.file(at: "histo/50ms/a.h5")
        #expect(catalog.status().openFiles == before + 1)
        withExtendedLifetime(held) {}
        let status = try catalog.file(at: ".evh5/status.json")
        #expect(try catalog.file(at: ".evh5/status.json").version != status.version)
        let text = try bytes(status, chunk: 1000)
        #expect(try JSONDecoder().decode(MountStatus.self, from: Data(text)).used == ["histo/50ms"])
    }
}
