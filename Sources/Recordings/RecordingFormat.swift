// The encodings of event streams that can be read and written.

/// How a recording's events are encoded.
public enum RecordingFormat: String, Sendable, CaseIterable, Codable {
    case evt2, evt21, evt21Legacy, evt3, evt4, dat

    /// The name people know it by.
    public var displayName: String {
        switch self {
        case .evt2: "EVT2"
        case .evt21: "EVT2.1"
        case .evt21Legacy: "EVT2.1 (legacy)"
        case .evt3: "EVT3"
        case .evt4: "EVT4"
        case .dat: "DAT"
        }
    }
}
