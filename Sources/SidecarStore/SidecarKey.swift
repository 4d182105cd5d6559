// What names a sidecar, and what it was made for: the virtual file without additions.

import Files
import TensorFile

/// Names a virtual file: a recording under a preprocessing and a window, or its events.
public struct SidecarKey: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Absolute, links resolved.
    public var recordingPath: String
    /// Canonical text, as in the virtual path.
    public var preprocessing: String
    /// Canonical text, as in the virtual path; empty for events, which have none.
    public var window: String
    /// The part's index under `max_duration=`.
    public var part: Int?

    public init(recordingPath: String, preprocessing: String, window: String, part: Int? = nil) {
        self.recordingPath = recordingPath
        self.preprocessing = preprocessing
        self.window = window
        self.part = part
    }

    /// For messages: `histo/50ms of '/recordings/a.raw'`.
    public var description: String {
        "\(place)\(part.map { ", part \($0)," } ?? "") of '\(recordingPath)'"
    }

    /// Its folder below a mount, before that of the recording: `histo/50ms`, `events`.
    public var place: String { Self.place(preprocessing, window) }

    package static func place(_ preprocessing: String, _ window: String) -> String {
        window.isEmpty ? preprocessing : preprocessing + "/" + window
    }
}

/// What a recording was at some moment.
public struct RecordingState: Hashable, Codable, Sendable {
    public var device: UInt64
    public var inode: UInt64
    /// Bytes.
    public var size: Int64
    /// Nanoseconds since 1970.
    public var modified: Int64
    /// A checksum of the recording's header.
    public var headerDigest: UInt64

    public init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, headerDigest: UInt64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.headerDigest = headerDigest
    }

    /// Whether both are states with the same content, wherever the file lies.
    public func isSameContent(as other: RecordingState) -> Bool {
        size == other.size && modified == other.modified && headerDigest == other.headerDigest
    }
}

/// Where the computed datasets are in a sidecar's file, and what they are.
public typealias SidecarLayout = FileExpectation

/// What a sidecar starts from and is compared with: the file without additions.
public struct SidecarBase: Sendable {
    public let key: SidecarKey
    public let recording: RecordingState
    public let layout: FileLayout
    /// Where the computed datasets are, and what they are.
    public let expectation: SidecarLayout
    public let programVersion: String
    public let tensorVersion: Int
    /// The recording itself, opened: it may be elsewhere by the time that its first bytes are asked for. nil takes it
    /// from its path.
    let recordingFile: File?

    public init(
        key: SidecarKey, recording: RecordingState, recordingFile: File? = nil, layout: FileLayout,
        expectation: SidecarLayout, programVersion: String, tensorVersion: Int
    ) {
        self.key = key
        self.recording = recording
        self.recordingFile = recordingFile
        self.layout = layout
        self.expectation = expectation
        self.programVersion = programVersion
        self.tensorVersion = tensorVersion
    }
}
