// The files of a disk cache: where they are, and which there are.
//
// <cache>/frames/<two digits>/<key's hash>-<frame>; time indexes lie beside `frames` and are not touched here.

import Files
import Foundation

/// An entry as a folder lists it.
struct CachedFile: Sendable {
    let path: String
    /// The name of its key; nil when the file's name is not one of an entry of any version.
    let key: String?
    /// Bytes it takes on the disk, to whole blocks.
    let bytes: Int64
    /// When it was last noted to be used, ns since 1970.
    let used: Int64

    static func cost(_ bytes: Int64) -> Int64 { bytes.saturating(adding: 4095) & ~4095 }
}

/// What a walk over a cache found.
struct CacheListing: Sendable {
    var entries: [CachedFile] = []
    /// Files that their writers left behind unfinished.
    var leftovers: [String] = []
    /// Why some folder could not be read.
    var problem: FileError?

    var bytes: Int64 { entries.reduce(0) { $0.saturating(adding: $1.bytes) } }
}

enum CacheFolder {
    static let temporarySuffix = ".tmp"
    /// An unfinished file this old (ns) has no writer any more.
    private static let abandoned: Int64 = 3_600_000_000_000

    static func frames(_ cache: String) -> String { cache + "/frames" }

    /// All entries below `frames`; what vanishes meanwhile is left out.
    static func list(_ frames: String) -> CacheListing {
        var listing = CacheListing()
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let oldest = Int64(now.tv_sec) * 1_000_000_000 - abandoned
        for folder in names(frames, &listing.problem) where isFolder(folder) {
            let path = frames + "/" + folder
            for name in names(path, &listing.problem) {
                let path = path + "/" + name
                guard let status = try? FileStatus(path: path, followLink: false), status.kind == .regular else {
                    continue
                }
                if name.hasSuffix(temporarySuffix) {
                    if status.modified < oldest { listing.leftovers.append(path) }
                } else {
                    listing.entries.append(
                        CachedFile(
                            path: path, key: key(name), bytes: CachedFile.cost(status.size), used: status.modified))
                }
            }
        }
        return listing
    }

    /// Makes the folder of entries if it is not there; others than its owner cannot look into a new one, as frames show
    /// what recordings show. Set other permissions to share it; they are kept.
    static func make(_ cache: String) throws(FileError) {
        try makeDirectories(cache)
        if mkdir(frames(cache), 0o700) != 0, errno != EEXIST { throw FileError.current("create folder", frames(cache)) }
    }

    private static func isFolder(_ name: String) -> Bool {
        name.utf8.count == 2 && name.utf8.allSatisfy { hexadecimal.contains($0) }
    }

    private static let hexadecimal = Set("0123456789abcdef".utf8)

    /// The key in `<32 digits>-<frame>`.
    private static func key(_ name: String) -> String? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 32, parts[0].utf8.allSatisfy({ hexadecimal.contains($0) }),
            let frame = Int(parts[1]), frame >= 0
        else { return nil }
        return String(parts[0])
    }

    /// The names in `folder`; those that could be read when the listing fails, with `problem`.
    static func names(_ folder: String, _ problem: inout FileError?) -> [String] {
        var names: [String] = []
        do throws(FileError) {
            let reader = try FolderReader(folder)
            while let item = try reader.next() { if let name = item.name { names.append(name) } }
        } catch { if error.errno != ENOENT { problem = error } }
        return names
    }
}
