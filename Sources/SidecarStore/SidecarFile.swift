// Any state of a sidecar as bytes to be read by libhdf5, copied or exported; a session prepared for carrying over can be written too.

import Foundation
import TensorFile

/// The bytes of a virtual file, the tensor's being zeros.
public final class SidecarFile: RandomAccessFile {
    private enum Contents {
        case snapshot(SidecarSnapshot)
        case session(Session)
    }

    public let layout: SidecarLayout
    private var contents: Contents

    /// A committed state.
    public init(_ snapshot: SidecarSnapshot) {
        layout = snapshot.layout
        contents = .snapshot(snapshot)
    }

    /// A session, `folder`, of the sidecar in the folder `sidecar`.
    init(session folder: String, of sidecar: String, writable: Bool = false) throws(SidecarError) {
        let session = try Session.open(folder, of: sidecar, writable: writable, SystemCalls())
        layout = session.header.info.layout
        contents = .session(session)
    }

    public func size() throws(SidecarError) -> Int64 {
        switch contents {
        case .snapshot(let snapshot): snapshot.size
        case .session(let session): session.size
        }
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        switch contents {
        case .snapshot(let snapshot): try snapshot.read(into: buffer, at: offset)
        case .session(let session): try session.read(into: buffer, at: offset)
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
    func seal() throws(SidecarError) { try change { session throws(SidecarError) in try session.seal() } }

    private func change(_ body: (inout Session) throws(SidecarError) -> Void) throws(SidecarError) {
        guard case .session(var session) = contents else {
            throw SidecarError(.readOnly, "a committed state is never changed")
        }
        // Only one holder, so that the session's map is changed in place.
        contents = .snapshot(SidecarFile.nothing)
        defer { contents = .session(session) }
        try body(&session)
    }
}
