// Times that windows are made of: of triggers, of labels, or of a file beside the recording.

/// Where the times of `at=` and `between=` come from.
public enum TimesOrigin: Hashable, Sendable {
    public enum Edge: String, CaseIterable, Sendable { case rising, falling, both }

    /// External triggers of a channel, 0...31.
    case triggers(channel: Int16, edge: Edge)
    /// Each distinct time of the recording's label file.
    case labels
    /// The times that RVT's preprocessing makes of the recording's label file.
    case rvt(RVTRule)
    /// A file beside the recording: `<recording>_<name>.npy`, `.txt` or `.csv`, or of exactly this name.
    case file(String)

    /// As a path says it, without the edge.
    var text: String {
        switch self {
        case .triggers(let channel, _): "trigger\(channel)"
        case .labels: "labels"
        case .rvt(let rule): rule.text
        case .file(let name): name
        }
    }

    /// Whether the times are in a file beside the recording.
    public var isFile: Bool {
        if case .triggers = self { return false }
        return true
    }

    init(_ text: String, edge: String?) throws(TensorError) {
        if text.hasPrefix("trigger"), NumberText.isDigits(text.dropFirst(7)) {
            guard let channel = NumberText.integer(text.dropFirst(7)), (0...31).contains(channel) else {
                throw TensorError(.invalidWindow, "\(text): triggers have channels 0 to 31, as in trigger0")
            }
            guard let edge = Edge(rawValue: edge ?? Edge.rising.rawValue) else {
                throw TensorError(.invalidWindow, "edge=\(edge ?? "") is none of rising, falling and both")
            }
            self = .triggers(channel: Int16(channel), edge: edge)
            return
        }
        guard edge == nil else {
            throw TensorError(.invalidWindow, "edge= is for the times of triggers, such as trigger0; \(text) has none")
        }
        guard SpecComponent.isFileName(text) else {
            throw TensorError(.invalidWindow, "\(text) is no name of a list of times")
        }
        if let rule = RVTRule(text) {
            self = .rvt(rule)
        } else {
            self = text == "labels" ? .labels : .file(text)
        }
    }
}

/// Times of windows, us, in the recording's time.
///
/// Immutable and shared: there may be millions.
public final class WindowTimes: Sendable {
    /// Rising.
    public let starts: [Int64]
    /// Each at or after its start; nil for a list of single times.
    public let ends: [Int64]?
    /// Names the list: another where a time is another.
    public let digest: UInt64

    /// More are taken for a mistake.
    public static let largestCount = 1 << 22
    /// Times are below this, and above its negative: no sum of a few overflows.
    public static let largestTime = TimeText.largest

    public init(_ starts: [Int64], ends: [Int64]? = nil) {
        self.starts = starts
        self.ends = ends
        // FNV-1a of the bytes.
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for times in [starts, ends ?? []] {
            for time in [Int64(times.count)] + times {
                for shift in stride(from: 0, to: 64, by: 8) {
                    digest = (digest ^ (UInt64(bitPattern: time) >> UInt64(shift)) & 0xFF) &* 0x100_0000_01B3
                }
            }
        }
        self.digest = digest
    }
}
