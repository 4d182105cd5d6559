// Files that appear when they are complete, and that one process at a time makes.

import Files
import Foundation
import Generation
import Testing

@Suite struct OutputFileTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    private func begin(_ name: String) throws -> OutputFile? {
        guard case .file(let file) = try OutputFile.begin(folder / name) else { return nil }
        return file
    }

    private func write(_ file: OutputFile, _ bytes: [UInt8], at offset: Int64 = 0) throws {
        try bytes.withUnsafeBytes { try file.write($0, at: offset) }
    }

    @Test func appearsWhenPublished() throws {
        let file = try #require(try begin("below/a.h5"))
        try write(file, [1, 2, 3, 4])
        try write(file, [9], at: 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "below") == [".a.h5.part"])
        #expect(try file.publish() == 4)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder / "below") == ["a.h5"])
        #expect(try contents(folder / "below/a.h5") == Data([1, 9, 3, 4]))
        file.discard()
        #expect(FileManager.default.fileExists(atPath: folder / "below/a.h5"))
    }

    @Test func longNamesHaveShorterTemporaryOnes() throws {
        for stem in [String(repeating: "a", count: 252), String(repeating: "é", count: 126)] {
            let file = try #require(try begin(stem + ".h5"))
            let part = try #require(folder.names().first)
            #expect(part.hasPrefix("." + stem.prefix(60)) && part.hasSuffix(".h5.part") && part.utf8.count <= 255)
            // One name, one lock.
            guard case .busy = try OutputFile.begin(folder / (stem + ".h5")) else {
                throw FileError(errno: 0, message: "not busy")
            }
            let other = try #require(try begin(String(stem.dropLast()) + "b.h5"))
            #expect(try folder.names().count == 2)
            other.discard()
            try write(file, [1])
            #expect(try file.publish() == 1)
            #expect(try folder.names() == [stem + ".h5"])
            try FileManager.default.removeItem(atPath: folder / (stem + ".h5"))
        }
        let error = #expect(throws: FileError.self) { try begin(String(repeating: "a", count: 253) + ".h5") }
        #expect(error?.errno == ENAMETOOLONG)
    }

    @Test func isGoneWhenDiscarded() throws {
        for discards in [true, false] {
            var file = try begin("a.h5")
            try write(try #require(file), [1])
            if discards { file?.discard() }
            file = nil
            #expect(try folder.names() == [])
        }
    }

    @Test func oneAtATime() throws {
        let file = try #require(try begin("a.h5"))
        guard case .busy = try OutputFile.begin(folder / "a.h5") else { throw FileError(errno: 0, message: "not busy") }
        _ = try file.publish()
        guard case .exists = try OutputFile.begin(folder / "a.h5") else {
            throw FileError(errno: 0, message: "not there")
        }
        #expect(try folder.names() == ["a.h5"])
    }

    @Test func whatTheDeadLeftIsTakenOver() throws {
        try Data([7, 7, 7, 7, 7]).write(to: URL(fileURLWithPath: folder / ".a.h5.part"))
        let file = try #require(try begin("a.h5"))
        try write(file, [1])
        _ = try file.publish()
        #expect(try contents(folder / "a.h5") == Data([1]))
    }

    @Test func whatTheDeadLeftIsRemoved() throws {
        let living = try #require(try begin("living.h5"))
        for name in [".dead.h5.part", ".dead_bbox.npy.part", ".other.part", "seen.h5.part"] {
            try Data([7]).write(to: URL(fileURLWithPath: folder / name))
        }
        OutputFile.removeLeftovers(in: folder.path)
        #expect(try folder.names() == [".living.h5.part", ".other.part", "seen.h5.part"])
        #expect(try living.publish() == 0)
    }

    @Test func aFolderThatCannotBeMade() throws {
        try Data().write(to: URL(fileURLWithPath: folder / "file"))
        #expect(throws: FileError.self) { try begin("file/a.h5") }
    }
}
