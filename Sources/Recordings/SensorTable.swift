// Sensors that are known by the `system_ID` of a header alone.

/// What a `system_ID` says of a sensor (Metavision HAL's own table).
struct KnownSensor {
    /// Holds for every encoding.
    let geometry: Geometry
    /// What the sensor writes, where neither `format` nor `evt` names it.
    let format: RecordingFormat

    private static let vga = Geometry(width: 640, height: 480)
    private static let hd = Geometry(width: 1280, height: 720)

    /// nil for an unknown number.
    init?(systemID: Int) {
        switch systemID {
        case 21, 23, 25, 28, 29, 33, 34, 35, 41, 151, 153, 161, 162: (geometry, format) = (Self.vga, .evt2)
        case 40: (geometry, format) = (Self.vga, .evt3)
        case 26, 31, 39: (geometry, format) = (Self.hd, .evt2)
        case 30, 46, 48, 49, 50: (geometry, format) = (Self.hd, .evt3)
        default: return nil
        }
    }
}
