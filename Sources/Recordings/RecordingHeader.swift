// The text header of RAW and DAT files: what is recorded, how it is encoded, where the events start.

import Files

/// The header of a recording: lines that start with `% `, until `% end` or the first line that does not. Keys may be in
/// any case.
public struct RecordingHeader: Sendable {
    /// Keys and values in file order, repeated ones included.
    public let fields: [(key: String, value: String)]
    /// The encoding by the header, else by a hint. The order of EVT2.1's words and the packing of DAT's are what the
    /// header says or implies; the events may know better (``RecordingReading``).
    public let format: RecordingFormat
    /// The encoding by the header alone; nil when a hint gave it.
    public let ownFormat: RecordingFormat?
    /// From `format`, `geometry`, `Width` and `Height`, or the sensor's `system_ID`; nil when none of them says.
    public let geometry: Geometry?
    public let systemID: Int?
    /// DAT: the value of `Version`.
    public let version: Double?
    /// Where the first word of the events is, bytes from the start of the file.
    public let payloadOffset: Int64
    /// CRC-32 of the bytes before `payloadOffset`.
    public let digest: UInt32

    /// Headers of real files are below 1 KiB; nothing longer is read.
    static let sizeLimit = 1 << 16

    /// The last value of `key`, as written.
    public func value(_ key: String) -> String? {
        let key = key.lowercased()
        return fields.last { $0.key.lowercased() == key }?.value
    }

    /// Reads the header of `file`, which has `size` bytes; `hints` give what it lacks.
    ///
    /// - Throws: `.notARecording`, `.encodingMissing`, `.headerContradiction`, `.geometryUnusable`, `.unreadable`.
    static func read(_ file: File, size: Int64, hints: RecordingHints) throws(RecordingError) -> RecordingHeader {
        func bytes(_ count: Int) throws(RecordingError) -> [UInt8] {
            do throws(FileError) { return try file.bytes(in: 0..<Int64(count)) } catch {
                throw RecordingError(.unreadable, error.message, cause: error)
            }
        }
        // Nearly every header ends in the first page; folders of thousands of recordings are opened for a listing.
        let page = try bytes(4096)
        if let header = try? RecordingHeader(bytes: page, name: file.path, hints: hints, size: size),
            header.payloadOffset < 4000
        {
            return header
        }
        return try RecordingHeader(
            bytes: page.count < 4096 ? page : bytes(sizeLimit + 2), name: file.path, hints: hints, size: size)
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// - Parameters:
    ///   - name: the file's, for messages; one that ends in `.dat` is a DAT file where the header leaves it open.
    ///   - size: bytes of the whole file, if that is more than `bytes`.
    public init(
        bytes: [UInt8], name: String, hints: RecordingHints = RecordingHints(), size: Int64? = nil
    ) throws(RecordingError) {
        guard !bytes.isEmpty else { throw RecordingError(.notARecording, "'\(name)' is empty") }
        let (fields, end) = HeaderLines.read(bytes, limit: Self.sizeLimit)
        guard end > 0 else {
            try self.init(withoutHeader: bytes, name: name, hints: hints, size: size ?? Int64(bytes.count))
            return
        }
        guard end <= Self.sizeLimit else {
            throw RecordingError(
                .notARecording, "'\(name)' is no recording: its header is longer than \(Self.sizeLimit) bytes")
        }
        let values = HeaderValues(fields, name: name)
        let systemID = values["system_id"].flatMap { Int($0) }
        let version = values["version"].flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
        let sensor = values.namesOtherIntegrators ? nil : systemID.flatMap { KnownSensor(systemID: $0) }

        // What stands before the first event of a DAT file: its type (CD) and size.
        let isDAT = bytes.count >= end + 2 && (bytes[end] == 0 || bytes[end] == 12) && bytes[end + 1] == 8
        let saysDAT = version != nil || values["data"] != nil || name.lowercased().hasSuffix(".dat")
        let named = try values.format(systemID)
        let ownFormat: RecordingFormat?
        let format: RecordingFormat
        if let own = named ?? (isDAT && saysDAT ? .dat : sensor?.format) {
            ownFormat = own
            let settled = values.endianness.isEmpty ? hints.encoding?.format : nil
            format =
                switch (own, settled) {
                case (.evt21, .evt21Legacy), (.evt21Legacy, .evt21): settled ?? own
                default: own
                }
        } else if let given = hints.encoding?.format, isDAT || !given.isDAT {
            (ownFormat, format) = (nil, given)
        } else if isDAT {
            (ownFormat, format) = (.dat, .dat)
        } else if saysDAT || hints.encoding != nil {
            throw RecordingError(
                .notARecording,
                "'\(name)' is no recording that can be read: no DAT events of type CD (bytes 0 or 12, then 8) follow its header"
            )
        } else {
            throw RecordingError(
                .encodingMissing,
                "the header of '\(name)' names no encoding ('% evt' or '% format'), and no DAT events follow it; "
                    + "give it with --encoding (\(RecordingEncoding.list)) or in the mount config")
        }
        self.init(
            bytes[..<(format.isDAT ? end + 2 : end)], fields: fields, format: format, ownFormat: ownFormat,
            geometry: try values.geometry() ?? sensor?.geometry, systemID: systemID, version: version)
    }

    /// A file that begins with its events: both hints must say what they are.
    private init(
        withoutHeader bytes: [UInt8], name: String, hints: RecordingHints, size: Int64
    ) throws(RecordingError) {
        guard !bytes.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) else {
            throw RecordingError(.notARecording, "'\(name)' is no recording but an HDF5 file")
        }
        guard let format = hints.encoding?.format, hints.geometry != nil else {
            throw RecordingError(
                .notARecording,
                "'\(name)' is no recording: it has no header (lines that start with '% '); was it cut at the front? "
                    + "Events without a header need both --encoding and --geometry")
        }
        // Type and size may be left of a DAT file's header.
        let isMarked = bytes.count >= 2 && (bytes[0] == 0 || bytes[0] == 12) && bytes[1] == 8 && size % 8 == 2
        self.init(bytes[..<(format.isDAT && isMarked ? 2 : 0)], format: format)
    }

