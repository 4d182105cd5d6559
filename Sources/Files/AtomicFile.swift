// Whole files written at once: a reader sees the old bytes or the new ones, never a mixture.

import Foundation

/// Files that are replaced as a whole.
public enum AtomicFile {
    /// Writes `bytes` to a new file in the folder of `path` and renames it to `path`. The bytes are not synced: what a
    /// crash of the machine leaves must be recognised by the reader (a checksum).
    public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(FileError) {
        let temporary = temporaryPath(for: path, suffix: ".\(getpid()).\(UInt64.random(in: .min ... .max)).tmp")
        let fd = try FileCalls.open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        do throws(FileError) {
            do throws(FileError) { try FileCalls.write(bytes, to: fd, temporary) } catch {
                close(fd)
                throw error
            }
            try FileCalls.close(fd, temporary)
            try FileCalls.rename(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
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
