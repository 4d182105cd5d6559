// The recordings to convert, with the folders that their files go to.

import Datasets
import Foundation
import Generation

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

    /// What label classes are called, for Metavision ML's loaders.
    private static let dictionary = "label_map_dictionary.json"

    /// The dictionaries of labels in the folders that `files` were found in, with the folders that they go to below
    /// `output`.
    static func dictionaries(_ paths: [String], _ files: [Found], output: String) -> [LabelJob] {
        var folders: [String: String] = [:]
        for path in paths { folders[path.hasSuffix("/") ? String(path.dropLast()) : path] = "" }
        for file in files where !file.isNamed {
            folders[(file.path as NSString).deletingLastPathComponent] = file.folder
        }
        return folders.sorted { $0.key < $1.key }.compactMap { source, folder in
            let path = source + "/" + dictionary
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return LabelJob(
                labels: path, times: nil, output: output + (folder.isEmpty ? "" : "/" + folder) + "/" + dictionary)
        }
    }
}
