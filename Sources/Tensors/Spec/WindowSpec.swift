// The second component of a tensor's path: how a recording is cut into frames.

/// `<window>[,key=value...]`, parsed and canonical.
///
/// | window | keys besides `start_ts=` |
/// |---|---|
/// | a period: `250ms`, `0.25s`, `250000` | `stride=`, `max_duration=`, or `at=`, `align=`, `closed=`, `edge=` |
/// | a count: `10000ev` (1 up to 10^12) | `stride=`, `max_period=`, `max_duration=`, or `at=`, `edge=` |
/// | equal parts: `10parts` (1 up to 2^22) | |
/// | from each time to the next: `between=NAME` | `closed=`, `edge=` |
///
/// A period has 1 us up to 2^32 - 1 us, as the attribute `delta_t` holds. Times are up to 2^50 us (35 years).
public struct WindowSpec: Sendable {
    public enum Window: Hashable, Sendable {
        /// us.
        case period(Int64)
        /// Events.
        case count(Int64)
        /// So many equal parts of the recording's time.
        case parts(Int)
        /// From each time of a list to the next.
        case between
    }
    /// Where a window of a period lies at a listed time.
    public enum Alignment: String, CaseIterable, Sendable { case start, center, end }
    /// Which of its edges a listed window has.
    public enum Closed: String, CaseIterable, Sendable { case left, right, both }

    public let window: Window
    /// From the begin of a window to that of the next, us or events; as long as the window unless given.
    public let stride: Int64
    /// A window of a count ends after this time as well, us.
    public let maxPeriod: Int64?
    /// Where windows lie; nil for those that follow each other.
    public let times: TimesOrigin?
    public let alignment: Alignment
    public let closed: Closed
    /// Frames begin here; us.
    public let startTime: Int64
    /// The length of each part, us; nil when the tensor is one file. A multiple of a period's stride.
    public let maxDuration: Int64?
    /// The canonical path component.
    public let text: String

    static let largestCount: Int64 = 1_000_000_000_000

    /// Whether windows follow each other without gaps, each as long as the others, as `generate_hdf5` cuts them.
    public var isPlain: Bool {
        switch window {
        case .period(let length), .count(let length): stride == length && maxPeriod == nil && times == nil
        case .parts, .between: false
        }
    }

    /// - Throws: `.invalidWindow` or `.unknownParameter`; nothing else, whatever the text is.
    public init(_ component: String) throws(TensorError) {
        var keys = try SpecComponent(component, code: .invalidWindow, headWithValue: "between")
        let (window, between) = try Self.window(keys.head)
        self.window = window
        startTime = try keys.takeTime("start_ts", from: 0) ?? 0
        maxDuration = try keys.takeTime("max_duration", from: 1)
        let (length, stride) = try Self.stride(window, &keys)
        self.stride = stride ?? length
        var (alignment, closed) = (Alignment.end, Closed.left)
        var maxPeriod: Int64?
        var at: String?
        switch window {
        case .period:
            at = keys.take("at")
            if at != nil {
                alignment = try keys.takeChoice("align") ?? .end
                closed = try keys.takeChoice("closed") ?? .left
            }
        case .count:
            at = keys.take("at")
            maxPeriod = try keys.takeTime("max_period", from: 1)
            guard maxPeriod ?? 1 <= Int64(UInt32.max) else {
                throw TensorError(.invalidWindow, "max_period is at most \(UInt32.max) us")
            }
        case .parts: break
        case .between: closed = try keys.takeChoice("closed") ?? .left
        }
        if let name = between ?? at { times = try TimesOrigin(name, edge: keys.take("edge")) } else { times = nil }
        (self.alignment, self.closed, self.maxPeriod) = (alignment, closed, maxPeriod)
        if let key = keys.unknownKey { throw Self.unknown(key, window, isListed: times != nil) }
        if times != nil, stride != nil || maxPeriod != nil {
            throw TensorError(
                .invalidWindow,
                "the list of at= says where windows lie: leave \(stride != nil ? "stride" : "max_period") out")
        }
        if maxPeriod != nil, stride != nil {
            throw TensorError(.invalidWindow, "windows of max_period follow each other: leave stride out")
        }
        text = try Self.text(window, at: at, times, alignment, closed, maxDuration, maxPeriod, startTime, stride)
        // What takes all of a name may be written in fewer characters than it has in full.
        _ = try SpecComponent(text, code: .invalidWindow, headWithValue: "between")
    }

