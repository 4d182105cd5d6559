// What recordings and what belongs to them are called.

import Datasets
import Testing

@Suite struct RecordingNamesTests {
    @Test(arguments: [
        ("a.raw", "a"), ("a_td.raw", "a_td"), ("a_td.dat", "a"), ("a_cd.DAT", "a"), ("_td.dat", "_td"),
        ("UP_TD.DAT", "UP"),
        ("a.1.raw", "a.1"),
    ]) func stems(_ name: String, _ stem: String) {
        #expect(RecordingName.isRecording(name))
        #expect(RecordingName.stem(name) == stem)
    }

    @Test func otherFilesAreNoRecordings() {
        for name in ["a.h5", "raw", "a.raw.bz2", "a_bbox.npy"] { #expect(!RecordingName.isRecording(name), "\(name)") }
    }

    @Test func parts() throws {
        let part = try #require(RecordingName.part("a_b_12"))
        #expect(part.base == "a_b" && part.part == 12)
        for name in ["a", "a_", "a_01", "a_-1", "a_x"] { #expect(RecordingName.part(name) == nil, "\(name)") }
    }

    @Test func labels() {
        #expect(RecordingName.labels(of: "a") == ["a_bbox.npy"])
        #expect(RecordingName.labels(of: "a_td.dat") == ["a_td.dat_bbox.npy", "a_bbox.npy"])
    }

    @Test func extensionsAreKeptWhereNamesWouldBeTheSame() {
        let names = RecordingNames(["a.raw", "a_td.dat", "b.raw", "c.raw.raw", "c.raw", "c.dat"])
        let shown = names.recordings { _ in true }
        #expect(
            shown.map(\.base).sorted() == ["a.raw", "a_td.dat", "b", "c.dat", "c.raw", "c.raw.raw"])
        for (base, file) in shown { #expect(names.recording(base) { _ in true }.map { names[$0] } == file) }
        // One that is no recording takes nobody's name.
        #expect(names.recording("a") { names[$0] != "a_td.dat" }.map { names[$0] } == "a.raw")
        #expect(names.recording("a") { _ in true } == nil)
    }
}
