// The store in Tests/SidecarStoreTests/Fixtures/store-<version>, which every later version must read.

import Foundation
import SidecarStore
import TensorFile

public enum StoreFixture {
    /// A recording that exists nowhere: a fixture depends on nothing outside.
    public static func base(frames: Int = 3) throws -> SidecarBase {
        SidecarBase(
            key: SidecarKey(recordingPath: "/recordings/traffic.raw", preprocessing: "histo", window: "50ms"),
            recording: RecordingState(
                device: 1, inode: 2, size: 3000, modified: 1_700_000_000_000_000_000, headerDigest: 4),
            layout: try layout(frames: frames),
            expectation: try layout(frames: frames).tensorExpectation(frames, [1, 4, 4], .float32),
            programVersion: "1.0", tensorVersion: 1)
    }

    /// Makes the store, with the format of this version: two states and a torn session of one sidecar, and a removed
    /// one.
    ///
    /// To be run once for each version of the format: `swift run sidecar-fixture fixture
    /// Tests/SidecarStoreTests/Fixtures/store-<version>`. Never for a version that was released.
    public static func make(_ folder: String) throws {
        let store = SidecarStore(directory: folder, readOnly: false, helper: FixtureHelper()) { _ in }
        let base = try base()
        var model = FileModel(base.layout)
        func session(_ base: SidecarBase, _ model: inout FileModel, _ edits: [Edit]) throws {
            let writer = try store.openForWriting(base)
            defer { writer.close() }
            try writer.apply(model.change(edits))
            _ = try writer.commit(final: true)
        }
        try session(base, &model, [.write(base.layout.size, pattern(700, 1))])
        try session(base, &model, [.write(base.layout.size + 100, pattern(50, 2)), .write(7000, pattern(20, 3))])
        let writer = try store.openForWriting(base)
        try writer.apply([
            .write(base.layout.size + 300, pattern(10, 4)), .write(7100, pattern(30, 5)), .size(7110),
        ])
        writer.rollBack("as a fixture")
        writer.close()

        var key = base.key
        key.part = 1
        let part = SidecarBase(
            key: key, recording: base.recording, layout: base.layout, expectation: base.expectation,
            programVersion: base.programVersion, tensorVersion: base.tensorVersion)
        model = FileModel(base.layout)
        try session(part, &model, [.write(base.layout.size, pattern(10, 6))])
        _ = try store.remove(part)
    }
}