    private static func text(
        _ window: Window, at: String?, _ times: TimesOrigin?, _ alignment: Alignment, _ closed: Closed,
        _ maxDuration: Int64?, _ maxPeriod: Int64?, _ startTime: Int64, _ stride: Int64?
    ) throws(TensorError) -> String {
        var items: [String]
        var shown = stride.map { "\($0)" }
        switch window {
        case .period(let period):
            items = [TimeText.text(period)]
            shown = stride.map { TimeText.text($0) }
            if let maxDuration, maxDuration % (stride ?? period) != 0 {
                throw TensorError(
                    .invalidWindow,
                    "max_duration=\(TimeText.text(maxDuration)) is not a multiple of the \(stride == nil ? "period" : "stride") \(TimeText.text(stride ?? period))"
                )
            }
        case .count(let count): items = ["\(count)ev"]
        case .parts(let count): items = ["\(count)parts"]
        case .between: items = ["between=\(times?.text ?? "")"]
        }
        if maxDuration != nil {
            if case .parts = window {
                throw TensorError(.invalidWindow, "\(items[0]) are of the whole recording: leave max_duration out")
            }
            if times != nil {
                throw TensorError(
                    .invalidWindow, "windows at listed times are in one file: leave max_duration out, or cut the list")
            }
        }
        if alignment != .end { items.append("align=\(alignment.rawValue)") }
        if at != nil, let times { items.append("at=\(times.text)") }
        if closed != .left { items.append("closed=\(closed.rawValue)") }
        if case .triggers(_, let edge) = times, edge != .rising { items.append("edge=\(edge.rawValue)") }
        if let maxDuration { items.append("max_duration=\(TimeText.text(maxDuration))") }
        if let maxPeriod { items.append("max_period=\(TimeText.text(maxPeriod))") }
        if startTime != 0 { items.append("start_ts=\(TimeText.text(startTime))") }
        if let shown { items.append("stride=\(shown)") }
        return items.joined(separator: ",")
    }

    /// The window's length and its stride where that is another.
    private static func stride(
        _ window: Window, _ keys: inout SpecComponent
    ) throws(TensorError) -> (length: Int64, stride: Int64?) {
        let length: Int64
        var stride: Int64?
        switch window {
        case .period(let period):
            length = period
            stride = try keys.takeTime("stride", from: 1)
        case .count(let count):
            length = count
            if let text = keys.take("stride") {
                stride = NumberText.integer(text).flatMap { (1...largestCount).contains($0) ? $0 : nil }
                if stride == nil {
                    throw TensorError(
                        .invalidWindow,
                        "stride=\(text): the stride of a count is a number of events from 1 to \(largestCount)")
                }
            }
        case .parts, .between: length = 0
        }
        return (length, stride == length ? nil : stride)
    }

    private static func unknown(_ key: String, _ window: Window, isListed: Bool) -> TensorError {
        let known: String
        switch window {
        case .between: known = "closed, edge (of triggers) and start_ts"
        case .parts: known = "start_ts"
        case .period:
            known =
                isListed ? "align, closed, edge (of triggers) and start_ts" : "at, stride, start_ts and max_duration"
        case .count:
            known = isListed ? "edge (of triggers) and start_ts" : "at, stride, max_period, start_ts and max_duration"
        }
        return TensorError(.unknownParameter, "such a window has no \(key); it has \(known)")
    }

    /// The window, and for `between=NAME` the name.
    private static func window(_ text: String) throws(TensorError) -> (Window, between: String?) {
        if text.hasPrefix("between=") { return (.between, String(text.dropFirst(8))) }
        if text.hasSuffix("parts") {
            guard let count = NumberText.integer(text.dropLast(5)),
                (1...Int64(WindowTimes.largestCount)).contains(count)
            else {
                throw TensorError(
                    .invalidWindow,
                    "\(text): so many equal parts are an integer from 1 to \(WindowTimes.largestCount) followed by parts"
                )
            }
            return (.parts(Int(count)), nil)
        }
        if text.hasSuffix("ev") {
            guard let count = NumberText.integer(text.dropLast(2)), (1...largestCount).contains(count) else {
                throw TensorError(
                    .invalidWindow, "\(text): a count is an integer from 1 to \(largestCount) followed by ev")
            }
            return (.count(count), nil)
        }
        guard let period = TimeText.microseconds(text), (1...Int64(UInt32.max)).contains(period) else {
            throw TensorError(
                .invalidWindow,
                "\(text): a period is a whole number of us from 1 to \(UInt32.max), such as 250ms, 0.25s, 50000us or 50000"
            )
        }
        return (.period(period), nil)
    }
}
