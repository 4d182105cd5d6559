// Which sidecars a text on the command line means.

import Foundation

extension SidecarEntry {
    /// Whether `text` names this sidecar: a folder of the store or its name, the recording's path or its end, or a
    /// virtual path or its end, with or without the mount point before it: `/mnt/h5/histo/50ms/train/a.h5`,
    /// `histo/50ms/train/a.h5`, `a.h5`.
    public func matches(_ text: String) -> Bool {
        let text = text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
        guard !text.isEmpty else { return false }
        if text == name || text == folder || folder.hasSuffix("/" + text) { return true }
        guard let recording, let preprocessing, let window else { return false }
        let parts = SidecarEntry.parts(text)
        let place = SidecarEntry.parts(recording)
        if text.hasPrefix("/") ? parts == place : place.ends(with: parts) { return true }
        guard let file = parts.last, fileNames.contains(String(file)) else { return false }
        let folders = place.dropLast()
        // With the specification before a path that the recording's ends with; whatever is before that is the mount
        // point.
        let names = SidecarEntry.parts(SidecarKey.place(preprocessing, window))
        for index in parts.indices.dropLast() where parts[index...].starts(with: names) {
            if folders.ends(with: parts[(index + names.count)...].dropLast()) { return true }
        }
        return !text.hasPrefix("/") && folders.ends(with: parts.dropLast())
    }

    /// The names that a virtual file of the recording can have.
    private var fileNames: Set<String> {
        guard let recording else { return [] }
        let name = (recording as NSString).lastPathComponent
        var stems = [name, (name as NSString).deletingPathExtension]
        if let stem = stems.last, stem.hasSuffix("_td") || stem.hasSuffix("_cd") {
            stems.append(String(stem.dropLast(3)))
        }
        return Set(
            stems.flatMap { stem in
                let base = part.map { "\(stem)_\($0)" } ?? stem
                return [base + ".h5", base + ".hdf5"]
            })
    }

    private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
}

extension BidirectionalCollection where Element: Equatable {
    fileprivate func ends(with other: some BidirectionalCollection<Element>) -> Bool {
        reversed().starts(with: other.reversed())
    }
}
