// How a recording's words are to be read: by its header, by settings, and by the words themselves, which know best.

/// The encoding that a recording is read by, and what its owner should know of that.
struct RecordingReading {
    let format: RecordingFormat
    /// Where words and header disagree, and the words were believed; sentences for people.
    var notes: [String] = []

    /// Words are looked at in this many bytes at the start: enough for thousands of events.
    private static let first: Int64 = 1 << 16
    /// Where those do not tell how DAT is packed, more are looked at.
    private static let most: Int64 = 1 << 20

    /// Decides how the words after `header` are read; `payload` gives the bytes of a range of the file, fewer where it
    /// ends.
    ///
    /// - Throws: `.geometryUnusable`, `.encodingMissing`, and what `payload` throws.
    init(
        _ header: RecordingHeader, _ geometry: Geometry, _ hints: RecordingHints, name: String,
        payload: (Range<Int64>) throws(RecordingError) -> [UInt8]
    ) throws(RecordingError) {
        let start = header.payloadOffset
        switch header.format {
        case .evt21, .evt21Legacy:
            // Nearly always the first page tells.
            var found = WordOrder.format(of: try payload(start..<start + 4096), geometry)
            if found == nil { found = WordOrder.format(of: try payload(start..<start + Self.first), geometry) }
            format = found ?? header.format
            if let own = header.ownFormat, own != format {
                notes.append(
                    found == nil
                        ? "read as \(format.displayName) by --encoding; the header says or implies \(own.displayName)"
                        : "its words are in the order of \(format.displayName), not in that of \(own.displayName) as the header says or "
                            + "implies; read as \(format.displayName)")
            } else if header.ownFormat == nil, header.format != format {
                notes.append(
                    "its words are in the order of \(format.displayName), not in that of \(header.format.displayName) as "
                        + "--encoding says; read as \(format.displayName)")
            }
        case .dat, .dat1:
            (format, notes) = try Self.packing(header, geometry, hints, name, payload)
        default:
            format = header.format
        }
        guard format.hasRoom(for: geometry) else {
            let source =
                header.geometry == nil
                ? "the geometry \(geometry) that settings give" : "its header's geometry \(geometry)"
            throw RecordingError(
                .geometryUnusable,
                "'\(name)' cannot be read: \(source) is more than the \(format.largestGeometry) pixels that words of "
                    + "\(format.displayName) can name")
        }
    }

    /// How DAT's records are packed. Version 2 is what it says. Files below it may be packed as version 1, but some
    /// writers say 1 and pack as version 2: the records tell, by what makes no sense in the one or the other.
    private static func packing(
        _ header: RecordingHeader, _ geometry: Geometry, _ hints: RecordingHints, _ name: String,
        _ payload: (Range<Int64>) throws(RecordingError) -> [UInt8]
    ) throws(RecordingError) -> (RecordingFormat, [String]) {
        if let version = header.version, version >= 2 { return (.dat, []) }
        switch hints.encoding {
        case .dat1: return (.dat1, [])
        case .dat2: return (.dat, [])
        default: break
        }
        let says = header.version.map { "says version \(text($0))" } ?? "says no version"
        guard RecordingFormat.dat1.hasRoom(for: geometry) else {
            return (.dat, header.version == nil ? [] : [note(says, 2, "as its geometry \(geometry) needs")])
        }
        let start = header.payloadOffset
        var evidence = DATEvidence()
        evidence.look(at: try payload(start..<start + first), geometry)
        if evidence.format == nil {
            evidence = DATEvidence()
            evidence.look(at: try payload(start..<start + most), geometry)
        }
        switch evidence.format {
        case .dat1?: return (.dat1, header.version == nil ? [note(says, 1, "as its events show")] : [])
        case .dat?: return (.dat, header.version == nil ? [] : [note(says, 2, "as its events show")])
        default:
            // Nothing to be read wrongly.
            if evidence.count == 0 { return (.dat, []) }
            throw RecordingError(
                .encodingMissing,
                "the header of '\(name)' \(says), and its events do not show whether they are packed as version 1 (x 9 bits, y 8) "
                    + "or as version 2 (14 bits each); say it with --encoding dat1 or dat2, or in the mount config")
        }
    }

    private static func note(_ says: String, _ packing: Int, _ why: String) -> String {
        "its header \(says); read with records packed as version \(packing), \(why)"
    }

