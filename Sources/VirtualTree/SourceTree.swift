// The directory of recordings on the host: resolving names, following symbolic links safely, listing folders.

import Files
import Foundation
import Synchronization

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
    /// The mount point, where no link may lead: looking into it would be asking ourselves, and wait for ever.
    private let mountPoint: String?
    /// Whether the source has a link to a folder, as far as is known: every path below one was reached by way of it.
    private let metFolderLink = Atomic(false)

    /// To be called before anything is mounted at `mountPoint`.
    /// - Throws: `FileError` when `path` is no readable directory.
    init(path: String, mayLeave: Bool, mountPoint: String) throws(FileError) {
        func realPath(_ path: String) -> String? {
            guard let real = realpath(path, nil) else { return nil }
            defer { free(real) }
            return String(cString: real)
        }
        self.mountPoint = mountPoint.isEmpty ? nil : realPath(mountPoint)
        guard let real = realPath(path) else { throw FileError.current("open", path) }
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
    /// - Throws: `FileSystemError` with ENOENT, ELOOP (a link that leads back to a folder above it, or into the mount), EACCES (a link that
    ///   leaves the source).
    func status(_ path: String) throws(FileSystemError) -> FileStatus {
        // Below a link to a folder no path is what it seems, so it is resolved before anything is asked about it.
        let own = metFolderLink.load(ordering: .relaxed) ? nil : try ownStatus(absolute(path))
        if let own, own.kind != .symbolicLink, mayLeave { return own }
        let real = try realPath(path)
        try checkInside(path, real)
        let status = try ownStatus(real)
        if status.kind == .directory && real != absolute(path) {
            metFolderLink.store(true, ordering: .relaxed)
            try refuseLoop(path, real)
        }
        return status
    }

    /// Refuses a path that a symbolic link leads out of the source, unless that is allowed.
    func checkInside(_ path: String) throws(FileSystemError) {
        if !mayLeave { try checkInside(path, realPath(path)) }
    }

    private func checkInside(_ path: String, _ real: String) throws(FileSystemError) {
        guard mayLeave || SourceTree.is(real, in: root) else {
            throw FileSystemError(
                EACCES,
                "'\(path)' is a link out of the source, to '\(real)': refused because other users may read this mount; --follow-links allows it",
                level: .warning)
        }
    }

    /// ELOOP when `real`, where `path` leads, is one of the folders that `path` lies in.
    private func refuseLoop(_ path: String, _ real: String) throws(FileSystemError) {
        var above = path
        while !above.isEmpty {
            above = split(above).folder
            if try realPath(above) == real {
                throw FileSystemError(
                    ELOOP, "'\(path)' is a link back to '\(above.isEmpty ? root : above)', a folder above it",
                    level: .warning)
            }
        }
    }

    private func ownStatus(_ full: String) throws(FileSystemError) -> FileStatus {
        do throws(FileError) { return try FileStatus(path: full, followLink: false) } catch {
            throw FileSystemError(error.errno, error.message, level: error.errno == ENOENT ? .debug : .warning)
        }
    }

    /// Where `path` leads, absolute and without symbolic links.
    func resolved(_ path: String) throws(FileSystemError) -> String { try realPath(path) }

    /// Where `path` leads, without symbolic links; realpath(3), but it does not look into the mount.
    private func realPath(_ path: String) throws(FileSystemError) -> String {
        var real = root == "/" ? "" : root
        var rest = path.split(separator: "/").map(String.init)[...]
        var links = 0
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                real = split(real).folder
                continue
            }
            let next = real + "/" + name
            if let mountPoint, SourceTree.is(next, in: mountPoint) {
                throw FileSystemError(
                    ELOOP, "'\(path)' is a link into this mount: what is there comes from here", level: .warning)
            }
            guard try ownStatus(next).kind == .symbolicLink else {
                real = next
                continue
            }
            links += 1
            guard links <= SourceTree.linkLimit,
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: next)
            else { throw FileSystemError(ELOOP, "'\(path)' leads through too many links", level: .warning) }
            if target.hasPrefix("/") { real = "" }
            rest = target.split(separator: "/").map(String.init) + rest
        }
        return real.isEmpty ? "/" : real
    }

    /// As many links as Linux follows in one path.
    private static let linkLimit = 40

    private static func `is`(_ path: String, in folder: String) -> Bool {
        path == folder || folder == "/" || path.hasPrefix(folder + "/")
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
                guard let real = try? realPath(join(path, name)), mayLeave || SourceTree.is(real, in: root),
                    let status = try? FileStatus(path: real)
                else { continue }
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
}

/// `name` in the folder `path`, where "" is the top.
func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : path + "/" + name }

/// The folder that `path` is in and its last name.
func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
}
