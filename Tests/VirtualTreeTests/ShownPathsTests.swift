// A source of which only a part is shown.

import Foundation
import Testing
import VirtualTree

@Suite struct ShownPathsTests {
    private func tree(_ shown: [String]) throws -> VirtualFileSystem {
        let source = try Source()
        for name in ["a.raw", "ab.raw", "sub/b.raw", "sub/in/c.raw", "other/d.raw"] {
            try source.write(name, evt2(line(10, step: 20_000)))
        }
        for name in ["a_bbox.npy", "a.txt", "ab_bbox.npy", "notes.txt", "sub/notes.txt"] { try source.write(name, [1]) }
        return try source.tree { $0.shown = shown }
    }

    @Test func allOrAPart() throws {
        #expect(try tree([]).names("histo/50ms").count == 8)
        // What belongs to a recording comes with it.
        let one = try tree(["a.raw"])
        #expect(Set(try one.names("histo/50ms")) == ["a.h5", "a_bbox.npy", "a.txt"])
        #expect(one.failure("histo/50ms/ab.h5") == ENOENT && one.failure("histo/50ms/sub/b.h5") == ENOENT)
        let some = try tree(["sub/b.raw", "other"])
        #expect(Set(try some.names("histo/50ms")) == ["sub", "other"])
        #expect(try some.names("histo/50ms/sub") == ["b.h5"])
        #expect(try some.names("histo/50ms/other") == ["d.h5"])
        #expect(some.failure("histo/50ms/sub/in/c.h5") == ENOENT)
        let folder = try tree(["sub"])
        #expect(Set(try folder.names("histo/50ms/sub")) == ["b.h5", "in", "notes.txt"])
        #expect(try folder.names("histo/50ms/sub/in") == ["c.h5"])
    }
}
