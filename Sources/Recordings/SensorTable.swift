// Sensors that are known by the `system_ID` of a header alone.

/// What a `system_ID` says of a sensor when the header gives no geometry (Metavision HAL's own table).
enum SensorTable {
    private static let vga = Geometry(width: 640, height: 480)
    private static let hd = Geometry(width: 1280, height: 720)

    static func geometry(systemID: Int, format: RecordingFormat) -> Geometry? {
        switch (format, systemID) {
        case (.evt2, 21), (.evt2, 23), (.evt2, 25), (.evt2, 28), (.evt2, 29), (.evt2, 33), (.evt2, 34), (.evt2, 35),
            (.evt2, 41),
            (.evt2, 151), (.evt2, 153), (.evt2, 161), (.evt2, 162), (.evt3, 40):
            vga
        case (.evt2, 26), (.evt2, 31), (.evt2, 39), (.evt3, 30), (.evt3, 46), (.evt3, 48), (.evt3, 49), (.evt3, 50):
            hd
        default: nil
        }
    }
}
