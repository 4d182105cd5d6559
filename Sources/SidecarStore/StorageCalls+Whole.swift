// Files and folders of the store as whole things.

import Files
import Foundation

// MARK: Changing

extension StorageCalls {
    /// Makes what was created, renamed or removed in the folder durable.
    func syncFolder(_ path: String) throws(SidecarError) {
        let folder = try StorageFile(path, O_RDONLY | O_DIRECTORY, self)
        try folder.sync()
    }

    /// A new file with these bytes; one that is there is replaced. Not durable unless `sync` is true.
    func writeFile(_ path: String, _ bytes: [UInt8], sync: Bool) throws(SidecarError) {
        try removeIfThere(path)
        let file = try StorageFile(path, O_WRONLY | O_CREAT | O_EXCL, self)
        try file.write(bytes)
        if sync { try file.sync() }
    }

    func move(_ old: String, to new: String) throws(SidecarError) {
        do throws(FileError) { try rename(old, to: new) } catch { throw SidecarError(error) }
    }

    func removeIfThere(_ path: String) throws(SidecarError) {
        do throws(FileError) { try unlink(path) } catch { if error.errno != ENOENT { throw SidecarError(error) } }
    }

    func makeFolderIfMissing(_ path: String) throws(SidecarError) {
        do throws(FileError) { try makeFolder(path, permissions: 0o700) } catch {
            if error.errno != EEXIST { throw SidecarError(error) }
        }
    }

    /// Removes an empty folder; nothing happens when it is not empty or not there.
    func removeFolderIfEmpty(_ path: String) {
        do throws(FileError) { try removeFolder(path) } catch { return }
    }
}

// MARK: Looking

// "It is not there" decides what is deleted and what is begun anew: an error is never taken for it.
extension StorageCalls {
    /// The status of what is at `path`; nil when nothing is.
    func statusIfThere(_ path: String) throws(SidecarError) -> FileStatus? {
        do throws(FileError) { return try status(path) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw SidecarError(error)
        }
    }

    func isThere(_ path: String) throws(SidecarError) -> Bool { try statusIfThere(path) != nil }

    /// Whether certainly nothing is at `path`.
    func isMissing(_ path: String) -> Bool {
        do throws(SidecarError) { return try !isThere(path) } catch { return false }
    }

    /// The names in a folder, sorted; none when it is not there.
    func names(_ path: String) throws(SidecarError) -> [String] {
        do throws(FileError) {
            let folder = try openFolder(path)
            var names: [String] = []
            while let item = try next(folder) { if let name = item.name { names.append(name) } }
            return names.sorted()
        } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return [] }
            throw SidecarError(error)
        }
    }

    /// The numbers that files in a folder have as their names, ascending.
    func numbers(_ folder: String) throws(SidecarError) -> [Int] {
        try names(folder).compactMap { name in
            guard let number = Int(name), number > 0, String(number) == name else { return nil }
            return number
        }.sorted()
    }

    func bytes(_ path: String) throws(SidecarError) -> [UInt8] {
        let file = try StorageFile(path, O_RDONLY | O_NONBLOCK, self)
        return try file.bytes(in: 0..<file.size())
    }

    /// Bytes on the disk of a folder and everything in it, as far as it can be looked into: a figure for listings.
    func heldBytes(_ folder: String) -> Int64 {
        var sum: Int64 = 0
        for name in (try? names(folder)) ?? [] {
            let path = folder + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            // A file with two names is counted once, at the name that keeps it.
            if status.st_mode & S_IFMT == S_IFDIR {
                sum += heldBytes(path)
            } else if name != "current" || status.st_nlink == 1 {
                sum += Int64(status.st_blocks) * 512
            }
        }
        return sum
    }
}
