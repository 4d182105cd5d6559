// The recordings to convert, with the folders that their files go to.

import Datasets
import Foundation

/// Recordings in files and folders, as `RecordingFiles` finds them, and where they lie below what was named.
enum RecordingTree {
    struct Found {
        let path: String
        /// Below the folder that was named; empty for one that lies in it, and for a file that was named.
        let folder: String
        /// Whether the file itself was named.
        let isNamed: Bool
    }

    static func find(_ paths: [String]) -> (files: [Found], unreadable: [(path: String, reason: String)]) {
        var files: [Found] = []
        var unreadable: [(path: String, reason: String)] = []
        for path in paths {
            let found = RecordingFiles.find([path])
            unreadable += found.unreadable
            for file in found.files {
                let top = path.hasSuffix("/") ? path : path + "/"
                let below = file.hasPrefix(top) ? String(file.dropFirst(top.count)) : nil
                let folder = below.map { ($0 as NSString).deletingLastPathComponent } ?? ""
                files.append(Found(path: file, folder: folder, isNamed: below == nil))
            }
        }
        return (files, unreadable)
    }

    /// The label file beside a recording.
    static func labels(of path: String) -> String? {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        guard RecordingName.isRecording(name) else { return nil }
        return RecordingName.labels(of: name).map { folder.isEmpty ? $0 : folder + "/" + $0 }
            .first { FileManager.default.fileExists(atPath: $0) }
    }
}
