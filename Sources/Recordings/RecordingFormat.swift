// The encodings of event streams that can be read and written.

/// How a recording's events are encoded.
public enum RecordingFormat: String, Sendable, CaseIterable, Codable {
    case evt2, evt21, evt21Legacy, evt3, evt4, dat, dat1

    /// The name people know it by.
    public var displayName: String {
        switch self {
        case .evt2: "EVT2"
        case .evt21: "EVT2.1"
        case .evt21Legacy: "EVT2.1 (legacy)"
        case .evt3: "EVT3"
        case .evt4: "EVT4"
        case .dat: "DAT"
        case .dat1: "DAT (version 1)"
        }
    }

    /// Whether words are records of a time and a place, without time high words.
    public var isDAT: Bool { self == .dat || self == .dat1 }

    /// The largest sensor whose pixels its words can name: x and y have 11 bits each in RAW, 14 in DAT, 9 and 8 in DAT
    /// of version 1.
    public var largestGeometry: Geometry {
        switch self {
        case .evt2, .evt21, .evt21Legacy, .evt3, .evt4: Geometry(width: 2048, height: 2048)
        case .dat: Geometry(width: 16384, height: 16384)
        case .dat1: Geometry(width: 512, height: 256)
        }
    }

    /// Whether its words can name every pixel of a sensor of `geometry`.
    public func hasRoom(for geometry: Geometry) -> Bool {
        geometry.width <= largestGeometry.width && geometry.height <= largestGeometry.height
    }
}
