// What somebody probably meant who wrote a name that there is not.

package enum NearMiss {
    /// The one of `names` that `text` most likely stands for; nil when none is near. Case, `-` and `_` make no
    /// difference.
    package static func of(_ text: String, in names: [String]) -> String? {
        let wanted = folded(text)
        let limit = wanted.count < 4 ? 0 : wanted.count < 6 ? 1 : 2
        // Of those that are equally near, one with the same beginning: `umount` is unmount, not mount.
        let near = names.map {
            (name: $0, distance: distance(wanted, folded($0)), starts: folded($0).first == wanted.first)
        }
        .min { ($0.distance, $0.starts ? 0 : 1) < ($1.distance, $1.starts ? 0 : 1) }
        guard let near, near.distance <= limit else { return nil }
        return near.name
    }

    /// `; did you mean 'x'?`, or nothing.
    package static func question(_ text: String, in names: [String]) -> String? {
        of(text, in: names).map { "did you mean '\($0)'?" }
    }

    /// The same before a list of all names.
    package static func hint(_ text: String, in names: [String]) -> String {
        question(text, in: names).map { $0 + " " } ?? ""
    }

    private static func folded(_ text: String) -> [Character] {
        text.lowercased().map { $0 == "_" ? "-" : $0 }
    }

    /// How many letters must be added, removed, replaced or swapped with their neighbour: the optimal string alignment
    /// distance (https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance).
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
