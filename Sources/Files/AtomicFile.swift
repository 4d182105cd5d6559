// Whole files written at once: a reader sees the old bytes or the new ones, never a mixture.

import Foundation

/// Files that are replaced as a whole.
public enum AtomicFile {
    /// Writes `bytes` to a new file in the folder of `path` and renames it to `path`. The bytes are not synced: what a crash of the
    /// machine leaves must be recognised by the reader (a checksum).
    public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(FileError) {
        let temporary = temporaryPath(for: path, suffix: ".\(getpid()).\(UInt64.random(in: .min ... .max)).tmp")
        let fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw FileError.current("create", temporary) }
        var failure = writeAll(bytes, to: fd, temporary)
        if close(fd) != 0, failure == nil { failure = FileError.current("write", temporary) }
        if failure == nil, rename(temporary, path) != 0 { failure = FileError.current("rename", temporary) }
        if let failure {
            unlink(temporary)
            throw failure
        }
    }

    /// Writes `bytes` as above.
    public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        var failure: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try write(buffer, to: path) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to fd: Int32, _ path: String) -> FileError? {
        var rest = bytes[...]
        while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            let n = Foundation.write(fd, base, rest.count)
            if n < 0 {
                if errno == EINTR { continue }
                return FileError.current("write", path)
            }
            rest = rest.dropFirst(n)
        }
        return nil
    }
}

/// Makes the folder `path` and those above it; fine when it is there already.
public func makeDirectories(_ path: String, permissions: UInt32 = 0o755) throws(FileError) {
    if mkdir(path, mode_t(permissions)) == 0 { return }
    let failure = FileError.current("create folder", path)
    switch failure.errno {
    case EEXIST:
        guard try FileStatus(path: path).kind == .directory else {
            throw FileError(errno: ENOTDIR, message: "cannot create folder '\(path)': a file of that name is there")
        }
    case ENOENT:
        let parent = (path as NSString).deletingLastPathComponent
        guard !parent.isEmpty, parent != path else { throw failure }
        try makeDirectories(parent, permissions: permissions)
        if mkdir(path, mode_t(permissions)) != 0, errno != EEXIST { throw FileError.current("create folder", path) }
    default: throw failure
    }
}
