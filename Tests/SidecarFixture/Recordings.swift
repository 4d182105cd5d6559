// Recordings as the store sees them: a file of some bytes, and the tensor file that a mount would make of it.

import Files
import Foundation
import SidecarStore
import TensorFile

/// A tensor file of `frames` small frames; `note` is an attribute, so that equal layouts can have different heads.
public func layout(frames: Int = 3, note: String = "x") throws -> FileLayout {
    try FileLayout.make(
        TensorFileDescription(
            frameCount: frames, frameShape: [1, 4, 4], elementType: .float32,
            dataAttributes: [("mode", .variableString("delta_t"))], rootAttributes: [("note", .fixedString(note))]))
}

/// The file without additions for the recording at `path` as it is now.
public func base(
    _ path: String, frames: Int = 3, preprocessing: String = "histo", window: String = "50ms", part: Int? = nil,
    note: String = "x"
) throws -> SidecarBase {
    let status = try FileStatus(path: path)
    let start = try File(path: path).bytes(in: 0..<16)
    return SidecarBase(
        key: SidecarKey(recordingPath: path, preprocessing: preprocessing, window: window, part: part),
        recording: RecordingState(
            device: status.device, inode: status.inode, size: status.size, modified: status.modified,
            headerDigest: UInt64(crc32(start))),
        layout: try layout(frames: frames, note: note),
        expectation: try layout(frames: frames, note: note).tensorExpectation(frames, [1, 4, 4], .float32),
        programVersion: "1.0", tensorVersion: 1)
}

extension FileLayout {
    /// What must still hold of the tensor file that this is the layout of.
    ///
    /// - Parameter shape: (C, H, W).
    public func tensorExpectation(_ frames: Int, _ shape: [Int], _ kind: ElementKind) -> FileExpectation {
        FileExpectation(
            dataOffset: dataOffset, frameCount: frames, tailOffset: map.tailOffset,
            hasLastTimestamps: map.datasets.count > 1, frameShape: shape, elementType: kind)
    }
}
