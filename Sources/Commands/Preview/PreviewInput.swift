// What a preview needs to know of a tensor, wherever it comes from.

import Foundation
import Preview
import TensorFile

/// A tensor that can be shown.
struct PreviewInput: Sendable {
    let path: String
    let frameCount: Int
    /// (C, H, W).
    let frameShape: [Int]
    let elementType: String
    /// Where the file's first frame begins, us.
    let start: Int64
    /// Of `/data`.
    let attributes: [(name: String, value: StoredValue)]
    /// Computes or reads a frame's elements.
    let frame: @Sendable (Int) throws -> [Float]
    /// The time of a frame's last event, us from the file's start, where frames are so many events; when its window
    /// begins where windows are of another kind.
    let time: @Sendable (Int) throws -> Int64?

    /// `events_to_tensor`.
    var preprocessing: String {
        if case .text(let text) = self["events_to_tensor"] { return text }
        return "unknown preprocessing"
    }

    /// us, of frames that follow each other; nil where frames are so many events or lie elsewhere, or nothing is known.
    var period: Int64? { isPlain ? number("delta_t").flatMap { $0 > 0 ? $0 : nil } : nil }

    /// Whether frames follow each other, each as long as the others.
    private var isPlain: Bool { self["window"] == nil }

    /// The window as in paths, plain ones without keys.
    var window: String {
        if case .text(let text) = self["window"] { return text }
        if let period { return Quantity.text(microseconds: Int(period)).filter { $0 != " " } }
        if let events = number("n_events"), events > 0 { return "\(events)ev" }
        return "unknown window"
    }

    /// Of the sensor.
    var geometry: String {
        guard let width = number("event_input_width"), let height = number("event_input_height") else {
            return "unknown geometry"
        }
        return "\(width)x\(height)"
    }

    /// `num_utbins`.
    var bins: Int? { number("num_utbins").map { Int($0) } }

    /// The attributes that others have no name for.
    var parameters: [(name: String, text: String)] {
        let others: Set<String> = [
            "events_to_tensor", "mode", "delta_t", "n_events", "event_input_width", "event_input_height", "shape",
            "window",
        ]
        return attributes.filter { !others.contains($0.name) }.map { ($0.name, $0.value.shown) }
    }

    /// Where a window begins, or a plain frame of so many events ends, us; nil where nothing is known.
    func time(of frame: Int) -> Int64? {
        if let period { return start &+ Int64(frame) &* period }
        return (try? time(frame)).flatMap { $0 }.map { start &+ $0 }
    }

    /// The tensor as a sheet shows it.
    func tensor(showing frames: [Int]) throws -> SheetTensor {
        let size = frameShape.map(String.init).joined(separator: "x")
        let from = start == 0 || !isPlain ? "" : ", from \(Quantity.text(microseconds: Int(start)))"
        var details = [
            "\(preprocessing), \(window)\(from)",
            "sensor \(geometry), frames of \(size) \(elementType), \(frames.count) of \(frameCount)",
        ]
        let parameters = parameters.map { "\($0.name) \($0.text)" }.joined(separator: ", ")
        if !parameters.isEmpty { details.append(parameters) }
        return SheetTensor(
            title: escaped((path as NSString).lastPathComponent), details: details.map { escaped($0) },
            channels: frameShape[0], height: frameShape[1], width: frameShape[2],
            coloring: Coloring.standard(name: preprocessing, channels: frameShape[0], bins: bins),
            duration: period.map { Quantity.text(microseconds: Int($0)) },
            labels: frames.map { frame in
                let time = time(of: frame).map { Quantity.text(microseconds: Int($0)) }
                return (time.map { period == nil && isPlain ? "until \($0)" : $0 } ?? "", "frame \(frame)")
            }, frame: { [frame] in try frame(frames[$0]) })
    }

    private subscript(name: String) -> StoredValue? { attributes.first { $0.name == name }?.value }

    private func number(_ name: String) -> Int64? {
        guard case .number(let value) = self[name], abs(value) < 1e15 else { return nil }
        return Int64(value)
    }
}
