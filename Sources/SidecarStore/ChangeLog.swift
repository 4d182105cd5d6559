// The store's file `changes`: which sidecars changed, so that nobody has to look through all of them to know.
//
// Names of sidecars' folders below `recordings`, each ended by a zero byte, in the order in which they were committed
// to, moved or removed. It is begun anew when it is long. Nothing depends on it but speed: who misses a line finds out
// by a walk.

import Files
import Foundation

struct ChangeLog: Sendable {
    /// How far a reader has got.
    struct Position: Sendable, Equatable {
        var inode: UInt64 = 0
        var end: Int64 = 0
    }

    private static let longest: Int64 = 1 << 20
    /// More than this is not read: a walk is faster.
    private static let mostNews: Int64 = 1 << 18

    private let paths: StorePaths
    private let calls: any StorageCalls

    init(_ paths: StorePaths, _ calls: any StorageCalls) {
        self.paths = paths
        self.calls = calls
    }

    /// Notes that the sidecar in `folder` is another one now, or there, or gone. What does not work is left.
    func note(_ folder: String) {
        let start = paths.recordings + "/"
        guard folder.hasPrefix(start) else { return }
        let line = Array(folder.utf8.dropFirst(start.utf8.count)) + [0]
        do throws(SidecarError) {
            if let size = try calls.statusIfThere(paths.changes)?.size, size > ChangeLog.longest {
                try calls.removeIfThere(paths.changes)
            }
            // O_APPEND: whatever the offset, the bytes go to the end.
            try StorageFile(paths.changes, O_WRONLY | O_CREAT | O_APPEND, calls).write(line)
        } catch { return }
    }

    /// Where the log ends now.
    func position() throws(SidecarError) -> Position {
        try calls.statusIfThere(paths.changes).map { Position(inode: $0.inode, end: $0.size) } ?? Position()
    }

    /// The folders noted since `position`, which moves on; nil when that is not known. One call of stat when there are
    /// none.
    func news(since position: inout Position) throws(SidecarError) -> [String]? {
        let now = try self.position()
        if now == position { return [] }
        guard now.inode == position.inode, now.end > position.end, now.end - position.end <= ChangeLog.mostNews,
            let file = try StorageFile.ifThere(paths.changes, calls), try file.status().inode == now.inode
        else { return nil }
        let bytes = try file.bytes(in: position.end..<now.end)
        // A line that somebody is writing just now is for the next time.
        guard let last = bytes.lastIndex(of: 0) else { return [] }
        position.end += Int64(last + 1)
        let lines = bytes[..<last].split(separator: 0)
        return Set(lines).map { paths.recordings + "/" + String(decoding: $0, as: UTF8.self) }
    }
}
