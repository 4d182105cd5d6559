// Writes recordings in every format, as a sensor would: for `evh5 synth` and for tests.

import Files

/// Writes events to a new file, front to back, in bounded memory.
///
/// Times are the sensor's: the first time high word is that of `startTime`, and a reader subtracts what the format's
/// rule says (``timeShift``). With a `startTime` of 0 that is nothing, and events are read back exactly as they were
/// written.
public struct RecordingWriter {
    public let path: String
    public let format: RecordingFormat
    public let geometry: Geometry
    /// What a reader will subtract from every time, us.
    public let timeShift: Int64
    public private(set) var eventCount: Int64 = 0

    private let file: FileWriter
    private var encoder: any EventEncoder
    private var lastTime: Int64

    /// Creates the file and writes its header.
    ///
    /// - Parameters:
    ///   - startTime: us, not later than the first event; where the sensor's clock starts.
    ///   - fields: more lines of the header, before those that every recording has.
    /// - Throws: `.unwritable`.
    public init(
        path: String, format: RecordingFormat, geometry: Geometry, startTime: Int64 = 0,
        fields: [(key: String, value: String)] = []
    ) throws(RecordingError) {
        guard geometry.width > 0, geometry.height > 0, format.hasRoom(for: geometry) else {
            throw RecordingError(
                .unwritable, "\(format.displayName) has room for \(format.largestGeometry) pixels, not for \(geometry)")
        }
        guard startTime >= 0, startTime < 1 << 50, !format.isDAT || startTime < 1 << 31 else {
            throw RecordingError(.unwritable, "\(format.displayName) cannot start at \(startTime) us")
        }
        self.path = path
        self.format = format
        self.geometry = geometry
        lastTime = startTime
        timeShift =
            switch format {
            case .evt2, .evt21, .evt21Legacy, .evt4: (startTime & ((1 << 34) - 1)) & ~63
            case .evt3: max(0, (startTime >> 12 & 0xFFF) - 1) << 12
            case .dat, .dat1: 0
            }
        encoder =
            switch format {
            case .evt2: EVT2Encoder(startTime)
            case .evt21: EVT21Encoder(startTime, swapped: false)
            case .evt21Legacy: EVT21Encoder(startTime, swapped: true)
            case .evt3: EVT3Encoder(startTime, width: geometry.width)
            case .evt4: EVT4Encoder(startTime, width: geometry.width)
            case .dat: DATEncoder { DATVersion2.word($0) }
            case .dat1: DATEncoder { DATVersion1.word($0) }
            }
        do throws(FileError) {
            file = try FileWriter(path: path)
            try file.append(Self.header(format, geometry, fields))
        } catch { throw RecordingError(.unwritable, error.message, cause: error) }
    }

    /// Appends an event.
    ///
    /// - Throws: `.unwritable` when it is earlier than the one before or outside the geometry, or when the disk
    ///   refuses.
    public mutating func append(_ event: Event) throws(RecordingError) {
        guard event.t >= lastTime, Int(event.x) < geometry.width, Int(event.y) < geometry.height, event.polarity < 2
        else {
            throw RecordingError(
                .unwritable,
                "event x=\(event.x) y=\(event.y) p=\(event.polarity) t=\(event.t) is outside \(geometry) or earlier than \(lastTime) us"
            )
        }
        // The reader of a DAT file sees a wrap only when some event shows it.
        guard !format.isDAT || event.t - lastTime < 1 << 30 else {
            throw RecordingError(
                .unwritable, "DAT cannot hold a gap of more than \(1 << 30) us, from \(lastTime) to \(event.t)")
        }
        lastTime = event.t
        eventCount += 1
        do throws(FileError) { try encoder.append(event, to: file) } catch {
            throw RecordingError(.unwritable, error.message, cause: error)
        }
    }

    /// Appends a trigger, whose time is the sensor's, too.
    ///
    /// - Throws: `.unwritable` when it is earlier than what came before, when the format has no such word (DAT has
    ///   none,
    ///   EVT3 has 16 channels, the others 32), or when the disk refuses.
    public mutating func append(_ trigger: Trigger) throws(RecordingError) {
        let channels: Int16 = format.isDAT ? 0 : format == .evt3 ? 16 : 32
        guard trigger.t >= lastTime, trigger.id >= 0, trigger.id < channels, trigger.p == 0 || trigger.p == 1 else {
            throw RecordingError(
                .unwritable,
                "\(format.displayName) cannot hold a trigger of channel \(trigger.id), edge \(trigger.p) at \(trigger.t) us after \(lastTime) us"
            )
        }
        lastTime = trigger.t
        do throws(FileError) { try encoder.append(trigger, to: file) } catch {
            throw RecordingError(.unwritable, error.message, cause: error)
        }
    }

    /// Appends events sorted by time.
    public mutating func append(_ events: some Sequence<Event>) throws(RecordingError) {
        for event in events { try append(event) }
    }

    /// Writes what is still held back. Nothing may be appended after it.
    public mutating func finish() throws(RecordingError) {
        do throws(FileError) {
            try encoder.finish(to: file)
            try file.finish()
        } catch { throw RecordingError(.unwritable, error.message, cause: error) }
    }

    private static func header(
        _ format: RecordingFormat, _ geometry: Geometry, _ fields: [(key: String, value: String)]
    ) -> [UInt8] {
        let (width, height) = (geometry.width, geometry.height)
        func raw(_ evt: String, _ name: String, _ endianness: String? = nil) -> [(String, String)] {
            [
                ("camera_integrator_name", "Prophesee"), ("evt", evt),
                ("format", "\(name);height=\(height);width=\(width)" + (endianness.map { ";endianness=\($0)" } ?? "")),
                ("geometry", "\(width)x\(height)"), ("integrator_name", "Prophesee"),
                ("plugin_integrator_name", "Prophesee"),
                ("plugin_name", "hal_plugin_prophesee"), ("serial_number", "00000000"),
            ] + (endianness.map { [("endianness", $0)] } ?? []) + [("end", "")]
        }
        let own: [(String, String)] =
            switch format {
            case .evt2: raw("2.0", "EVT2")
            case .evt21: raw("2.1", "EVT21", "little")
            case .evt21Legacy: raw("2.1", "EVT21", "legacy")
            case .evt3: raw("3.0", "EVT3")
            case .evt4: raw("4.0", "EVT4")
            case .dat, .dat1:
                [
                    ("Data", "file containing CD events."), ("Version", format == .dat ? "2" : "1"),
                    ("Height", "\(height)"),
                    ("Width", "\(width)"),
                ]
            }
        // A DAT file's first line says what it is.
        let all =
            format.isDAT
            ? own.prefix(2) + fields.map { ($0.key, $0.value) } + own.dropFirst(2)
            : fields.map { ($0.key, $0.value) } + own
        let text = all.map { key, value in value.isEmpty ? "% \(key)\n" : "% \(key) \(value)\n" }.joined()
        return Array(text.utf8) + (format.isDAT ? [12, 8] : [])
    }
}

/// Turns events, sorted by time, into words.
protocol EventEncoder {
    mutating func append(_ event: Event, to file: FileWriter) throws(FileError)
    mutating func append(_ trigger: Trigger, to file: FileWriter) throws(FileError)
    mutating func finish(to file: FileWriter) throws(FileError)
}
