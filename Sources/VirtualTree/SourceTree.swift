// The directory of recordings on the host: resolving names, following symbolic links safely, listing folders.

import Files
import Foundation

/// A folder of recordings that a mount shows; paths are relative to it and "" is the folder itself.
final class SourceTree: Sendable {
    /// One name of a folder.
    struct Item: Sendable, Hashable {
        let name: String
        let isDirectory: Bool
        /// Regular file, or a link that may lead to one; false for sockets, devices and the like.
        let mayBeFile: Bool
    }

    /// Absolute, without symbolic links.
    let root: String
    /// Whether symbolic links may lead out of `root`.
    let mayLeave: Bool

    /// - Throws: `FileError` when `path` is no readable directory.
    init(path: String, mayLeave: Bool) throws(FileError) {
        guard let real = SourceTree.realPath(path) else { throw FileError.current("open", path) }
        guard try FileStatus(path: real).kind == .directory else {
            throw FileError(errno: ENOTDIR, message: "cannot mount '\(path)': it is not a directory")
        }
        root = real
        self.mayLeave = mayLeave
    }

    func absolute(_ path: String) -> String {
        if path.isEmpty { return root }
        return root == "/" ? "/" + path : root + "/" + path
    }

    /// The status of what `path` leads to, links followed.
    /// - Throws: `FileSystemError` with ENOENT, ELOOP (a link that leads back to a folder above it), EACCES (a link that leaves the source).
    func status(_ path: String) throws(FileSystemError) -> FileStatus {
        let full = absolute(path)
        let own: FileStatus
        let status: FileStatus
        do throws(FileError) {
            own = try FileStatus(path: full, followLink: false)
            status = own.kind == .symbolicLink ? try FileStatus(path: full) : own
        } catch {
            throw FileSystemError(error.errno, error.message, level: error.errno == ENOENT ? .debug : .warning)
        }
        if own.kind == .symbolicLink && status.kind == .directory { try refuseLoop(path) }
        if !mayLeave { try checkInside(path) }
        return status
    }

    /// Refuses a path that a symbolic link leads out of the source, unless that is allowed.
    func checkInside(_ path: String) throws(FileSystemError) {
        guard !mayLeave else { return }
        guard let real = SourceTree.realPath(absolute(path)) else {
            throw FileSystemError(errno, "'\(path)' cannot be resolved", level: .debug)
        }
        guard real == root || root == "/" || real.hasPrefix(root + "/") else {
            throw FileSystemError(
                EACCES,
                "'\(path)' is a link out of the source, to '\(real)': refused because other users may read this mount; --follow-links allows it",
                level: .warning)
        }
    }

    /// ELOOP when the directory `path` is, by its real path, one of the folders it lies in.
    private func refuseLoop(_ path: String) throws(FileSystemError) {
        guard let target = SourceTree.realPath(absolute(path)) else {
            throw FileSystemError(errno, "'\(path)' cannot be resolved", level: .debug)
        }
        var above = path
        while !above.isEmpty {
            above = above.lastIndex(of: "/").map { String(above[..<$0]) } ?? ""
            if SourceTree.realPath(absolute(above)) == target {
                throw FileSystemError(
                    ELOOP, "'\(path)' is a link back to '\(above.isEmpty ? root : above)', a folder above it",
                    level: .warning)
            }
        }
    }

    /// The names in the folder `path`, sorted; names that are not UTF-8 are left out and counted.
    func list(_ path: String) throws(FileSystemError) -> (items: [Item], unreadableNames: Int) {
        let full = absolute(path)
        guard let directory = opendir(full) else {
            let error = FileError.current("list", full)
            throw FileSystemError(error.errno, error.message, level: .warning)
        }
        defer { closedir(directory) }
        var items: [Item] = []
        var unreadable = 0
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno == 0 { break }
                // Half a listing would be remembered as all there is.
                let error = FileError.current("list", full)
                throw FileSystemError(error.errno, error.message, level: .warning)
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name else {
                unreadable += 1
                continue
            }
            if name == "." || name == ".." { continue }
            switch Int32(entry.pointee.d_type) {
            case Int32(DT_DIR): items.append(Item(name: name, isDirectory: true, mayBeFile: false))
            case Int32(DT_REG): items.append(Item(name: name, isDirectory: false, mayBeFile: true))
            case Int32(DT_LNK), Int32(DT_UNKNOWN):
                guard let status = try? FileStatus(path: full + "/" + name) else { continue }
                if !mayLeave && (try? checkInside(join(path, name))) == nil { continue }
                items.append(
                    Item(name: name, isDirectory: status.kind == .directory, mayBeFile: status.kind == .regular))
            default: continue
            }
        }
        items.sort { $0.name < $1.name }
        return (items, unreadable)
    }

    /// Opens the file at `path` for reading.
    func open(_ path: String) throws(FileSystemError) -> File {
        try checkInside(path)
        do throws(FileError) { return try File(path: absolute(path)) } catch {
            throw FileSystemError(error.errno, error.message, level: .warning, cause: error)
        }
    }

    private static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}

/// `name` in the folder `path`, where "" is the top.
func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : path + "/" + name }

/// The folder that `path` is in and its last name.
func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
}
