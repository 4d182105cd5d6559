// Folders of other programs' layouts, as settings say them.

import Tensors
import VirtualTree

/// `rvt_gen1=rvt,dataset=gen1`, or a mapping of names to `rvt,dataset=gen1`.
enum FolderSettings {
    /// nil when a folder is not of that form, or two have the same name.
    static func parse(_ raw: RawSetting) -> [RVTFolder]? {
        let pairs: [(name: String, text: String?)]
        switch raw {
        case .text(let text):
            pairs = text.split(separator: ";").map { part in
                let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), sides.count == 2 ? String(sides[1]) : nil)
            }
            if pairs.isEmpty { return nil }
        case .list: return nil
        case .pairs(let given): pairs = given.map { ($0.key, $0.value.text) }
        }
        var folders: [RVTFolder] = []
        for (name, text) in pairs {
            guard let folder = text.flatMap({ Self.folder(name, $0) }), !folders.contains(where: { $0.name == name })
            else { return nil }
            folders.append(folder)
        }
        return folders
    }

    private static func folder(_ name: String, _ text: String) -> RVTFolder? {
        // In fstab a comma ends an option.
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "," || $0 == ":" })
        guard parts.first == "rvt", !name.isEmpty else { return nil }
        var values: [Substring: String] = [:]
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, ["dataset", "path"].contains(sides[0]), values[sides[0]] == nil else { return nil }
            values[sides[0]] = String(sides[1])
        }
        let path = (values["path"] ?? "").split(separator: "/")
        guard let dataset = values["dataset"].flatMap({ RVTRule.Dataset(rawValue: $0) }),
            values["path"]?.hasPrefix("/") != true, !path.contains(where: { $0 == "." || $0 == ".." })
        else { return nil }
        return RVTFolder(name: name, dataset, path: path.joined(separator: "/"))
    }
}
