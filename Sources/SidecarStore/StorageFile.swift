// A file of the store that is open: whole reads and writes over the calls that may do a part only.

import Files
import Foundation

/// An open file; closed when the last reference goes.
final class StorageFile: Sendable {
    let descriptor: Int32
    let path: String
    private let calls: any StorageCalls

    init(_ path: String, _ flags: Int32, permissions: UInt32 = 0o600, _ calls: any StorageCalls) throws(SidecarError) {
        do throws(FileError) { descriptor = try calls.open(path, flags, permissions: permissions) } catch {
            throw SidecarError(error)
        }
        self.path = path
        self.calls = calls
    }

    deinit { calls.close(descriptor) }

    /// Writes all of `bytes`; some of them may be written when it fails.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        var done = 0
        while done < bytes.count {
            do throws(FileError) {
                let count = try calls.write(
                    UnsafeRawBufferPointer(rebasing: bytes[done...]), to: descriptor, at: offset + Int64(done),
                    path: path)
                // A write of nothing would go on for ever.
                guard count > 0 else {
                    throw FileError(errno: EIO, message: "cannot write '\(path)': the system wrote nothing")
                }
                done += count
            } catch { throw SidecarError(error) }
        }
    }

    func write(_ bytes: [UInt8], at offset: Int64 = 0) throws(SidecarError) {
        try withBytes(bytes) { bytes throws(SidecarError) in try write(bytes, at: offset) }
    }

    /// Fills `buffer` from byte `offset` on.
    ///
    /// - Throws: `.damaged` when the file ends before.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        try readAll(descriptor, path, into: buffer, at: offset)
    }

    func size() throws(SidecarError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SidecarError(FileError.current("stat", path)) }
        return Int64(status.st_size)
    }

    func truncate(to size: Int64) throws(SidecarError) {
        do throws(FileError) { try calls.truncate(descriptor, to: size, path: path) } catch {
            throw SidecarError(error)
        }
    }

    func sync() throws(SidecarError) {
        do throws(FileError) { try calls.sync(descriptor, path: path) } catch { throw SidecarError.sync(error) }
    }

    func lock() throws(SidecarError) -> Bool {
        do throws(FileError) { return try calls.lock(descriptor, path: path) } catch { throw SidecarError(error) }
    }

    var status: FileStatus? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? FileStatus(status) : nil
    }
}

/// Fills `buffer` from byte `offset` of an open file on; `.damaged` when it ends before.
func readAll(
    _ descriptor: Int32, _ path: String, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
) throws(SidecarError) {
    var done = 0
    while done < buffer.count {
        let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
        if count < 0 {
            if errno == EINTR { continue }
            throw SidecarError(FileError.current("read", path))
        }
        guard count > 0 else {
            throw SidecarError(
                .damaged,
                "'\(path)' ends at byte \(offset + Int64(done)): it is shorter than it was when it was committed")
        }
        done += count
    }
}

/// The array's bytes, for a body that throws an error of its own type.
func withBytes<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(SidecarError) -> R
) throws(SidecarError) -> R {
    let result = bytes.withUnsafeBytes { bytes -> Result<R, SidecarError> in
        do throws(SidecarError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
}

/// Files and folders of the store as whole things.
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

/// What the store is told of the host's files, without changing them.
enum Host {
    static func status(_ path: String) -> FileStatus? { try? FileStatus(path: path, followLink: false) }

    /// The status of what is at `path`; nil when nothing is.
    static func statusIfThere(_ path: String) throws(SidecarError) -> FileStatus? {
        do throws(FileError) { return try FileStatus(path: path, followLink: false) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw SidecarError(error)
        }
    }

    /// The names in a folder, sorted; none when it is not there.
    static func names(_ folder: String) throws(SidecarError) -> [String] {
        guard let directory = opendir(folder) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw SidecarError(FileError.current("read folder", folder))
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The numbers that files in a folder have as their names, ascending.
    static func numbers(_ folder: String) throws(SidecarError) -> [Int] {
        try names(folder).compactMap { name in
            guard let number = Int(name), number > 0, String(number) == name else { return nil }
            return number
        }.sorted()
    }

    static func bytes(_ path: String) throws(SidecarError) -> [UInt8] {
        do throws(FileError) {
            let file = try File(path: path)
            return try file.bytes(in: 0..<file.status().size)
        } catch { throw SidecarError(error) }
    }

    /// Bytes on the disk of a folder and everything in it.
    static func heldBytes(_ folder: String) -> Int64 {
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
