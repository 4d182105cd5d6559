// Small recordings in a folder that goes with the test, and what is made of them.

import EventFiles
import Foundation
import Generation
import Recordings
import Tensors
import Testing

/// A folder that is removed with this object.
final class Folder: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/evh5-generation-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func / (folder: Folder, name: String) -> String { folder.path + "/" + name }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }

    /// A recording of `count` events, one each `step` us, in rows that repeat.
    @discardableResult
    func record(
        _ name: String, _ count: Int = 4000, step: Int = 100, geometry: Geometry = Geometry(width: 16, height: 8)
    ) throws -> String {
        let path = self / name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        var writer = try RecordingWriter(
            path: path, format: name.hasSuffix(".dat") ? .dat : .evt2, geometry: geometry)
        for i in 0..<count {
            try writer.append(
                Event(x: i * 7 % geometry.width, y: i * 3 % geometry.height, polarity: i & 1, t: Int64(i * step)))
        }
        try writer.finish()
        return path
    }
}

let opener = RecordingOpener(store: IndexStore(directory: nil)) { path throws(RecordingError) in
    try Recording(path: path)
}

func spec(_ preprocessing: String = "histo", _ window: String = "20ms") throws -> ContentSpec {
    .tensor(try TensorSpec(preprocessing: preprocessing, window: window))
}

func events(_ text: String = "events") throws -> ContentSpec { .events(try EventsSpec(text)) }

func input(_ path: String, folder: String = "", _ spec: ContentSpec, labels: String? = nil) -> DatasetInput {
    DatasetInput(path: path, folder: folder, spec: spec, labels: labels)
}

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
