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
    private let shown: ShownPaths
    /// Where links may not lead out, all is opened through this; else nil.
    private let bound: BoundFolder?
    /// Whether the source has a link to a folder, as far as is known: every path below one was reached by way of it.
    private let metFolderLink = Atomic(false)

    /// To be called before anything is mounted at `mountPoint`.
    /// - Throws: `FileError` when `path` is no readable directory.
    init(path: String, mayLeave: Bool, mountPoint: String, shown: [String] = []) throws(FileError) {
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
        self.shown = ShownPaths(shown)
        bound = mayLeave ? nil : try BoundFolder(real)
    }

    /// Calls `body` with a path below the root that leads where `path` does and has no links, as often as a link turns
    /// up in it after all: somebody may be swapping files for links.
    private func inside<R>(
        _ path: String, _ bound: BoundFolder, _ body: (BoundFolder, String) throws(FileError) -> R
    ) throws(FileSystemError) -> R {
        var attempts = 10
        // Most paths have no links and are asked for as they are.
        var real = path
        var isResolved =
            metFolderLink.load(ordering: .relaxed) || mountPoint.map { SourceTree.is(absolute(path), in: $0) } ?? false
        while true {
            if isResolved {
                let full = try realPath(path)
                try checkInside(path, full)
                real = full == root ? "" : String(full.dropFirst(root == "/" ? 1 : root.count + 1))
            }
            do throws(FileError) { return try body(bound, real) } catch {
                attempts -= 1
                guard error.errno == ELOOP, attempts > 0 else {
                    throw FileSystemError(
                        error.errno, error.message, level: error.errno == ENOENT ? .debug : .warning, cause: error)
                }
                isResolved = true
            }
        }
    }

    /// As `status`, where links may not lead out.
    private func status(_ path: String, in bound: BoundFolder) throws(FileSystemError) -> FileStatus {
        let (status, real) = try inside(path, bound) { bound, real throws(FileError) in
            let status = try bound.status(real)
            if status.kind == .symbolicLink { throw FileError(errno: ELOOP, message: "'\(path)' is a link") }
            return (status, real)
        }
        if status.kind == .directory && real != path {
            metFolderLink.store(true, ordering: .relaxed)
            try refuseLoop(path, bound.path == "/" ? "/" + real : real.isEmpty ? root : root + "/" + real)
        }
        return status
    }

    func absolute(_ path: String) -> String {
        if path.isEmpty { return root }
        return root == "/" ? "/" + path : root + "/" + path
    }

    /// The status of what `path` leads to, links followed.
    /// - Throws: `FileSystemError` with ENOENT, ELOOP (a link that leads back to a folder above it, or into the mount),
    ///   EACCES (a link that
    ///   leaves the source).
    func status(_ path: String) throws(FileSystemError) -> FileStatus {
        if let bound { return try status(path, in: bound) }
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
        let reader: FolderReader
        if let bound {
            reader = try inside(path, bound) { bound, real throws(FileError) in try bound.folder(real) }
        } else {
            reader = try SourceTree.listing { () throws(FileError) in try FolderReader(full) }
        }
        var items: [Item] = []
        var unreadable = 0
        // Half a listing would be remembered as all there is.
        while let entry = try SourceTree.listing({ () throws(FileError) in try reader.next() }) {
            guard let name = entry.name else {
                unreadable += 1
                continue
            }
            guard shown.includes(join(path, name)) else { continue }
            switch entry.type {
            case Int32(DT_DIR): items.append(Item(name: name, isDirectory: true, mayBeFile: false))
            case Int32(DT_REG): items.append(Item(name: name, isDirectory: false, mayBeFile: true))
            case Int32(DT_LNK), Int32(DT_UNKNOWN):
                guard let status = try? target(join(path, name)) else { continue }
                items.append(
                    Item(name: name, isDirectory: status.kind == .directory, mayBeFile: status.kind == .regular))
            default: continue
            }
        }
        items.sort { $0.name < $1.name }
        return (items, unreadable)
    }

    /// The status of what a name in a listing leads to, be it a link or one of which the filesystem does not say what
    /// it is.
    private func target(_ path: String) throws(FileSystemError) -> FileStatus {
        guard let bound else { return try ownStatus(realPath(path)) }
        return try inside(path, bound) { bound, real throws(FileError) in
            let status = try bound.status(real)
            if status.kind == .symbolicLink { throw FileError(errno: ELOOP, message: "'\(path)' is a link") }
            return status
        }
    }

    private static func listing<R>(_ body: () throws(FileError) -> R) throws(FileSystemError) -> R {
        do throws(FileError) { return try body() } catch {
            throw FileSystemError(error.errno, error.message, level: .warning, cause: error)
        }
    }

    /// Opens the file at `path` for reading.
    func open(_ path: String) throws(FileSystemError) -> File {
        if let bound { return try inside(path, bound) { bound, real throws(FileError) in try bound.file(real) } }
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
