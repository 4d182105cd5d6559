// An open recording: the file, its header and what it was when it was opened.

import Files

/// What tells two states of recordings apart; equal identities mean equal events.
public struct RecordingIdentity: Hashable, Sendable, Codable {
    public let device: UInt64
    public let inode: UInt64
    /// Bytes.
    public let size: Int64
    /// Nanoseconds since 1970.
    public let modified: Int64
    /// CRC-32 of the header.
    public let headerDigest: UInt32
    public let geometry: Geometry
    /// How its words are read, which settings and the words themselves may change.
    public let format: RecordingFormat

    public init(
        device: UInt64, inode: UInt64, size: Int64, modified: Int64, headerDigest: UInt32, geometry: Geometry,
        format: RecordingFormat
    ) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.headerDigest = headerDigest
        self.geometry = geometry
        self.format = format
    }
}

/// An open RAW or DAT file with a readable header and a known geometry.
public final class Recording: Sendable {
    public let path: String
    public let file: File
    public let header: RecordingHeader
    public let geometry: Geometry
    public let identity: RecordingIdentity
    /// What the file was when it was opened.
    public let status: FileStatus
    /// A digest of what was given for what the header lacks; 0 when nothing was.
    public let settings: UInt64

    /// Recordings up to this size are read at once when they are opened, by one system call.
    static let smallSize: Int64 = 65536

    /// How its words are read.
    public let format: RecordingFormat
    /// Where its words are read otherwise than its header says; sentences for people.
    public let notes: [String]

    /// No file has more bytes (64 PiB); sums of offsets and of events stay far from overflow.
    private static let largestSize: Int64 = 1 << 56

    /// Opens the recording at `path`, whose header has no geometry or `geometry`.
    public convenience init(path: String, geometry: Geometry?) throws(RecordingError) {
        try self.init(path: path, hints: RecordingHints(geometry: geometry))
    }

    /// Opens the recording at `path`; `hints` give what its header lacks.
    ///
    /// - Throws: `.notARecording`, `.encodingMissing`, `.geometryMissing`, `.geometryUnusable`, `.headerContradiction`,
    ///   `.unreadable`.
    public init(
        path: String, opened: File? = nil, hints: RecordingHints = RecordingHints()
    ) throws(RecordingError) {
        do throws(FileError) {
            if let opened { file = opened } else { file = try File(path: path) }
            status = try file.status()
            if status.kind == .regular, (1...Self.smallSize).contains(status.size) { try file.hold(Int(status.size)) }
        } catch {
            throw RecordingError(.unreadable, error.message, cause: error)
        }
        guard status.kind == .regular else { throw RecordingError(.notARecording, "'\(path)' is no file") }
        guard status.size <= Self.largestSize else {
            throw RecordingError(.notARecording, "'\(path)' has \(status.size) bytes, more than any recording")
        }
        header = try RecordingHeader.read(file, size: status.size, hints: hints)
        guard let geometry = header.geometry ?? hints.geometry else {
            throw RecordingError(
                .geometryMissing,
                "the header of '\(path)' says no geometry; give it with --geometry WIDTHxHEIGHT or in the mount config")
        }
        self.path = path
        self.geometry = geometry
        let (file, size) = (file, status.size)
        let reading = try RecordingReading(header, geometry, hints, name: path) { (range) throws(RecordingError) in
            let present = range.clamped(to: 0..<size)
            do throws(FileError) { return try file.bytes(in: present) } catch {
                throw RecordingError(.unreadable, error.message, cause: error)
            }
        }
        format = reading.format
        notes = reading.notes
        settings = Self.settings(hints)
        identity = RecordingIdentity(
            device: status.device, inode: status.inode, size: status.size, modified: status.modified,
            headerDigest: header.digest, geometry: geometry, format: format)
    }

    /// A number for a reading that the header alone does not give; 0 for that of the header. Who keeps something by the
    /// header's digest adds it.
    public var readingDigest: UInt64 { format == header.ownFormat ? 0 : Self.readingDigest(format) }

    static func readingDigest(_ format: RecordingFormat) -> UInt64 {
        // FNV-1a.
        format.rawValue.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// See the property; for who has the settings and no open recording.
    public static func settings(_ hints: RecordingHints) -> UInt64 {
        if hints == RecordingHints() { return 0 }
        let geometry = hints.geometry.map { "\($0)" } ?? ""
        let encoding = hints.encoding.map { "\($0)" } ?? ""
        // FNV-1a.
        return "\(geometry) \(encoding)".utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Whether it was read whole when it was opened.
    public var isSmall: Bool { status.size <= Self.smallSize }

    /// Lets go of the bytes of a small recording, which were read when it was opened: for who keeps it open.
    public func letGo() { file.letGo() }

    /// Whether the open file may still hold the bytes it had when it was opened; having grown is fine. Whether it was
    /// rewritten longer, `TimeIndex.checkUnchanged` can tell.
    ///
    /// - Returns: what the file is now.
    /// - Throws: `.changed` when it shrank or was written to without growing, `.unreadable`.
    @discardableResult
    public func checkUnchanged() throws(RecordingError) -> FileStatus {
        let now: FileStatus
        do throws(FileError) { now = try file.status() } catch {
            throw RecordingError(.unreadable, error.message, cause: error)
        }
        guard now.size > status.size || (now.size == status.size && now.modified == status.modified) else {
            throw RecordingError.changed(path)
        }
        return now
    }
}

extension RecordingError {
    package static func changed(_ path: String) -> RecordingError {
        RecordingError(.changed, "'\(path)' changed while it was read; open it again")
    }
}