    /// The header that `bytes` are.
    private init(
        _ bytes: ArraySlice<UInt8>, fields: [(key: String, value: String)] = [], format: RecordingFormat,
        ownFormat: RecordingFormat? = nil, geometry: Geometry? = nil, systemID: Int? = nil, version: Double? = nil
    ) {
        self.fields = fields
        self.format = format
        self.ownFormat = ownFormat
        self.geometry = geometry
        self.systemID = systemID
        self.version = version
        payloadOffset = Int64(bytes.count)
        digest = crc32(Array(bytes))
    }
}

/// The header's values by lower case key, and what they mean together.
private struct HeaderValues {
    private let values: [String: String]
    private let options: FormatField?
    private let name: String

    init(_ fields: [(key: String, value: String)], name: String) {
        values = Dictionary(fields.map { ($0.key.lowercased(), $0.value) }) { _, last in last }
        options = FormatField(values["format"])
        self.name = name
    }

    subscript(_ key: String) -> String? { values[key] }

    /// Every `endianness` that is given, in lower case.
    var endianness: [String] {
        [options?.values["endianness"], values["endianness"]].compactMap { $0?.lowercased() }
    }

    /// Who built the camera and who the software that wrote the file. One name was for both before Metavision 4.
    private var integrators: [String?] {
        let both = ["camera_integrator_name", "plugin_integrator_name"].map {
            values[$0].flatMap { $0.isEmpty ? nil : $0 }
        }
        guard both.allSatisfy({ $0 == nil }), let one = values["integrator_name"], !one.isEmpty else { return both }
        return [one, one]
    }

    private static let prophesee = "Prophesee"

    /// Whether somebody else than Prophesee is named: then `system_ID` is a number of theirs.
    var namesOtherIntegrators: Bool { integrators.contains { $0 != nil && $0 != Self.prophesee } }

