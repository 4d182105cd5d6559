// The encodings that a setting can give to recordings whose header names none.

/// What `--encoding` says: an encoding, or one of two layouts where a header leaves that open.
public enum RecordingEncoding: String, Sendable, CaseIterable {
    case evt2, evt21
    case evt21Legacy = "evt21-legacy"
    case evt3, evt4
    /// DAT, packed as header and events say.
    case dat
    /// DAT packed as version 1: x 9 bits, y 8, polarity 1.
    case dat1
    /// DAT packed as version 2: x 14 bits, y 14, polarity 4.
    case dat2

    /// Reads `evt3`, in any case; nil when it is none.
    public init?(_ text: String) { self.init(rawValue: text.lowercased()) }

    /// How words are read unless they say otherwise.
    public var format: RecordingFormat {
        switch self {
        case .evt2: .evt2
        case .evt21: .evt21
        case .evt21Legacy: .evt21Legacy
        case .evt3: .evt3
        case .evt4: .evt4
        case .dat, .dat2: .dat
        case .dat1: .dat1
        }
    }

    /// All values, as help and errors list them.
    public static let list = allCases.map(\.rawValue).joined(separator: ", ")
}
