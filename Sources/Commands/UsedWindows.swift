// The preprocessings and windows of a mount that were used, as `evh5 status` lists them.

package enum UsedWindows {
    /// A line for each preprocessing, with its windows: warming leaves many.
    package static func rows(_ used: [String]) -> [(String, String)] {
        if used.isEmpty { return [("used", "nothing yet")] }
        var windows: [(preprocessing: String, windows: [String])] = []
        for name in used {
            let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
            let window = parts.count == 2 ? parts[1] : ""
            if let place = windows.firstIndex(where: { $0.preprocessing == parts[0] }) {
                windows[place].windows.append(window)
            } else {
                windows.append((parts[0], [window]))
            }
        }
        return windows.enumerated().map { number, group in
            (number == 0 ? "used" : "", "\(group.preprocessing): \(group.windows.joined(separator: ", "))")
        }
    }
}
