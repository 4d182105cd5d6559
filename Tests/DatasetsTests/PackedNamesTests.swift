// Names in one piece of memory, against arrays and dictionaries of strings.

import Datasets
import Testing

@Suite struct PackedNamesTests {
    @Test func isSortedAndFindsAll() {
        let names = (0..<5000).map { "obj_\($0 &* 7919 % 5000).x" } + ["", "ä", "日本", "obj_", "obj_17.x.y", "\u{7F}"]
        let packed = PackedNames(names)
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect((0..<packed.count).map { packed[$0] } == sorted)
        for (i, name) in sorted.enumerated() { #expect(packed.indices(of: name) == i..<i + 1) }
        for name in ["obj_5000.x", "a", "obj", "z", "obj_17.x."] {
            #expect(packed.indices(of: name).isEmpty && !packed.contains(name))
        }
        #expect(PackedNames([String]()).count == 0 && !PackedNames([String]()).contains(""))
    }

    @Test func isFoundByBeginnings() {
        let names = ["a.raw", "a.dat", "a_td.dat", "a-1.raw", "b.raw", "a.raw.raw", "ab.dat"]
        let packed = PackedNames(names) { RecordingName.stem($0).utf8.count }
        for stem in ["a", "a-1", "b", "a.raw", "ab", "c", "", "a_td"] {
            let expected = names.filter { RecordingName.stem($0) == stem }.sorted()
            #expect(packed.indices(of: stem).map { packed[$0] } == expected, "\(stem)")
        }
        for i in 0..<packed.count { #expect(packed.beginning(i) == RecordingName.stem(packed[i])) }
    }

    /// Shown names by their definition, for folders of all kinds of likenesses.
    @Test func shownNamesAreUniqueAndFound() {
        let all = [
            "a.raw", "a.dat", "a_td.dat", "a_cd.DAT", "a.raw.raw", "a.raw.dat", "a.dat.raw", "b.raw", "b_td.dat",
            "b.raw.raw",
        ]
        for choice in 0..<1 << all.count {
            let files = all.indices.filter { choice >> $0 & 1 == 1 }.map { all[$0] }
            let names = RecordingNames(files)
            let shown = names.recordings { _ in true }
            #expect(Set(shown.map(\.base)).count == files.count, "\(files)")
            for (base, file) in shown {
                #expect(names.recording(base) { _ in true }.map { names[$0] } == file, "\(files)")
                #expect(base == file || base == RecordingName.stem(file))
                if files.count(where: { RecordingName.stem($0) == RecordingName.stem(file) }) > 1 {
                    #expect(base == file)
                }
            }
        }
    }
}
