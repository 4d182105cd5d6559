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

    public init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, headerDigest: UInt32, geometry: Geometry) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.headerDigest = headerDigest
        self.geometry = geometry
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

    public var format: RecordingFormat { header.format }

    /// Opens the recording at `path`; `override` is the geometry to use when the header has none.
    ///
    /// - Throws: `.notARecording`, `.geometryMissing`, `.headerContradiction`, `.unreadable`.
    public init(path: String, geometry override: Geometry? = nil) throws(RecordingError) {
        do throws(FileError) {
            file = try File(path: path)
            status = try file.status()
        } catch {
            throw RecordingError(.unreadable, error.message, cause: error)
        }
        guard status.kind == .regular else { throw RecordingError(.notARecording, "'\(path)' is no file") }
        header = try RecordingHeader.read(file)
        guard let geometry = header.geometry ?? override else {
            throw RecordingError(
                .geometryMissing,
                "the header of '\(path)' says no geometry; give it with --geometry WIDTHxHEIGHT or in the mount config")
        }
        self.path = path
        self.geometry = geometry
        identity = RecordingIdentity(
            device: status.device, inode: status.inode, size: status.size, modified: status.modified,
            headerDigest: header.digest,
            geometry: geometry)
    }

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
    static func changed(_ path: String) -> RecordingError {
        RecordingError(.changed, "'\(path)' changed while it was read; open it again")
    }
}
