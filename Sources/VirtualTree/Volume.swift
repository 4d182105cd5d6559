// The disk that `df` shows for a mount.

import Files
import Foundation

/// Room on a disk.
public struct Volume: Sendable, Hashable {
    /// Bytes.
    public let size: Int64
    public let free: Int64
    /// Bytes that are free for ordinary users.
    public let available: Int64

    public init(size: Int64, free: Int64, available: Int64) {
        self.size = size
        self.free = free
        self.available = available
    }
}

extension Volume {
    /// That of the disk that `path` is on, or will be: until it is made, that of the folder above. Nil when the system
    /// does not tell.
    public init?(of path: String) {
        var path = path
        var figures = statvfs()
        while statvfs(path, &figures) != 0 {
            guard errno == ENOENT, path != "/", !path.isEmpty else { return nil }
            path = (path as NSString).deletingLastPathComponent
        }
        func bytes(_ blocks: fsblkcnt_t) -> Int64 {
            Int64(clamping: blocks).saturating(multipliedBy: Int64(clamping: figures.f_frsize))
        }
        self.init(size: bytes(figures.f_blocks), free: bytes(figures.f_bfree), available: bytes(figures.f_bavail))
    }
}
