// The second component of a tensor's path: how a recording is cut into frames.

/// `<window>[,key=value...]`, parsed and canonical.
///
/// A window is a period such as `250ms`, `0.25s` or `250000` (1 us up to 2^32 - 1 us, as the attribute `delta_t` holds)
/// or a count such as `10000ev` (1 up to 10^12). Keys are `start_ts=` and `max_duration=`, both times up to 2^50 us (35
/// years).
public struct WindowSpec: Sendable {
    public enum Window: Hashable, Sendable {
        /// us.
        case period(Int64)
        /// Events.
        case count(Int64)
    }

    public let window: Window
    /// Frames begin here; us.
    public let startTime: Int64
    /// The length of each part, us; nil when the tensor is one file. A multiple of a period.
    public let maxDuration: Int64?
    /// The canonical path component.
    public let text: String

    static let largestCount: Int64 = 1_000_000_000_000

    /// - Throws: `.invalidWindow` or `.unknownParameter`; nothing else, whatever the text is.
    public init(_ component: String) throws(TensorError) {
        var parts = try SpecComponent(component, code: .invalidWindow)
        window = try Self.window(parts.head)
        startTime = try parts.takeTime("start_ts", from: 0) ?? 0
        maxDuration = try parts.takeTime("max_duration", from: 1)
        if let key = parts.unknownKey {
            throw TensorError(.unknownParameter, "a window has no \(key); it has start_ts and max_duration")
        }
        var items: [String]
        switch window {
        case .period(let period):
            items = [TimeText.text(period)]
            if let maxDuration, maxDuration % period != 0 {
                throw TensorError(
                    .invalidWindow,
                    "max_duration=\(TimeText.text(maxDuration)) is not a multiple of the period \(TimeText.text(period))"
                )
            }
        case .count(let count):
            items = ["\(count)ev"]
        }
        if let maxDuration { items.append("max_duration=\(TimeText.text(maxDuration))") }
        if startTime != 0 { items.append("start_ts=\(TimeText.text(startTime))") }
        text = items.joined(separator: ",")
    }

    private static func window(_ text: String) throws(TensorError) -> Window {
        if text.hasSuffix("ev") {
            guard let count = NumberText.integer(text.dropLast(2)), (1...largestCount).contains(count) else {
                throw TensorError(
                    .invalidWindow, "\(text): a count is an integer from 1 to \(largestCount) followed by ev")
            }
            return .count(count)
        }
        guard let period = TimeText.microseconds(text), (1...Int64(UInt32.max)).contains(period) else {
            throw TensorError(
                .invalidWindow,
                "\(text): a period is a whole number of us from 1 to \(UInt32.max), such as 250ms, 0.25s, 50000us or 50000"
            )
        }
        return .period(period)
    }
}
