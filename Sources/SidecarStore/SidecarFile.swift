// Any state of a sidecar as bytes to be read by libhdf5, copied or exported; a session prepared for carrying over can
// be written too.

import Foundation
import TensorFile

/// The bytes of a virtual file, the tensor's being zeros.
public final class SidecarFile: RandomAccessFile {
    public let layout: SidecarLayout
    /// What the recording was when this was written.
    public let recording: RecordingState
    private let snapshot: SidecarSnapshot?
    private var session: Session?

    /// A committed state.
    public init(_ snapshot: SidecarSnapshot) {
        layout = snapshot.layout
        recording = snapshot.state.info.recording
        self.snapshot = snapshot
    }

    /// The committed state in a sidecar's folder.
    package static func current(in folder: String) throws(SidecarError) -> SidecarFile {
        SidecarFile(try SidecarSnapshot.read(SidecarPaths(folder: folder).current, in: folder, SystemCalls()))
    }

    /// The open session in a sidecar's folder.
    package static func session(in folder: String, writable: Bool) throws(SidecarError) -> SidecarFile {
        try SidecarFile(session: SidecarPaths(folder: folder).session, of: folder, writable: writable)
    }

    /// A session, `folder`, of the sidecar in the folder `sidecar`.
    init(session folder: String, of sidecar: String, writable: Bool = false) throws(SidecarError) {
        let session = try Session.open(folder, of: sidecar, writable: writable, SystemCalls())
        layout = session.header.info.layout
        recording = session.header.info.recording
        self.session = session
        snapshot = nil
    }

    public func size() throws(SidecarError) -> Int64 { session?.size ?? snapshot?.size ?? 0 }

    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        if let session {
            try session.read(into: buffer, at: offset)
        } else {
            try snapshot?.read(into: buffer, at: offset)
        }
    }

    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        try change { session throws(SidecarError) in
            guard offset + Int64(bytes.count) <= layout.dataOffset || offset >= layout.tailOffset else {
                throw SidecarError(.tensorChanged, "the tensor's bytes cannot be written")
            }
            try session.write(bytes, at: offset)
        }
    }

    public func setSize(_ size: Int64) throws(SidecarError) {
        try change { session throws(SidecarError) in try session.setSize(size) }
    }

    /// Notes for other processes all that was written.
    package func seal() throws(SidecarError) { try change { session throws(SidecarError) in try session.seal() } }

    private func change(_ body: (inout Session) throws(SidecarError) -> Void) throws(SidecarError) {
        guard session != nil else { throw SidecarError(.readOnly, "a committed state is never changed") }
        try body(&session!)
    }
}
