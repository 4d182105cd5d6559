// `evh5 info` of many recordings: a table with a line for each.

/// A table of recordings, printed line by line as they become known.
struct RecordingTable {
    private let pathWidth: Int
    private static let longestPath = 60

    /// Prints the headings.
    ///
    /// - Parameter paths: of all recordings that will be printed.
    init(paths: [String]) {
        let longest = paths.map { escaped($0).count }.max() ?? 0
        pathWidth = max(4, min(RecordingTable.longestPath, longest))
        line("path", "format", "geometry", "duration", "events", "rate", "dropped, or why it cannot be used")
    }

    func print(_ report: RecordingReport) {
        let path = escaped(report.path)
        guard report.usable else {
            return Output.line(padded(path, pathWidth) + "  unusable: " + escaped(report.reason ?? ""))
        }
        var geometry = ""
        if let width = report.width, let height = report.height { geometry = "\(width)x\(height)" }
        line(
            path, report.format ?? "", geometry, report.duration.map { Quantity.text(microseconds: Int($0)) } ?? "",
            report.events.map { "\($0)" } ?? "",
            report.rate.map { Quantity.text(count: Int($0.rounded())) + "/s" } ?? "",
            report.remarks)
    }

    private func line(
        _ path: String, _ format: String, _ geometry: String, _ duration: String, _ events: String, _ rate: String,
        _ remark: String
    ) {
        let cells = [
            padded(path, pathWidth), padded(format, 15), padded(geometry, 9), padded(duration, 10, right: true),
            padded(events, 11, right: true), padded(rate, 8, right: true), remark,
        ]
        var text = cells.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        Output.line(text)
    }

    private func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return right ? blanks + text : text + blanks
    }
}

extension RecordingReport {
    /// What a table says of a usable recording besides its figures.
    fileprivate var remarks: String {
        let found = (suspicious ?? []).map { "suspicious: " + $0 } + (notes ?? []).map { "note: " + $0 }
        return (found + [drops ?? ""]).filter { !$0.isEmpty }.joined(separator: "; ")
    }
}
