// Which part of a source is shown, where that is not all of it.

import Datasets

/// Folders and recordings of a source that were chosen.
struct ShownPaths: Sendable {
    private let folders: [String]
    /// Chosen files: their folder, and how the names of what belongs to them begin.
    private let files: [(path: String, folder: String, stem: String)]

    /// - Parameter paths: below the source; none means all of it.
    init(_ paths: [String]) {
        folders = paths.filter { !RecordingName.isRecording(split($0).name) }
        files = paths.filter { RecordingName.isRecording(split($0).name) }.map { path in
            let (folder, name) = split(path)
            var stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
            // `a_td.dat` has its labels in `a_bbox.npy`.
            if stem.hasSuffix("_td") { stem = String(stem.dropLast(3)) }
            return (path, folder, stem)
        }
    }

    /// Whether the folder or file at `path` is one of them, or on the way to one, or belongs to one.
    func includes(_ path: String) -> Bool {
        if folders.isEmpty && files.isEmpty { return true }
        func isBelow(_ path: String, _ folder: String) -> Bool { folder.isEmpty || path.hasPrefix(folder + "/") }
        if folders.contains(where: { $0 == path || isBelow(path, $0) || $0.hasPrefix(path + "/") }) { return true }
        let (folder, name) = split(path)
        return files.contains { file in
            if file.path == path || file.path.hasPrefix(path + "/") { return true }
            let belongs = name.hasPrefix(file.stem + "_") || name.hasPrefix(file.stem + ".")
            return belongs && folder == file.folder && !RecordingName.isRecording(name)
        }
    }
}