    private static func text(_ version: Double) -> String {
        Int(exactly: version).map { "\($0)" } ?? "\(version)"
    }
}

/// In which order the halves of EVT2.1's words lie, by the words themselves.
///
/// A sensor writes its clock often, as words of type TIME_HIGH (8) whose other half is 0. In the wrong order such a
/// word is an event at x = 0, y = 0, and events are words of any type, at places outside the sensor, without a clock
/// that goes on. Where half a word was lost on the way, all that follows seems to be in the other order, with every
/// event's pixels taken from the next word. That is damage, and known by the first words, which are in order.
enum WordOrder {
    /// How well words fit one order.
    private struct Fit {
        let geometry: Geometry
        /// TIME_HIGH whose other half is 0.
        var clocks = 0
        /// TIME_HIGH that continues the clock, whatever the other half is.
        var steps = 0
        /// What no sensor writes.
        var misfits = 0
        var last: UInt32?

        init(_ geometry: Geometry) { self.geometry = geometry }

        mutating func look(event: UInt32, mask: UInt32) {
            switch event >> 28 {
            case 0, 1:
                let x = Int(event >> 11 & 0x7FF)
                let right = x + 31 - mask.leadingZeroBitCount
                let isInside = mask != 0 && Int(event & 0x7FF) < geometry.height && right < geometry.width
                if last == nil || !isInside { misfits += 1 }
            case 8:
                let time = event & 0x0FFF_FFFF
                // Up to 67 s on, around the end of the counter as well.
                let isStep = last.map { (time &- $0) & 0x0FFF_FFFF < 1 << 20 } ?? true
                if isStep { steps += 1 } else { misfits += 1 }
                if mask == 0 { clocks += 1 }
                last = time
            case 0xA, 0xE, 0xF: break
            default: misfits += 1
            }
        }

        /// Whether these words make sense so and not as in `other`.
        func isBetter(than other: Fit, words: Int) -> Bool {
            guard steps > 0, 50 * misfits <= words else { return false }
            return clocks > 8 * other.clocks || (clocks >= other.clocks && other.misfits > 8 * misfits + 8)
        }
    }

    /// The order that `bytes` are in; nil where they do not tell.
    static func format(of bytes: [UInt8], _ geometry: Geometry) -> RecordingFormat? {
        var normal = Fit(geometry)
        var legacy = Fit(geometry)
        /// Misfits of the first words.
        var early = (normal: 0, legacy: 0)
        let count = bytes.count / 8
        bytes.withUnsafeBytes { raw in
            for i in 0..<count {
                if i == firstWords { early = (normal.misfits, legacy.misfits) }
                let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self))
                let (upper, lower) = (UInt32(truncatingIfNeeded: word >> 32), UInt32(truncatingIfNeeded: word))
                normal.look(event: upper, mask: lower)
                legacy.look(event: lower, mask: upper)
            }
        }
        if count <= firstWords { early = (normal.misfits, legacy.misfits) }
        if early.normal <= early.legacy, normal.isBetter(than: legacy, words: count) { return .evt21 }
        if early.legacy <= early.normal, legacy.isBetter(than: normal, words: count) { return .evt21Legacy }
        return nil
    }

    private static let firstWords = 32
}

/// How DAT's records are packed, by the records themselves.
struct DATEvidence {
    /// Records that make sense in one packing only.
    private var version1 = 0
    private var version2 = 0
    /// Records that were looked at.
    private(set) var count = 0

    mutating func look(at bytes: [UInt8], _ geometry: Geometry) {
        func isInside<Packing: DATPacking>(_ word: UInt32, _: Packing.Type) -> Bool {
            Packing.isValid(word) && Int(Packing.x(word)) < geometry.width && Int(Packing.y(word)) < geometry.height
        }
        bytes.withUnsafeBytes { raw in
            for i in 0..<bytes.count / 8 {
                let word = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 8 * i + 4, as: UInt32.self))
                count += 1
                switch (isInside(word, DATVersion1.self), isInside(word, DATVersion2.self)) {
                case (true, false): version1 += 1
                case (false, true): version2 += 1
                default: break
                }
            }
        }
    }

    /// The packing that the records are of; nil where they do not tell. A few damaged ones do not matter.
    var format: RecordingFormat? {
        if version1 > 64 * version2 { return .dat1 }
        if version2 > 64 * version1 { return .dat }
        return nil
    }
}
