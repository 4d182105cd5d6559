// A virtual file as plain bytes in memory: what a sidecar must show, by the simplest means.

import Files
import Foundation
import SidecarStore
import TensorFile

/// What a writer does to a file.
public enum Edit: Sendable {
    case write(Int64, [UInt8])
    case size(Int64)
}

/// All bytes of a virtual file, the tensor's being zeros.
public struct FileModel: Hashable, Sendable {
    public let dataOffset: Int
    public let tailOffset: Int
    public private(set) var bytes: [UInt8]

    /// The file without additions.
    public init(_ layout: FileLayout) {
        dataOffset = Int(layout.dataOffset)
        tailOffset = Int(layout.map.tailOffset)
        bytes = layout.head
        bytes += [UInt8](repeating: 0, count: tailOffset - dataOffset)
        bytes += layout.tail
    }

    /// What a snapshot shows, read in pieces of `piece` bytes.
    public init(_ snapshot: SidecarSnapshot, piece: Int = 1000) throws {
        dataOffset = Int(snapshot.layout.dataOffset)
        tailOffset = Int(snapshot.layout.tailOffset)
        bytes = try FileModel.read(snapshot.size, piece, snapshot.read)
    }

    /// What a writer's session shows.
    public init(_ writer: SidecarWriter, like other: FileModel, piece: Int = 1000) throws {
        dataOffset = other.dataOffset
        tailOffset = other.tailOffset
        bytes = try FileModel.read(writer.size, piece, writer.read)
    }

    /// What an exported state shows.
    public init(_ file: SidecarFile) throws {
        dataOffset = Int(file.layout.dataOffset)
        tailOffset = Int(file.layout.tailOffset)
        bytes = try FileModel.read(try file.size(), 4096, file.read)
    }

    private static func read(
        _ size: Int64, _ piece: Int, _ read: (UnsafeMutableRawBufferPointer, Int64) throws(SidecarError) -> Void
    ) throws -> [UInt8] {
        // Something else than zeros, so that zeros must be written.
        var bytes = [UInt8](repeating: 0xAA, count: Int(size))
        try bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < buffer.count {
                let end = min(done + piece, buffer.count)
                try read(UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end]), Int64(done))
                done = end
            }
        }
        return bytes
    }

    public mutating func apply(_ edits: [Edit]) {
        for edit in edits {
            switch edit {
            case .write(let offset, let new):
                let end = Int(offset) + new.count
                if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
                bytes.replaceSubrange(Int(offset)..<end, with: new)
            case .size(let size):
                if Int(size) < bytes.count { bytes.removeLast(bytes.count - Int(size)) }
                bytes += [UInt8](repeating: 0, count: Int(size) - bytes.count)
            }
        }
    }

    /// What a writer does at last: the superblock says where the file ends (byte 40).
    public var finish: Edit { .write(40, withUnsafeBytes(of: Int64(bytes.count).littleEndian, Array.init)) }

    /// Applies the edits and what a writer does at last; returns all of them.
    public mutating func change(_ edits: [Edit]) -> [Edit] {
        apply(edits)
        let last = finish
        apply([last])
        return edits + [last]
    }
}

extension SidecarWriter {
    public func apply(_ edits: [Edit]) throws {
        for edit in edits {
            switch edit {
            case .write(let offset, let bytes): try bytes.withUnsafeBytes { try write($0, at: offset) }
            case .size(let size): try setSize(size)
            }
        }
    }
}

/// Bytes that differ from place to place and from seed to seed, never zero.
public func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: seed &+ 1) &* 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32) | 1
    }
}
