// What the web page asks: recordings, tensors frame by frame as pictures, and what is around them.

import Dispatch
import Foundation
import Synchronization
import VirtualTree

/// Answers the page's calls. Knows nothing of HTTP; every call may block on a scan or a computation, and many may come
/// at once.
public final class Viewer: Sendable {
    let catalog: VirtualCatalog
    let tensors: OpenTensors
    let scales = Scales()
    let labels: LabelTables
    let rates = Rates()
    let export = Export()
    /// Pictures that are drawn at a time; the others wait.
    let drawing = DispatchSemaphore(value: max(2, ProcessInfo.processInfo.activeProcessorCount))

    public init(catalog: VirtualCatalog) {
        self.catalog = catalog
        tensors = OpenTensors(catalog)
        labels = LabelTables(catalog)
    }

    /// A call: the parameters that it takes, and what answers it.
    private struct Call: Sendable {
        let parameters: [String]
        let answer: @Sendable (Viewer, Query) throws -> ViewerAnswer

        init(_ parameters: [String], _ answer: @escaping @Sendable (Viewer, Query) throws -> ViewerAnswer) {
            (self.parameters, self.answer) = (parameters, answer)
        }
    }

    private static let calls: [String: Call] = [
        "tree": Call(["path"]) { try $0.tree($1) },
        "search": Call(["q", "limit"]) { try $0.search($1) },
        "recording": Call(["path"]) { try $0.recording($1) },
        "rate": Call(["path", "bins", "begin", "end"]) { try $0.rate($1) },
        "triggers": Call(["path", "start", "end", "limit"]) { try $0.triggers($1) },
        "labels": Call(["path", "start", "end", "limit"]) { try $0.labels($1) },
        "label_times": Call(["path"]) { try $0.labelTimes($1) },
        "choices": Call([]) { viewer, _ in try viewer.choices() },
        "spell": Call(["preprocessing", "window"]) { try $0.spell($1) },
        "tensor": Call(["file", "v"]) { try $0.tensor($1) },
        "times": Call(["file", "first", "count", "v"]) { try $0.times($1) },
        "find": Call(["file", "t", "v"]) { try $0.find($1) },
        "values": Call(["file", "frame", "x", "y", "v"]) { try $0.values($1) },
        "series": Call(["file", "dataset", "points", "v"]) { try $0.series($1) },
        "picture": Call(["file", "frame", "v", "format"] + PictureStyle.parameters) { try $0.picture($1) },
        "scale": Call(["file", "v"] + PictureStyle.parameters) { try $0.scale($1) },
        "export": Call(["file", "first", "last", "step", "fps", "format", "v"] + PictureStyle.parameters) {
            try $0.export($1)
        },
        "exports": Call([]) { viewer, _ in try viewer.exports() },
    ]

    /// The answer to the call `name`.
    public func answer(_ name: String, _ query: [String: String]) throws(ViewerError) -> ViewerAnswer {
        guard let call = Self.calls[name] else {
            throw ViewerError(
                .notFound,
                "there is no call '\(name.prefix(40))'; there are \(Self.calls.keys.sorted().joined(separator: ", "))")
        }
        let query = try Query(name, query, known: call.parameters)
        do { return try call.answer(self, query) } catch { throw ViewerError(error) }
    }

    /// A value as an answer.
    func json(_ value: some Encodable, version: String? = nil) throws(ViewerError) -> ViewerAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            return ViewerAnswer(
                mediaType: "application/json", bytes: Array(try encoder.encode(value)), version: version)
        } catch { throw ViewerError(.failed, "the answer cannot be written as JSON: \(error)", cause: error) }
    }
}
