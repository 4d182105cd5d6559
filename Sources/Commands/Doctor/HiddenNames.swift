// A report for strangers has no names of recordings.

import Foundation

/// Takes names of files and folders out of texts.
enum HiddenNames {
    /// `text` with quoted names and words that look like paths or data files replaced; what is said of them stays.
    static func hide(_ text: String) -> String {
        let quoted = text.replacing(/'[^']*'/) { "'\(mark(String($0.output.dropFirst().dropLast())))'" }
        return quoted.split(separator: " ", omittingEmptySubsequences: false).map { word in
            isName(word) ? mark(String(word)) : String(word)
        }.joined(separator: " ")
    }

    /// The same of every text in JSON; the values of `names`, which are names whatever they look like, too.
    static func hide(_ json: Any, names: Set<String>) -> Any {
        switch json {
        case let object as [String: Any]:
            Dictionary(
                uniqueKeysWithValues: object.map { key, value in
                    // Preprocessings and windows look like paths.
                    if key == "used" { return (key, value) }
                    return (key, names.contains(key) ? hideAll(value) : hide(value, names: names))
                })
        case let list as [Any]: list.map { hide($0, names: names) }
        case let text as String: hide(text)
        default: json
        }
    }

    private static func hideAll(_ json: Any) -> Any {
        switch json {
        case let list as [Any]: list.map(hideAll)
        case let text as String: mark(text)
        default: json
        }
    }

    /// What stands in place of a name: its extension tells something and nothing of whose it is.
    private static func mark(_ name: String) -> String {
        let kind = (name as NSString).pathExtension
        return kind.isEmpty || kind.count > 5 || !kind.allSatisfy(\.isASCII) ? "<name>" : "<name>.\(kind)"
    }

    private static func isName(_ word: Substring) -> Bool {
        let bare = word.trimmingCharacters(in: .punctuationCharacters.subtracting(["/", "<", ">"]))
        if bare.hasPrefix("<name>") { return false }
        if bare.contains("/"), bare.contains(where: \.isLetter), !system.contains(where: { bare.hasPrefix($0) }) {
            return true
        }
        return ["raw", "dat", "h5", "hdf5", "npy"].contains((bare as NSString).pathExtension.lowercased())
    }

    /// Paths that are alike everywhere.
    private static let system = ["/dev/", "/proc/", "/sys/", "/etc/", "/usr/", "/opt/", "/lib", "n/a"]
}
