// A file that appears under its name only when it is complete, and that one process at a time makes.

import Files
import Foundation
import TensorFile

/// A new file in the making: `.<name>.part` in the folder of its final name (a long one shortened), locked while
/// somebody writes it.
///
/// Who dies leaves the part; it is taken over by the next who makes the same file, as the lock went with its owner.
package final class OutputFile: RandomAccessFile {
    /// Who may make a file.
    package enum Beginning {
        case file(OutputFile)
        /// The file is complete already.
        case exists
        /// Another process is making it.
        case busy
    }

    private let path: String
    private let part: String
    private let descriptor: Int32
    private var end: Int64 = 0
    /// Up to where the system was asked to store, in bursts.
    private var handedOver: Int64 = 0
    private static let burst: Int64 = 8 << 20
    private var isOver = false

    private init(_ path: String, _ part: String, _ descriptor: Int32) {
        self.path = path
        self.part = part
        self.descriptor = descriptor
    }

    deinit {
        discard()
        close(descriptor)
    }

    /// The temporary name of the file `path`.
    static func part(of path: String) -> String { temporaryPath(for: path, prefix: ".", suffix: ".part") }

    /// Begins the file `path`, in a folder that is made when it is not there.
    package static func begin(_ path: String) throws(FileError) -> Beginning {
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty { try makeDirectories(folder) }
        try checkNameLength(path)
        let part = part(of: path)
        // Who removes what the dead left holds its lock for a moment only.
        for attempt in 0..<5 {
            if access(path, F_OK) == 0 { return .exists }
            let descriptor = try FileCalls.open(part, O_RDWR | O_CREAT)
            if try lock(descriptor, part) {
                let file = OutputFile(path, part, descriptor)
                // Whoever had it before may have completed it, or removed the name, since it was opened.
                guard file.isStillNamed else {
                    file.isOver = true
                    continue
                }
                if access(path, F_OK) == 0 { return .exists }
                try FileCalls.truncate(descriptor, to: 0, part)
                return .file(file)
            }
            close(descriptor)
            if attempt > 0 { usleep(20_000) }
        }
        return .busy
    }

    /// Removes what dead processes left in `folder`.
    package static func removeLeftovers(in folder: String) {
        let suffixes = [".h5", ".hdf5", ".npy", ".json"].map { $0 + ".part" }
        for name in (try? FolderReader.names(folder)) ?? []
        where name.hasPrefix(".") && suffixes.contains(where: name.hasSuffix) {
            let path = folder + "/" + name
            let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if (try? lock(descriptor, path)) == true { unlink(path) }
            close(descriptor)
        }
    }

    /// Whether this process has the lock now. Filesystems without locks have no second process either, as far as can be
    /// told.
    private static func lock(_ descriptor: Int32, _ path: String) throws(FileError) -> Bool {
        do throws(FileError) { return try FileCalls.lock(descriptor, path) } catch {
            guard [ENOLCK, EOPNOTSUPP, ENOSYS].contains(error.errno) else { throw error }
            return true
        }
    }

    private var isStillNamed: Bool {
        var own = stat()
        var named = stat()
        return fstat(descriptor, &own) == 0 && stat(part, &named) == 0 && own.st_ino == named.st_ino
            && own.st_dev == named.st_dev
    }

    /// Makes what was written durable and gives the file its name, durably too; returns its bytes.
    package func publish() throws(FileError) -> Int64 {
        try FileCalls.sync(descriptor, part)
        try FileCalls.rename(part, to: path)
        isOver = true
        try FileCalls.syncFolder((path as NSString).deletingLastPathComponent)
        return end
    }

    /// Removes what was written, unless it was published.
    package func discard() {
        guard !isOver else { return }
        isOver = true
        unlink(part)
    }

    // MARK: RandomAccessFile

    package func size() throws -> Int64 { end }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws {
        var done = 0
        while done < buffer.count {
            let n = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw FileError.current("read", part) }
            done += n
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
        try FileCalls.write(bytes, to: descriptor, at: offset, part)
        end = max(end, offset + Int64(bytes.count))
        // The disk begins with what has piled up, so that the end need not wait for all of it: Linux starts to store
        // pages that are said to be needed no more.
        if end - handedOver >= OutputFile.burst {
            posix_fadvise(descriptor, off_t(handedOver), off_t(end - handedOver), POSIX_FADV_DONTNEED)
            handedOver = end
        }
    }

    package func setSize(_ size: Int64) throws {
        try FileCalls.truncate(descriptor, to: size, part)
        end = size
        handedOver = min(handedOver, size)
    }
}