    /// Whether EVT2.1 without an endianness has its halves swapped (OpenEB's rule, in its psee_raw_file_header.cpp):
    /// words of Prophesee's own cameras before `system_ID` 55, written by Prophesee's software, both of which nobody
    /// being named stands for.
    private func isLegacy(_ systemID: Int?) -> Bool {
        let isProphesee = integrators.allSatisfy { $0 == Self.prophesee } || integrators.allSatisfy { $0 == nil }
        return isProphesee && systemID != 0 && (systemID ?? 1) < 55
    }

    /// The encoding that `format` and `evt` name; nil when there is neither.
    func format(_ systemID: Int?) throws(RecordingError) -> RecordingFormat? {
        func known(_ text: String, _ key: String) throws(RecordingError) -> RecordingFormat {
            switch text.uppercased() {
            case "EVT2", "EVT2.0", "2.0", "2": return .evt2
            case "EVT21", "EVT2.1", "2.1": return .evt21
            case "EVT3", "EVT3.0", "3.0", "3": return .evt3
            case "EVT4", "EVT4.0", "4.0", "4": return .evt4
            default:
                throw RecordingError(
                    .notARecording,
                    "'\(name)' cannot be read: '% \(key) \(text)' is none of EVT2, EVT2.1, EVT3 and EVT4")
            }
        }
        var format: RecordingFormat?
        if let options { format = try known(options.name, "format") }
        if let text = values["evt"] {
            let second = try known(text, "evt")
            guard format == nil || format == second else {
                throw contradiction("format \(options?.name ?? "") but evt \(text)")
            }
            format = second
        }
        guard Set(endianness).count < 2 else {
            throw contradiction("endianness \(endianness.joined(separator: " and "))")
        }
        switch (format, endianness.first) {
        case (.evt21, "legacy"): return .evt21Legacy
        case (.evt21, nil): return isLegacy(systemID) ? .evt21Legacy : .evt21
        case (_, nil), (_, "little"): return format
        case (nil, _): return nil
        case (_, let other):
            throw RecordingError(
                .notARecording, "'\(name)' cannot be read: endianness '\(other ?? "")' is not supported, only little")
        }
    }

    /// The geometry that the fields give; nil when none does.
    func geometry() throws(RecordingError) -> Geometry? {
        var given: [(key: String, geometry: Geometry)] = []
        func add(_ key: String, _ width: String?, _ height: String?) throws(RecordingError) {
            guard let width, let height else { return }
            if let geometry = Geometry("\(width)x\(height)") {
                given.append((key, geometry))
            } else if [width, height].allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isWholeNumber) && $0 != "0" }) {
                // Numbers, but larger than any sensor.
                throw RecordingError(
                    .geometryUnusable,
                    "the header of '\(name)' gives \(width)x\(height) by '\(key)'; no sensor is that large"
                )
            }
        }
        try add("format", options?.values["width"], options?.values["height"])
        let sides =
            values["geometry"]?.lowercased().split(separator: "x", omittingEmptySubsequences: false).map(String.init)
            ?? []
        if sides.count == 2 { try add("geometry", sides[0], sides[1]) }
        try add("Width and Height", values["width"], values["height"])
        guard let first = given.first else { return nil }
        for other in given where other.geometry != first.geometry {
            throw contradiction("\(first.geometry) by '\(first.key)' but \(other.geometry) by '\(other.key)'")
        }
        return first.geometry
    }

    private func contradiction(_ what: String) -> RecordingError {
        RecordingError(.headerContradiction, "the header of '\(name)' contradicts itself: \(what)")
    }
}

/// `NAME;key=value;...` of the field `format`; keys in lower case.
private struct FormatField {
    let name: String
    let values: [String: String]

    init?(_ text: String?) {
        guard let parts = text?.split(separator: ";", omittingEmptySubsequences: true), let first = parts.first else {
            return nil
        }
        name = first.filter { !$0.isWhitespace }
        var values: [String: String] = [:]
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=", maxSplits: 1)
            if sides.count == 2 {
                values[sides[0].lowercased().filter { !$0.isWhitespace }] = sides[1].filter { !$0.isWhitespace }
            }
        }
        self.values = values
    }
}
