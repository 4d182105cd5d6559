// The files of the hidden folder `.evh5`, by which the daemon tells about itself.

import Foundation

/// A file of the folder.
enum ControlFile: String, CaseIterable, Sendable {
    /// `MountStatus` as JSON.
    case status = "status.json"
    /// Prometheus' text format.
    case metrics
    /// `[Reading]` as JSON: who reads what.
    case readers = "readers.json"
}

extension VirtualCatalog {
    /// The file's text, padded to whole 4096 bytes: `stat` and the read after it agree although figures change between
    /// them.
    func text(of file: ControlFile) -> [UInt8] {
        switch file {
        case .status: padded(json(status()), with: [])
        case .readers: padded(json(readings.readings), with: [])
        // Spaces alone are no line of this format; a comment is.
        case .metrics: padded(Array(metrics().utf8), with: [0x23])
        }
    }

    /// The figures in Prometheus' text format.
    public func metrics() -> String {
        let histograms = ways.flatMap { way, figures in
            figures.byKind.filter { $0.value.latency.count > 0 }.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { (way: way, kind: $0.key, latency: $0.value.latency) }
        }
        return status().metrics(histograms)
    }

    /// The ways by which requests come in.
    var ways: [(name: String, figures: RequestFigures)] { [("fuse", requests), ("http", webRequests)] }

    private func json(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map(Array.init) ?? []
    }

    private func padded(_ text: [UInt8], with mark: [UInt8]) -> [UInt8] {
        let text = text + mark
        let padding = 4096 - (text.count + 1) % 4096
        return text + [UInt8](repeating: 0x20, count: padding) + [0x0A]
    }
}
